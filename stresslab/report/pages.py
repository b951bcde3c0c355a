"""The pages of the report: a finding, a chart, a table, all from one dataset."""

from __future__ import annotations

import json
from collections.abc import Callable

from stresslab.report import findings, loss_tables, tables
from stresslab.report.allocation_pages import allocation_page
from stresslab.report.blocks import Block, LeftOut, Page, Table, figure, table, text, whole_table
from stresslab.report.calibration_pages import calibration_page
from stresslab.report.change_pages import change_page
from stresslab.report.charts.collateral import figure_collateral, required_pools
from stresslab.report.charts.liquidation_prices import figure_liquidation_prices
from stresslab.report.charts.liquidation_probability import figure_liquidation_probability
from stresslab.report.charts.loss import figure_loss_distribution, figure_loss_tail, figure_losses_compared
from stresslab.report.charts.margin_ratio import figure_margin_ratio
from stresslab.report.charts.survival import figure_account_survival, figure_position_survival
from stresslab.report.formatting import count, money
from stresslab.report.limit_pages import limits_page
from stresslab.report.limit_table import limit_table
from stresslab.report.limitations import limitations
from stresslab.report.manifest import manifest
from stresslab.report.methodology import GLOSSARY, method
from stresslab.report.model_pages import models_page
from stresslab.report.policy_pages import claims_page, policies_page
from stresslab.report.policy_tables import reduced_and_closed
from stresslab.report.position_pages import position_pages
from stresslab.report.rare_pages import rare_page
from stresslab.report.replay_pages import replays_page
from stresslab.report.reverse_pages import reverse_stress_page
from stresslab.report.review import BOOKED, ROWS, Review, label
from stresslab.report.sensitivity_pages import sensitivities_page
from stresslab.report.style import is_drawn
from stresslab.report.validation_pages import validation_page


def _charted(review: Review) -> str:
    hidden = len(review.positions) - ROWS
    return f" The {ROWS} riskiest of {len(review.positions)} positions are drawn." if hidden > 0 else ""


def summary_page(review: Review, appendix: list[Table]) -> Page:
    """The finding in words, the headline table, and what a reader must be warned of."""
    blocks: list[Block] = [
        {"kind": "findings", "items": findings.summary(review)},
        *([table(lights, appendix)] if (lights := limit_table(review)) else []),
        table(tables.headline(review), appendix),
        *([table(tables.by_day(review), appendix)] if review.review_days else []),
    ]
    notices = _notices(review)
    if notices:
        blocks.append({"kind": "notices", "title": "To be borne in mind", "items": notices})
    return Page("Summary", [*blocks, {"kind": "contents"}])


def _notices(review: Review) -> list[str]:
    notices = []
    gone: dict[str, list[str]] = {}
    for configuration in review.configurations:
        for pool in review.pools(configuration):
            if review.liquidated_at_start(configuration, pool):
                gone.setdefault(pool, []).append(label(configuration))
    if gone:
        told = [f"{pool} ({', '.join(where)})" for pool, where in gone.items()]
        more = f" and {len(told) - ROWS} more" if len(told) > ROWS else ""
        notices.append(
            f"Liquidated at the start: {'; '.join(told[:ROWS])}{more}. Equity does not exceed the maintenance margin "
            "today, so the probability is 1 by definition."
        )
    if review.failed:
        notices.append(
            f"{count(review.failed)} paths failed with a number that is not finite and are left out of every estimate."
        )
    idle = {one: review.value("idle_cash", configuration=one) for one in review.configurations}
    if any(idle.values()):
        amounts = ", ".join(f"{label(one)} {money(cash)}" for one, cash in idle.items())
        notices.append(
            f"Idle cash, in no pool and never at risk, in {review.currency}: {amounts}. The same wallet stands "
            f"behind different "
            "stakes, so configurations are not compared at equal collateral."
        )
    names = [str(review.results.attrs[one]) for one in ("title", "book", "venue", "currency")]
    for dim in ("configuration", "pool", "position", "asset"):
        names += review.labels(dim)
    boxed = sum(not is_drawn(name) for name in dict.fromkeys(names))
    if boxed:
        notices.append(
            f"Signs that the fonts of this report lack are printed as boxes, in {boxed} "
            f"{'name' if boxed == 1 else 'names'}; the dataset holds the names whole."
        )
    return [*notices, *(str(notice) for notice in json.loads(review.results.attrs["notices"]))]


