"""What a variable of a result is, and how its interval is made."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = 1
"""Of the results; a file of another schema is refused."""

POOL = ("configuration", "pool")
CONFIGURATION = ("configuration",)


@dataclass(frozen=True)
class Variable:
    """One variable of a result.

    Parameters
    ----------
    name : str
        As in the file.
    dims : tuple of str
        Dimension names in order.
    unit : str
        ``"1"`` for a fraction, ``"day"``, ``"money"`` for the account's currency, ``"price"`` for currency per base
        unit, ``"quantity"`` for base units, or ``""`` for text.
    sign : str
        Which sign means what, or ``"not negative"``.
    description : str
        One sentence.
    interval : str
        ``""`` or how the companions ``_lower`` and ``_upper`` (95 %) are made; after ``"standard error"`` there is a
        ``_standard_error`` too.
    """

    name: str
    dims: tuple[str, ...]
    unit: str
    sign: str
    description: str
    interval: str = ""


WILSON = "Wilson"
ORDER = "order statistics"
NORMAL = "normal"
BAND = "Dvoretzky-Kiefer-Wolfowitz, over the whole curve"
PAIRED = "paired, Bonett-Price"
PAIRED_NORMAL = "paired, normal"
PAIRED_SECTIONS = "paired, sectioning"


def probability_variable(name: str, dims: tuple[str, ...], description: str, interval: str = WILSON) -> Variable:
    """A variable that is a probability."""
    return Variable(name, dims, "1", "0 to 1", description, interval)
