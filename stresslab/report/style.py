"""How every chart looks, and how it becomes an SVG whose bytes repeat."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from html import escape, unescape
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from stresslab.report.review import BOOKED, CROSS, ISOLATED

WIDTH = 6.3
"""Inches across the text of the page, so that a chart's points are the page's points."""
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts", "/Library/Fonts")
"""Where machines keep fonts; searched for one of CJK signs when a name has some that the shipped fonts lack."""
INK = "#222222"
MUTED = "#6b6b6b"
PALE = "#d8d8d8"
_LABEL_SIZE = 7.5
_TEXT = re.compile(r"(<text [^>]*>)([^<]*)")

_RULES: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": _LABEL_SIZE,
    "axes.titlesize": 8,
    "axes.titleweight": "normal",
    "axes.titlelocation": "left",
    "axes.labelsize": _LABEL_SIZE,
    "xtick.labelsize": _LABEL_SIZE,
    "ytick.labelsize": _LABEL_SIZE,
    "legend.fontsize": _LABEL_SIZE,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 1.6,
    "ytick.minor.size": 1.6,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "stresslab",
    # Names come out as they are; a dollar sign begins no formula.
    "text.parse_math": False,
    "figure.dpi": 72,
}


@dataclass(frozen=True)
class Look:
    """Fixed appearance of a configuration on every page; each part alone tells it from the others.

    Parameters
    ----------
    color, marker, line : str
        As matplotlib names them.
    """

    color: str
    marker: str
    line: str | tuple[int, tuple[float, ...]]


_LOOKS = {
    ISOLATED: Look("#0060a8", "o", "-"),
    CROSS: Look("#d1480e", "s", "--"),
    BOOKED: Look("#00835a", "^", "-."),
}
_OTHERS = (
    Look("#7a4fa3", "D", ":"),
    Look("#8a6d00", "v", (0, (6, 1, 1, 1, 1, 1))),
    Look("#5a5a5a", "P", (0, (1, 2))),
    Look("#a83279", "X", (0, (8, 2))),
)


def look(configuration: str, configurations: Sequence[str]) -> Look:
    """Appearance of a configuration; the scenario's own take theirs in the order of the dataset."""
    if configuration in _LOOKS:
        return _LOOKS[configuration]
    own = [name for name in configurations if name not in _LOOKS]
    return _OTHERS[own.index(configuration) % len(_OTHERS)]


@contextmanager
def style() -> Iterator[None]:
    """Within it figures are made and written in the report's style, whatever the session's own settings are."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RULES)
        # Names may hold signs that the font lacks; the PDF has a font of last resort for them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


class ReportFigure(Figure):
    """A figure that a notebook shows as it is, without a backend to be chosen."""

    def _repr_svg_(self) -> str:
        return svg(self)


def new_figure(height: float, *, fitted: bool = True) -> Figure:
    """An empty figure as wide as the text, in inches of height, its margins fitted or not; belongs inside `style`."""
    figure = ReportFigure(figsize=(WIDTH, height), layout="constrained" if fitted else None)
    FigureCanvasSVG(figure)
    return figure


def svg(figure: Figure) -> str:
    """The figure as SVG text; the same figure gives the same bytes."""
    buffer = io.StringIO()
    with style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _TEXT.sub(_in_spare_font, buffer.getvalue())


def _in_spare_font(found: re.Match[str]) -> str:
    """A text of a chart in the spare font, where it has a sign that the font of the charts lacks."""
    name = unescape(found[2])
    if not needs_spare_font(name) or (family := spare_family()) is None:
        return found[0]
    # A single sign that it lacks too would give the whole text to the font of last resort.
    drawn = "".join(sign if is_drawn(sign) else "\u25a1" for sign in name)
    return f"{found[1].replace('DejaVu Sans', family)}{escape(drawn)}"


@cache
def _signs(font: str) -> frozenset[int]:
    """Code points that a font file can draw."""
    return frozenset(get_font(font).get_charmap())


@cache
def spare_font() -> Path | None:
    """The font for Chinese, Japanese and Korean signs that this machine has installed; None where it has none.

    Noto Sans CJK in its regular weight alone: another font of the machine never enters a report.
    """
    found = (path for root in FONT_FOLDERS for path in sorted(Path(root).expanduser().rglob("NotoSansCJK*-Regular.*")))
    return next((path for path in found if path.suffix in (".ttc", ".otf", ".ttf")), None)


def spare_family() -> str | None:
    """Its family as typesetters name it; of a collection of languages the one for simplified Chinese."""
    path = spare_font()
    if path is None:
        return None
    family = str(get_font(str(path)).family_name)
    return family.replace(" JP", " SC") if path.suffix == ".ttc" else family


def needs_spare_font(name: str) -> bool:
    """Whether some sign of a name is not in the font of the charts, which the text falls back on."""
    own = _signs(findfont("DejaVu Sans"))
    return any(ord(sign) not in own for sign in name)


def is_drawn(name: str) -> bool:
    """Whether the fonts at hand have every sign of a name; a sign that they lack becomes a box."""
    if not needs_spare_font(name):
        return True
    spare = spare_font()
    signs = _signs(findfont("DejaVu Sans")) | (_signs(str(spare)) if spare else frozenset())
    return all(ord(sign) in signs for sign in name)


def panel(axes: Axes, *, grid: str = "both") -> None:
    """Quiet grid behind the data."""
    axes.grid(visible=True, axis=grid, which="major")  # type: ignore[arg-type]