def book_page(review: Review, appendix: list[Table]) -> Page:
    """Positions, pools and market today."""
    attributes = review.results.attrs
    own = [BOOKED, *(["all_cross"] if len(review.pools(BOOKED)) > 1 else [])]
    every = tables.pools(review, review.configurations)
    if len(every.rows) <= ROWS:
        own = review.configurations
    blocks = [
        text(findings.book(review), "finding"),
        table(tables.positions(review), appendix),
        table(tables.pools(review, own), appendix),
        table(tables.market(review), appendix),
        text(
            f"Rules of {attributes['venue']}, effective {attributes['venue_effective']}. Losses are positive "
            f"throughout; profit and "
            "loss is signed. Quantities are in base units.",
            "note",
        ),
    ]
    if own != review.configurations:
        appendix.append(every)
    return Page("The book and its margin state", blocks)


def liquidation_prices_page(review: Review, appendix: list[Table]) -> Page:
    """Ladder and table of liquidation prices."""
    caption = (
        "How far each mark may move before liquidation. Long marks show liquidation, the short tick beyond each the "
        "bankruptcy "
        f"price; open marks at the edge lie further out. Other marks are held still.{_charted(review)}"
    )
    return Page(
        "Liquidation prices",
        [
            text(findings.liquidation_prices(review), "finding"),
            figure(
                figure_liquidation_prices(review.results),
                caption,
                f"Ladder of liquidation prices as moves from today’s mark. {findings.liquidation_prices(review)}.",
                review.source("liquidation_price", "bankruptcy_price", "entry_price"),
            ),
            table(tables.liquidation_prices(review), appendix),
        ],
    )


def liquidation_probability_page(review: Review, appendix: list[Table]) -> Page:
    """The main number."""
    return Page(
        "Liquidation probability",
        [
            text(findings.liquidation_probability(review), "finding"),
            figure(
                figure_liquidation_probability(review.results),
                "Probability of liquidation with 95 % intervals; an open mark with an arrow is the upper bound where "
                "no path was "
                f"hit.{_charted(review)}",
                f"Dot plot of liquidation probabilities by position. {findings.liquidation_probability(review)}.",
                review.source("position_liquidation_probability"),
            ),
            table(tables.probabilities(review), appendix),
            *(table(one, appendix) for one in reduced_and_closed(review)),
        ],
    )


def survival_page(review: Review, appendix: list[Table]) -> Page:
    """How long do we have."""
    return Page(
        "Survival and time to liquidation",
        [
            text(findings.survival(review), "finding"),
            figure(
                figure_account_survival(review.results),
                "Share of paths on which no pool of the account has been liquidated, with 95 % bands over the whole "
                "curve.",
                f"Survival curves of the account by configuration. {findings.survival(review)}.",
                review.source("account_survival"),
            ),
            figure(
                figure_position_survival(review.results),
                f"Survival of the pool that holds each position, with 95 % bands.{_charted(review)}",
                "Survival curves by position, isolated against cross, in small panels.",
                review.source("survival"),
            ),
            table(tables.times_to_liquidation(review), appendix),
        ],
    )


def margin_ratio_page(review: Review, appendix: list[Table]) -> Page:
    """Fan of the margin ratio."""
    return Page(
        "Margin ratio over time",
        [
            text(findings.margin_ratio(review), "finding"),
            figure(
                figure_margin_ratio(review.results),
                "Equity over maintenance margin: median, and bands that hold 50, 90 and 98 % of paths. Liquidation "
                "is at 1, where "
                "liquidated paths stay; their share is written in.",
                f"Fan charts of the margin ratio by pool. {findings.margin_ratio(review)}.",
                review.source("margin_ratio"),
            ),
        ],
    )


def _tail(review: Review) -> Block:
    return figure(
        figure_loss_tail(review.results),
        "The tail of the loss: share of paths that lose more. At the line of 2.5 %: filled, value at risk; open, the "
        "expected "
        "shortfall beyond it.",
        f"Tail of the loss on a logarithmic axis. {findings.loss(review)}.",
        review.source("loss_profile", "value_at_risk", "expected_shortfall"),
    )


def loss_page(review: Review, appendix: list[Table]) -> Page:
    """Distribution of the loss, its tail, and what liquidation costs."""
    return Page(
        "Loss",
        [
            text(findings.loss(review), "finding"),
            figure(
                figure_loss_distribution(review.results),
                "Share of paths that lose more than the amount on the axis, which runs from the quantile of 1 % to "
                "that of 99.9 %.",
                "Exceedance curves of the loss at the horizon by configuration.",
                review.source("loss_profile"),
            ),
            _tail(review),
            table(loss_tables.losses(review), appendix),
            figure(
                figure_losses_compared(review.results),
                "Expected loss, value at risk and shortfall by configuration, with 95 % intervals.",
                "Dot plots of expected loss, value at risk and expected shortfall by configuration.",
                review.source("expected_loss", "value_at_risk", "expected_shortfall"),
            ),
            table(loss_tables.loss_differences(review), appendix),
            *(
                [table(loss_tables.tail_makers(review), appendix)]
                if review.holds("position_shortfall_contribution")
                else []
            ),
            *(table(one, appendix) for one in loss_tables.ended_by(review)),
            table(loss_tables.given_liquidation(review), appendix),
        ],
    )


