"""How far a number moves with each factor: a tornado."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stresslab.report.charts.marks import compact_money, figure_of, percent_tick
from stresslab.report.review import BOOKED, label
from stresslab.report.style import INK, new_figure, style

TITLES = {
    "account_liquidation_probability": "P(any liquidation)",
    "liquidation_probability": "P(liquidation)",
    "expected_loss": "expected loss",
    "expected_shortfall": "expected shortfall 97.5 %",
}
_HEIGHT = 0.34
_SOLID = "#b4b4b4"


def by_width(results: xr.Dataset, name: str, configuration: str = BOOKED, pool: str | None = None) -> list[str]:
    """Factors of the whole book, the one with the largest change in either direction first."""
    changes = abs(_at(results, f"{name}_change", configuration, pool)).max("direction")
    whole = [place for place in range(changes.size) if not str(results.moved_position.values[place])]
    order = sorted(whole, key=lambda place: -float(changes[place]))
    return [str(results.factor.values[place]) for place in order]


def figure_tornado(
    results: xr.Dataset,
    axes: Axes | None = None,
    *,
    name: str = "account_liquidation_probability",
    configuration: str = BOOKED,
    pool: str | None = None,
) -> Figure:
    """What each factor does to a number when it is moved down and up, the largest change on top.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.sensitivities`.
    axes : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.
    name : str
        ``account_liquidation_probability``, ``expected_loss``, ``expected_shortfall``, or ``liquidation_probability``
        of a pool.
    configuration : str
        Of which.
    pool : str, optional
        The pool, for ``liquidation_probability``.

    Returns
    -------
    matplotlib.figure.Figure
        Bars from the number as stated to the number after the move: hatched down, solid up. Lines across their ends
        are the 95 % intervals of the changes.
    """
    factors = by_width(results, name, configuration, pool)
    stated = float(_at(results, f"{name}_stated", configuration, pool))
    money = name.startswith("expected")
    with style():
        if axes is None:
            axes = new_figure(0.8 + 0.33 * len(factors)).add_subplot()
        for row, factor in enumerate(factors):
            for side, direction in ((-0.5, "down"), (0.5, "up")):
                where = {"factor": factor, "direction": direction}
                change, lower, upper = (
                    float(_at(results, f"{name}_change{end}", configuration, pool).sel(where))
                    for end in ("", "_lower", "_upper")
                )
                solid = direction == "up"
                at = row + side * _HEIGHT
                axes.barh(
                    at,
                    change,
                    _HEIGHT,
                    left=stated,
                    facecolor=_SOLID if solid else "white",
                    edgecolor=INK,
                    linewidth=0.6,
                    hatch=None if solid else "////",
                )
                axes.plot([stated + lower, stated + upper], [at, at], color=INK, linewidth=1.4)
        axes.axvline(stated, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(factors)), [_words(results, factor) for factor in factors])
        axes.set_ylim(len(factors) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        of = label(configuration) if pool is None else f"{pool}, {label(configuration)}"
        axes.set_xlabel(f"{TITLES[name]}, {of}, {results.attrs['currency'] if money else '%'}")
        axes.xaxis.set_major_formatter(FuncFormatter(compact_money if money else percent_tick))
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.grid(visible=True, axis="x")
        handles = [
            Patch(facecolor="white", edgecolor=INK, linewidth=0.6, hatch="////", label="moved down"),
            Patch(facecolor=_SOLID, edgecolor=INK, linewidth=0.6, label="moved up"),
        ]
        axes.legend(handles=handles, loc="lower right", frameon=False)
        return figure_of(axes)


def _at(results: xr.Dataset, name: str, configuration: str, pool: str | None) -> xr.DataArray:
    here = results[name].sel(configuration=configuration)
    return here if pool is None else here.sel(pool=pool)


def _words(results: xr.Dataset, factor: str) -> str:
    down, up = (str(words) for words in results.shock_in_words.sel(factor=factor).values)
    moved = f"±{up[1:]}" if up[0] == "+" else f"{up.split()[0]} to {down.split()[-1]} or {up.split()[-1]}"
    return f"{factor.replace('_', ' ')}\n{moved}"
