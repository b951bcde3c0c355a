"""Grids of small panels."""

from __future__ import annotations

from matplotlib.axes import Axes

from stresslab.report.style import new_figure


def grid_of_panels(count: int, height: float, columns: int = 3) -> list[Axes]:
    """Axes of a new figure, row by row, at most so many columns wide; belongs inside `style`.

    Parameters
    ----------
    count : int
        Number of panels, at least 1.
    height : float
        Inches of a row.
    columns : int
        Panels in a full row.

    Returns
    -------
    list of matplotlib.axes.Axes
        As many as asked for.
    """
    rows = -(-count // columns)
    figure = new_figure(0.35 + height * rows + (0.55 if rows == 1 else 0.0))
    width = min(count, columns)
    return [figure.add_subplot(rows, width, place + 1) for place in range(count)]
