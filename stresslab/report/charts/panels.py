"""Grids of small panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import NullLocator

from stresslab.report.charts.marks import figure_of
from stresslab.report.style import WIDTH, new_figure

_BELOW = 0.42


def grid_of_panels(
    count: int,
    height: float,
    *,
    columns: int = 3,
    left: float = 0.55,
    between: float = 0.42,
    above: float = 0.22,
    gap: float = 0.28,
) -> list[Axes]:
    """Axes of a new figure, row by row; belongs inside `style`.

    The margins are fixed: fitting them to the labels, as matplotlib can, takes longer than all the drawing.

    Parameters
    ----------
    count : int
        Number of panels, at least 1.
    height : float
        Inches of a panel's frame; more where there is a single row.
    columns : int
        Panels in a full row.
    left, between, above, gap : float
        Inches left of the first column, between columns, above the first row, and between rows.

    Returns
    -------
    list of matplotlib.axes.Axes
        As many as asked for.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    # A single row has room for taller panels.
    height = 1.6 * height if rows == 1 else height
    total = above + rows * height + (rows - 1) * gap + _BELOW
    figure = new_figure(total, fitted=False)
    width = (WIDTH - left - 0.1 - (columns - 1) * between) / columns
    panels = []
    for place in range(count):
        row, column = divmod(place, columns)
        x = left + column * (width + between)
        y = total - above - height - row * (height + gap)
        panels.append(figure.add_axes((x / WIDTH, y / total, width / WIDTH, height / total)))
    return panels


def only_below(panels: Sequence[Axes], columns: int, name: str) -> None:
    """Ticks and name of a common horizontal axis where no panel stands beneath."""
    columns = min(columns, len(panels))
    for place, one in enumerate(panels):
        if place + columns < len(panels):
            one.tick_params(axis="x", labelbottom=False)
        else:
            one.set_xlabel(name)


def side_by_side(count: int, height: float) -> list[Axes]:
    """Axes of a new figure in one row, their rows in common; belongs inside `style`."""
    return list(new_figure(height).subplots(1, count, sharey=True))


def named_rows(panels: Sequence[Axes], names: Sequence[str]) -> None:
    """Rows from above to below in every panel, their names left of the first."""
    for place, one in enumerate(panels):
        one.set_yticks(range(len(names)), names)
        one.set_ylim(len(names) - 0.5, -0.5)
        one.tick_params(axis="y", length=0, labelleft=place == 0)


def common_legend(panels: Sequence[Axes], entries: tuple[list[Any], list[Any]], columns: int, *, own: bool) -> None:
    """One legend above the panels of a figure of ours; above the first of axes that were given."""
    if own:
        figure_of(panels[0]).legend(*entries, loc="outside upper center", ncols=columns)
    else:
        panels[0].legend(*entries, loc="lower left", bbox_to_anchor=(0.0, 1.08), ncols=columns)


def without_minor_ticks(*axes: Axis) -> None:
    """Small panels have no room for minor ticks."""
    for axis in axes:
        axis.set_minor_locator(NullLocator())
