"""What policies are worth: paired differences against the configuration without them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stresslab.report.charts.loss import LEVEL
from stresslab.report.charts.marks import compact_money, figure_of, interval_mark, percent_tick
from stresslab.report.charts.panels import grid_of_panels
from stresslab.report.formatting import MINUS, distinct
from stresslab.report.review import ROWS, Review
from stresslab.report.style import INK, look, style

PANELS: tuple[tuple[str, str], ...] = (
    ("account_liquidation_probability_policy_difference", "P(any pool liquidated)"),
    ("expected_loss_policy_difference", "expected loss"),
    ("expected_shortfall_policy_difference", "expected shortfall, 97.5 %"),
    ("account_loss_given_liquidation_policy_difference", "loss given liquidation"),
)
"""Variable and title of each panel."""


def figure_policy_worth(results: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """Paired differences that policies make, with 95 % intervals, one row a configuration that has some.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results in which some configuration has policies; the variables of `PANELS` are drawn.
    axes : sequence of matplotlib.axes.Axes, optional
        Four axes to draw on; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Negative, left of the line = the policies lower it. A difference without an interval has no mark and says so.
    """
    review = Review(results)
    acting = review.acting[:ROWS]
    with style():
        height = 0.3 + 0.2 * len(acting)
        panels = (
            grid_of_panels(len(PANELS), height, columns=2, left=1.3, between=0.3, gap=0.72)
            if axes is None
            else list(axes)
        )
        for place, (one, (name, title)) in enumerate(zip(panels, PANELS, strict=True)):
            for row, configuration in enumerate(acting):
                labels = {"configuration": configuration} | ({"level": LEVEL} if "shortfall" in name else {})
                estimate = review.estimate(name, **labels)
                interval_mark(one, estimate, row, look(configuration, review.configurations))
                if math.isnan(estimate.value):
                    one.annotate("too few liquidations", (0.03, row), xycoords=("axes fraction", "data"), va="center")
            one.axvline(0.0, color=INK, linewidth=0.8)
            one.set_title(title)
            one.set_ylim(len(acting) - 0.4, -0.6)
            one.set_yticks(range(len(acting)), distinct(acting, 18) if place % 2 == 0 else [""] * len(acting))
            one.tick_params(axis="y", length=0)
            one.xaxis.set_major_locator(MaxNLocator(4))
            probability = "probability" in name
            one.xaxis.set_major_formatter(FuncFormatter(_points if probability else compact_money))
            one.grid(visible=True, axis="both")
            one.set_xlabel("percentage points" if probability else review.currency)
        return figure_of(panels[0])


def _points(value: float, _: object = None) -> str:
    return percent_tick(value).replace("-", MINUS)
