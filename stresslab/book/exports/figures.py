"""Figures as exports write them, read without loss and without a guess, and figures as books write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from stresslab.documents.names import shown

# What exports print where they have nothing to say.
_BLANKS = frozenset({"", "-", "--", "—", "n/a", "na", "none", "null"})
_SIGNS_AND_SPACES = str.maketrans(
    {"\u2212": "-", "\uff0d": "-", "\u2013": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"}
)
_FIGURE = re.compile(
    r"(?P<sign>[+-]?) ?(?P<dollar>\$?)"
    r"(?P<digits>[1-9][0-9]{0,2}(?P<gap>[, '_])[0-9]{3}(?:(?P=gap)[0-9]{3})*(?:\.[0-9]*)?|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?P<exponent>[eE][+-]?[0-9]{1,3})? ?(?P<unit>[A-Za-z]{1,20})?"
)
_LARGEST_EXPONENT = 18


@dataclass(frozen=True)
class Figure:
    """A number and the unit that stood behind it.

    Parameters
    ----------
    value : decimal.Decimal
        Exactly as written, zero or of a size between 1e-18 and 1e19.
    unit : str
        As written, such as ``USDT`` or ``x``; a dollar sign counts as ``USD``; empty where there was none.
    """

    value: Decimal
    unit: str


def is_blank(text: str) -> bool:
    """Whether a cell says nothing: empty, a dash, ``n/a``, ``none`` or ``null``."""
    return text.translate(_SIGNS_AND_SPACES).strip().casefold() in _BLANKS


def read_figure(text: str, *, comma_may_be_decimal: bool = False) -> Figure:
    """Read one number as people and venues write it.

    Thousands may be set apart by commas, spaces, apostrophes or underscores, in groups of three; a minus may be any
    of the usual dashes; a unit may follow. Decimals follow a point.

    Parameters
    ----------
    text : str
        The cell.
    comma_may_be_decimal : bool
        Refuse commas: in a file that sets its fields apart by semicolons, a comma may as well stand for the point.

    Returns
    -------
    Figure
        The number and its unit.

    Raises
    ------
    ValueError
        If it is no number, or one that can be read in two ways; its two arguments are the problem and the remedy.
    """
    match = _FIGURE.fullmatch(text.translate(_SIGNS_AND_SPACES).strip())
    if match is None or (match["dollar"] and match["unit"]):
        raise ValueError(f"{shown(text)} is not a number", "write digits with a decimal point, such as 1,234.5")
    if match["gap"] == "," and comma_may_be_decimal:
        problem = f"the comma in {shown(text)} may set off thousands or decimals"
        raise ValueError(problem, "write the figure with a decimal point and without commas")
    digits = re.sub("[, '_]", "", match["digits"])
    value = Decimal(match["sign"] + digits + (match["exponent"] or ""))
    if value and abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(f"{shown(text)} is beyond the size that markets have", "check the figure")
    return Figure(value, "USD" if match["dollar"] else match["unit"] or "")


def figure_text(value: Decimal) -> str:
    """A number as a book writes it: the plain decimal, exact, without exponent or trailing zeros.

    Examples
    --------
    >>> figure_text(Decimal("1.50E+3")), figure_text(Decimal("-0.0250"))
    ('1500', '-0.025')
    """
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
