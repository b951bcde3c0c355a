"""The page on market models: what the same book comes to under each, and how far they lie apart."""

from __future__ import annotations

from functools import cached_property

import xarray as xr

from stresslab.report.blocks import Cell, Column, LeftOut, Page, Table, figure, table, text
from stresslab.report.charts.loss import LEVEL
from stresslab.report.charts.models import figure_models
from stresslab.report.formatting import Estimate, count, money, money_estimate
from stresslab.report.review import BOOKED, Review, label

TITLE = "Market models"
_ANY = "account_liquidation_probability"
_FIGURES: tuple[tuple[str, dict[str, float]], ...] = (
    (_ANY, {}),
    ("expected_loss", {}),
    ("expected_shortfall", {"level": LEVEL}),
)


class Models:
    """The same book under several models, each read as a run of its own.

    Parameters
    ----------
    joined : xarray.Dataset
        Results with the dim ``model``, the stated choice first.
    """

    def __init__(self, joined: xr.Dataset) -> None:
        self.joined = joined
        self.names = [str(name) for name in joined.model.values]

    @cached_property
    def reviews(self) -> dict[str, Review]:
        """A review by model."""
        return {name: Review(self.joined.isel(model=place)) for place, name in enumerate(self.names)}

    def estimates(self, name: str, configuration: str, **labels: float) -> dict[str, Estimate]:
        """One number with its interval by model, the greatest first."""
        found = {
            model: each.estimate(name, configuration=configuration, **labels) for model, each in self.reviews.items()
        }
        return dict(sorted(found.items(), key=lambda item: -item[1].value))

    def written(self, name: str, model: str, configuration: str, **labels: float) -> tuple[str, str]:
        """That number of one model and what stands beneath it."""
        review = self.reviews[model]
        if name == _ANY:
            return review.chance(name, configuration)
        return money_estimate(review.estimate(name, configuration=configuration, **labels))


def models_page(review: Review, appendix: list[Table]) -> Page | LeftOut:
    """The book under each market model, with the envelope; left out where the results are of a single one."""
    joined = review.companions.models
    if joined is None:
        return LeftOut(TITLE, review.why_missing("models", "these results are of one market model"))
    models = Models(joined)
    finding = apart(models)
    shown = ", ".join(name for name, _ in _FIGURES)
    paths = count(float(joined.attrs["paths"]))
    return Page(
        TITLE,
        [
            text(finding, "finding"),
            *(text(sentence) for sentence in shortfall(models)),
            figure(
                figure_models(joined),
                "The account under each model with 95 % intervals. Hatched: from the least to the greatest estimate as "
                f"booked. The model of this report is {models.names[0]}, named in bold with an arrow. {finding}.",
                f"Dot plots by model and configuration. {finding}.",
                f"{paths} paths a model · {review.horizon} · step {review.step} · {shown}",
            ),
            table(_envelopes(models, review.currency), appendix),
            table(_estimates(models, review.currency), appendix),
        ],
    )


def apart(models: Models) -> str:
    """How far the models' probabilities of any liquidation, as booked, lie apart; without the final period.

    Parameters
    ----------
    models : Models
        At least two.

    Returns
    -------
    str
        Range, the model that gives the greatest, and whether the intervals of the extremes overlap.
    """
    found = models.estimates(_ANY, BOOKED)
    worst, *_, mildest = found
    if found[worst].value == 0.0:
        bounds = [models.written(_ANY, name, BOOKED)[0] for name in found]
        return f"Held as booked, no pool was liquidated under any of the {len(found)} models ({', '.join(bounds)})"
    if found[worst].value == found[mildest].value:
        chance = models.written(_ANY, worst, BOOKED)[0]
        return f"All {len(found)} models give the same probability of a liquidation as booked, {chance}"
    low, high = (models.written(_ANY, name, BOOKED)[0] for name in (mildest, worst))
    return (
        f"P(any pool liquidated) as booked runs from {low} under {mildest} to {high} under {worst}, the worst of "
        f"{len(found)} models; their intervals {_overlap(found[mildest], found[worst])}"
    )


def _overlap(low: Estimate, high: Estimate) -> str:
    if low.upper < high.lower:
        return "do not overlap, so the choice of the model matters more than the number of paths"
    return "overlap, so at this number of paths sampling alone may explain the difference"


def shortfall(models: Models) -> list[str]:
    """What the expected shortfall as booked says of the models, and where the stated choice lies; whole sentences."""
    found = models.estimates("expected_shortfall", BOOKED, level=LEVEL)
    chosen, (worst, *_, mildest) = models.names[0], found
    currency = models.joined.attrs["currency"]
    if found[worst].value == found[mildest].value:
        first = f"The expected shortfall beyond 97.5 % as booked is {money(found[worst].value)} {currency} under each."
    else:
        meets = "do not overlap" if found[mildest].upper < found[worst].lower else "overlap"
        first = (
            f"The expected shortfall beyond 97.5 % as booked runs from {money(found[mildest].value)} ({mildest}) to "
            f"{money(found[worst].value)} {currency} ({worst}); their intervals {meets}."
        )
    chances = list(models.estimates(_ANY, BOOKED))
    places = {"P(any pool liquidated)": chances.index(chosen), "expected shortfall": list(found).index(chosen)}
    milder = [what for what, place in places.items() if place > 0]
    if milder:
        other = f"Under another model than the stated choice, {chosen},"
        return [first, f"{other} the estimate of {' and of '.join(milder)} is higher."]
    return [first, f"The stated choice, {chosen}, gives the highest estimate of both."]


def _columns(first: str, *second: Column) -> tuple[Column, ...]:
    return (
        Column(first, "left", 1.0),
        *second,
        Column("P(any pool\nliquidated)", "right"),
        Column("Expected\nloss", "right"),
        Column("Expected shortfall\n97.5 %", "right"),
    )


def _envelopes(models: Models, currency: str) -> Table:
    rows: list[list[Cell]] = []
    for configuration in models.reviews[models.names[0]].configurations:
        row: list[Cell] = [label(configuration)]
        for name, where in _FIGURES:
            found = models.estimates(name, configuration, **where)
            worst, *_, mildest = found
            low, high = (models.written(name, model, configuration, **where)[0] for model in (mildest, worst))
            same = found[worst].value == found[mildest].value
            row.append((high, "under each") if same else (f"{low} to {high}", f"{mildest} to {worst}"))
        rows.append(row)
    return Table(
        f"Envelope over the models, least to greatest estimate; amounts in {currency}",
        _columns("Configuration"),
        rows,
        note="Beneath: the models that give the least and the greatest. The envelope is of estimates, without their "
        "sampling errors.",
    )


def _estimates(models: Models, currency: str) -> Table:
    rows: list[list[Cell]] = []
    for configuration in models.reviews[models.names[0]].configurations:
        for model in models.estimates(_ANY, configuration):
            chosen = "this report’s" if model == models.names[0] else ""
            figures = (models.written(name, model, configuration, **where) for name, where in _FIGURES)
            rows.append([label(configuration), (model, chosen), *figures])
    return Table(
        f"Each configuration under each model, its highest probability first; amounts in {currency}",
        _columns("Configuration", Column("Model", "left")),
        rows,
        note="Beneath each estimate its 95 % interval: Wilson for probabilities, normal for losses.",
    )
