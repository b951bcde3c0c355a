"""Several accounts as one: the loss of the whole against its parts, who makes its tail, and who falls with whom."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stresslab.report.charts.marks import (
    compact_money,
    dodge,
    figure_of,
    interval_mark,
    log_shares,
    percent_tick,
)
from stresslab.report.charts.panels import common_legend
from stresslab.report.formatting import NOTHING, Estimate, distinct
from stresslab.report.review import BOOKED, ROWS, Review
from stresslab.report.style import INK, MUTED, Look, new_figure, panel, style

LEVEL = 0.975
"""Level of the expected shortfall that the charts show."""
_WHOLE = Look("#00835a", "^", "-")
_TOGETHER = Look("#5a5a5a", "o", "--")


def accounts_by_risk(results: xr.Dataset) -> list[str]:
    """Accounts as booked, the riskiest first: by probability of a liquidation, then by shortfall over value.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.run_institution`.
    """
    booked = results.sel(configuration=BOOKED)
    chance = booked["account_liquidation_probability"].values
    value = booked["account_value"].values
    shortfall = booked["account_expected_shortfall"].sel(level=LEVEL).values
    share = np.divide(shortfall, value, out=np.full(value.size, np.inf), where=value > 0.0)
    return [str(results["account"].values[place]) for place in np.lexsort((-share, -chance))]


def figure_institution_loss(results: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """Share of paths that lose more than an amount: the institution, and its accounts at their worst all at once.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.run_institution`; `loss_profile` and the sum of `account_loss_profile` as booked are drawn.
        Positive = loss.
    axes : sequence of matplotlib.axes.Axes, optional
        Two axes, for the whole distribution and for its tail; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        The figure. The second curve is the loss whose every quantile is the sum of the accounts' own: what would be
        lost if they did not diversify at all.
    """
    review = Review(results)
    profile = np.array(review.labels("profile"))
    whole = review.array("loss_profile", configuration=BOOKED)
    together = review.array("account_loss_profile", configuration=BOOKED).sum(axis=0)
    with style():
        panels = list(new_figure(2.5).subplots(1, 2)) if axes is None else list(axes)
        # A curve ends where ten paths are left: beyond, it would draw single paths.
        seen = (profile >= 0.01) & (1.0 - profile >= min(10.0 / review.paths, 0.05))
        tail = seen & (profile >= 0.9)
        for one, shown in zip(panels, (seen, tail), strict=True):
            for losses, look, name in (
                (whole, _WHOLE, "the institution"),
                (together, _TOGETHER, "its accounts, each at its own quantile at once"),
            ):
                one.plot(losses[shown], 1.0 - profile[shown], color=look.color, linestyle=look.line, label=name)
            one.xaxis.set_major_formatter(FuncFormatter(compact_money))
            one.xaxis.set_major_locator(MaxNLocator(4))
            one.tick_params(axis="x", colors=MUTED, labelcolor=INK)
            one.set_xlabel(f"loss after {review.horizon}, {review.currency}")
            panel(one)
        panels[0].axvline(0.0, color=INK, linewidth=0.8)
        panels[0].set_ylim(-0.02, 1.02)
        panels[0].yaxis.set_major_formatter(FuncFormatter(percent_tick))
        panels[0].set_ylabel("paths that lose more, %")
        lowest = min(float((1.0 - profile[tail]).min()), 1.0 - LEVEL) * 0.8
        panels[1].set_yscale("log")
        panels[1].set_ylim(lowest, 0.11)
        log_shares(panels[1].yaxis, lowest, 0.11)
        panels[1].axhline(1.0 - LEVEL, color=INK, linewidth=0.6)
        panels[1].set_ylabel("the tail, % (log scale)")
        common_legend(panels, panels[0].get_legend_handles_labels(), 2, own=axes is None)
        return figure_of(panels[0])


def figure_institution_contributions(results: xr.Dataset, axes: Axes | None = None) -> Figure:
    """What each account adds to the institution's expected shortfall, beside its own.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.run_institution`; `account_shortfall_contribution` and `account_expected_shortfall` as booked at
        97.5 % are drawn, with 95 % intervals. Positive = loss.
    axes : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each of the 12 riskiest accounts.
    """
    review, names = Review(results), accounts_by_risk(results)[:ROWS]
    with style():
        own = axes is None
        if axes is None:
            axes = new_figure(0.95 + 0.3 * len(names)).add_subplot()
        for row, name in enumerate(names):
            at = {"configuration": BOOKED, "account": name, "level": LEVEL}
            for place, (variable, look, told) in enumerate(
                (
                    ("account_shortfall_contribution", _WHOLE, "in the tail of the institution"),
                    ("account_expected_shortfall", _TOGETHER, "in its own tail"),
                )
            ):
                where = row + dodge(place, 2)
                interval_mark(axes, review.estimate(variable, **at), where, look, told if row == 0 else None)
        axes.axvline(0.0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(names)), distinct(names))
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=True, axis="x")
        axes.xaxis.set_major_formatter(FuncFormatter(compact_money))
        axes.set_xlabel(f"mean loss, {review.currency}")
        common_legend([axes], axes.get_legend_handles_labels(), 2, own=own)
        return figure_of(axes)


def figure_institution_contagion(results: xr.Dataset, axes: Axes | None = None) -> Figure:
    """Probability that one account sees a liquidation where another does, as a matrix.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.run_institution`; `liquidation_given_liquidation` as booked is drawn, and
        `account_liquidation_probability` as its last row.
    axes : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each of the 12 riskiest accounts that has a liquidation, a column for each that may follow; figures in
        percent. A bound of the 95 % interval stands where none or all of the paths were hit.
    """
    review, names = Review(results), accounts_by_risk(results)[:ROWS]

    def estimate(given: str | None, other: str) -> Estimate:
        if given is None:
            return review.estimate("account_liquidation_probability", configuration=BOOKED, account=other)
        at = {"configuration": BOOKED, "account": given, "other_account": other}
        return review.estimate("liquidation_given_liquidation", **at)

    cells = [[estimate(given, other) for other in names] for given in (*names, None)]
    shades = np.nan_to_num([[each.value for each in line] for line in cells])
    # An account given itself says nothing.
    shades[np.eye(*shades.shape, dtype=np.bool_)] = 0.0
    short, many = distinct(names, 18), len(names) > 5
    with style():
        if axes is None:
            axes = new_figure(0.9 + 0.7 * many + 0.32 * len(cells)).add_subplot()
        axes.imshow(shades, cmap="Blues", vmin=0.0, vmax=1.6, aspect="auto")
        for row, line in enumerate(cells):
            for column, each in enumerate(line):
                axes.text(column, row, "" if row == column else _in_cell(each), ha="center", va="center", color=INK)
        axes.axhline(len(names) - 0.5, color=INK, linewidth=1.2)
        axes.set_xticks(range(len(names)), short, rotation=90 if many else 0)
        axes.set_yticks(range(len(cells)), [*(f"given {each}" for each in short), "on any path"])
        axes.tick_params(length=0)
        axes.xaxis.tick_top()
        for spine in axes.spines.values():
            spine.set_visible(False)
        return figure_of(axes)


def _in_cell(estimate: Estimate) -> str:
    """A share in percent; a bound of its interval where none or all of the paths were hit."""
    if math.isnan(estimate.value):
        return NOTHING
    if estimate.value == 0.0:
        return f"< {100.0 * estimate.upper:.2g}"
    if estimate.value == 1.0:
        return f"> {math.floor(100.0 * estimate.lower)}"
    share = 100.0 * estimate.value
    return (
        f"{share:.2g}" if share < 10.0 else f"{share:.0f}" if share < 99.5 else f"{math.floor(10.0 * share) / 10.0:g}"
    )