def short_loss_page(review: Review, appendix: list[Table]) -> Page:
    """The tail of the loss, and the paired differences."""
    return Page(
        "Loss",
        [
            text(findings.loss(review), "finding"),
            _tail(review),
            table(loss_tables.losses(review), appendix),
            table(loss_tables.loss_differences(review), appendix),
        ],
    )


def collateral_page(review: Review, appendix: list[Table]) -> Page | LeftOut:
    """Collateral against probability."""
    pools = len(required_pools(review))
    if not pools:
        return LeftOut(
            "Collateral against probability", "something acts on every pool, so no single amount decides its survival"
        )
    shown = f" The first {ROWS} of {pools} pools are drawn, those as booked before the others." if pools > ROWS else ""
    return Page(
        "Collateral against probability",
        [
            text(findings.collateral(review), "finding"),
            figure(
                figure_collateral(review.results),
                "Probability of liquidation that each amount of collateral leaves. Mark: today. Line: 1 %. Tick and "
                "gray band: the "
                "collateral it requires, with its 95 % interval. An open mark: not liquidated on any path."
                f"{shown}",
                f"Curves of liquidation probability against collateral by pool. {findings.collateral(review)}.",
                review.source("required_collateral_profile", "collateral"),
            ),
            table(tables.required_collateral(review), appendix),
        ],
    )


def limitations_page(review: Review, appendix: list[Table]) -> Page:
    """Numbered assumptions with the direction of their bias."""
    items = [{"title": one.title, "text": one.text, "bias": one.bias} for one in limitations(review)]
    return Page(
        "Assumptions and limitations",
        [text(findings.limitations(limitations(review)), "finding"), {"kind": "limitations", "items": items}],
    )


def methodology_page(review: Review, appendix: list[Table]) -> Page:
    """The method in brief, and the glossary."""
    return Page(
        "Method and glossary",
        [
            {"kind": "method", "items": [list(item) for item in method(review)]},
            {"kind": "glossary", "items": [list(item) for item in GLOSSARY]},
        ],
    )


def manifest_page(review: Review, appendix: list[Table]) -> Page:
    """Identity of the run, and signatures."""
    return Page("Manifest", manifest(review))


FORMS: dict[str, tuple[Callable[[Review, list[Table]], Page | LeftOut | None], ...]] = {
    "short": (
        summary_page,
        limits_page,
        liquidation_probability_page,
        short_loss_page,
        collateral_page,
        replays_page,
        models_page,
        limitations_page,
        manifest_page,
    ),
    "standard": (
        summary_page,
        limits_page,
        book_page,
        liquidation_prices_page,
        liquidation_probability_page,
        survival_page,
        margin_ratio_page,
        loss_page,
        collateral_page,
        reverse_stress_page,
        policies_page,
        claims_page,
        replays_page,
        models_page,
        limitations_page,
        methodology_page,
        manifest_page,
    ),
    "full": (
        summary_page,
        change_page,
        limits_page,
        book_page,
        liquidation_prices_page,
        liquidation_probability_page,
        rare_page,
        survival_page,
        margin_ratio_page,
        loss_page,
        collateral_page,
        allocation_page,
        policies_page,
        claims_page,
        replays_page,
        reverse_stress_page,
        sensitivities_page,
        models_page,
        calibration_page,
        validation_page,
        limitations_page,
        methodology_page,
        manifest_page,
    ),
}


def pages(review: Review, form: str) -> list[Page]:
    """All pages of a form that there is something for, in the full one a page a position as well.

    An appendix ends them where a table is too long for the body.
    """
    appendix: list[Table] = []
    made = [page(review, appendix) for page in FORMS[form]]
    if form == "full":
        made += position_pages(review, appendix)
    body = [each for each in made if isinstance(each, Page)]
    if appendix:
        body.append(Page("Appendix: tables in full", [whole_table(one) for one in appendix]))
    missing = [[each.title, each.reason] for each in made if isinstance(each, LeftOut)]
    for block in (block for page in body for block in page.blocks if block["kind"] == "contents"):
        block["left_out"] = missing
    return body
