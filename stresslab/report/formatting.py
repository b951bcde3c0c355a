"""Numbers as a reader meets them: three digits for probabilities, grouped money, times in days, never a bare zero."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

THIN = "\u202f"
MINUS = "\u2212"
NOTHING = "\u2013"
# Below this a percentage has more zeros than digits; powers of ten are easier to read.
_SMALLEST_PERCENTAGE = 1e-4


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Parameters
    ----------
    value, lower, upper : float
        In one unit; missing values are NaN.
    """

    value: float
    lower: float
    upper: float

    @property
    def certain_sign(self) -> int:
        """+1 or -1 where the whole interval lies on one side of zero, else 0."""
        if self.lower > 0.0:
            return 1
        return -1 if self.upper < 0.0 else 0


def _decimals(value: float, digits: int) -> int:
    """Decimals that show so many significant digits, rounding considered."""
    if value == 0.0 or not math.isfinite(value):
        return 0
    exponent = math.floor(math.log10(float(f"{abs(value):.{digits - 1}e}")))
    return max(0, digits - 1 - exponent)


def _plain(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}".replace(",", THIN)
    if text.startswith("-"):
        return text[1:] if float(f"{value:.{decimals}f}") == 0.0 else MINUS + text[1:]
    return text


def number(value: float, digits: int = 3) -> str:
    r"""A number with so many significant digits, grouped by thin spaces; a dash where it is missing.

    Examples
    --------
    >>> number(1234.5), number(-0.01234), number(float("nan"))
    ('1\u202f234', '−0.0123', '–')
    """
    return NOTHING if math.isnan(value) else _plain(value, _decimals(value, digits))


def count(value: float) -> str:
    """A whole number, grouped."""
    return _plain(value, 0)


def money(value: float) -> str:
    r"""An amount: no decimals from 1,000 upward, two below, more where it is less than one.

    Examples
    --------
    >>> money(-1234567.8), money(12.5), money(0.01234), money(0)
    ('−1\u202f234\u202f568', '12.50', '0.0123', '0')
    """
    if math.isnan(value):
        return NOTHING
    size = abs(value)
    if size >= 999.995:
        return _plain(value, 0)
    if size >= 1.0:
        return _plain(value, 2)
    return "0" if size < 1e-9 else _plain(value, min(_decimals(value, 3), 8))


def signed_money(value: float) -> str:
    """An amount that bears its sign, plus included."""
    return f"+{money(value)}" if value > 0.0 else money(value)


def price(value: float) -> str:
    """A price with five significant digits."""
    return number(value, 5)


def size(quantity: float) -> str:
    r"""A quantity with all the digits that it has, up to ten.

    Examples
    --------
    >>> size(4000.0), size(0.015)
    ('4\u202f000', '0.015')
    """
    text = _plain(quantity, min(_decimals(quantity, 10), 12))
    return text.rstrip("0").rstrip(".") if "." in text else text


# Shares from here on are written out.
_SPELLED_OUT = 1e-8


def percent(share: float, digits: int = 3) -> str:
    """A share in percent: three significant digits, as many more as keep it from rounding to 100 %.

    What is so small that its zeros would fill the line is written by its power of ten.

    Examples
    --------
    >>> percent(0.44275), percent(0.00085), percent(0.99996), percent(1.2e-30)
    ('44.3 %', '0.0850 %', '99.996 %', '1.20e-28 %')
    """
    if 0.0 < abs(share) < _SPELLED_OUT:
        return f"{scientific(100.0 * share, digits)} %"
    return f"{_plain(100.0 * share, _percent_decimals(share, digits))} %"


def _percent_decimals(share: float, digits: int = 3) -> int:
    decimals = _decimals(100.0 * share, digits)
    while 0.0 < share < 1.0 and decimals < 6 and float(f"{100.0 * share:.{decimals}f}") >= 100.0:
        decimals += 1
    return decimals


def scientific(value: float, digits: int = 3) -> str:
    """A small number by its power of ten, such as 1.20e-5."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def rarest(paths: int) -> float:
    """One-sided 95 % bound of a probability of which no case was seen (METHODS M23): 1 - 0.05^(1/paths)."""
    return -math.expm1(math.log(0.05) / paths)


def probability(estimate: Estimate, paths: int) -> tuple[str, str]:
    r"""A probability and what stands beneath it: its interval, or what was seen where it is a bound.

    Parameters
    ----------
    estimate : Estimate
        0 to 1, with its Wilson interval.
    paths : int
        Paths that were evaluated, at least 1.

    Returns
    -------
    tuple of str
        Estimate and interval. Where no path, or every path, was hit, the one-sided 95 % bound and the counts.

    Examples
    --------
    >>> probability(Estimate(0.0, 0.0, 4e-5), 100_000)
    ('< 3.0e-5', '(95 %, 0 of 100\u202f000)')
    """
    if math.isnan(estimate.value):
        return NOTHING, ""
    hits = round(estimate.value * paths)
    if hits == 0:
        return f"< {scientific(rarest(paths), 2)}", f"(95 %, 0 of {count(paths)})"
    if hits == paths:
        # Rounded down: the bound must not claim more than was shown.
        decimals = _decimals(100.0 * rarest(paths), 2)
        share = math.floor(100.0 * (1.0 - rarest(paths)) * 10**decimals) / 10**decimals
        return f"> {share:.{decimals}f} %", f"(95 %, {count(paths)} of {count(paths)})"
    if estimate.value < _SMALLEST_PERCENTAGE:
        return scientific(estimate.value), f"[{scientific(estimate.lower, 2)}, {scientific(estimate.upper, 2)}]"
    decimals = max(_percent_decimals(estimate.value), 1)
    while decimals < 6 and float(f"{100.0 * estimate.lower:.{decimals}f}") == 0.0:
        decimals += 1
    lower, upper = (_plain(100.0 * bound, decimals) for bound in (estimate.lower, estimate.upper))
    return percent(estimate.value), f"[{lower}, {upper}]"


def in_text(main: str, beneath: str) -> str:
    """A probability with its interval, as `probability` gives them, for a sentence."""
    return f"{main} {beneath}".rstrip()


def points(estimate: Estimate) -> tuple[str, str]:
    """A difference of probabilities in percentage points with its interval, both signed."""
    if math.isnan(estimate.value):
        return NOTHING, ""
    if estimate.value == estimate.lower == estimate.upper == 0.0:
        return "0", "[0, 0]"
    width = max(abs(estimate.upper - estimate.lower), 1e-8)
    decimals = 1 if width >= 0.005 else min(_decimals(100.0 * width, 2), 6)
    # A bound beside zero must not be printed as zero: it is what tells a difference from none.
    nearest = 100.0 * min(abs(estimate.lower), abs(estimate.upper))
    while estimate.certain_sign and decimals < 6 and float(f"{nearest:.{decimals}f}") == 0.0:
        decimals += 1
    main, lower, upper = (_signed(100.0 * part, decimals) for part in (estimate.value, estimate.lower, estimate.upper))
    return main, f"[{lower}, {upper}]"


def _signed(value: float, decimals: int) -> str:
    text = _plain(value, decimals)
    return f"+{text}" if value > 0.0 and float(f"{value:.{decimals}f}") != 0.0 else text


def money_estimate(estimate: Estimate, *, signed: bool = False) -> tuple[str, str]:
    """An amount and its interval; a dash where it is missing, no interval where there is none."""
    write = signed_money if signed else money
    if math.isnan(estimate.value):
        return NOTHING, ""
    if math.isnan(estimate.lower) or math.isnan(estimate.upper):
        return write(estimate.value), ""
    return write(estimate.value), f"[{write(estimate.lower)}, {write(estimate.upper)}]"


def unless_none(estimate: Estimate, write: Callable[[float], str]) -> tuple[str, str]:
    r"""An amount that is not negative, and its interval, with "none" in place of zeros.

    Examples
    --------
    >>> unless_none(Estimate(0.0, 0.0, 12.5), money), unless_none(Estimate(12.5, 0.0, 1234.5), money)
    (('none', '[none, 12.50]'), ('12.50', '[none, 1\u202f234]'))
    >>> unless_none(Estimate(0.0, 0.0, 0.0), money)
    ('none', '')
    """
    if math.isnan(estimate.value):
        return NOTHING, ""
    main, lower, upper = (
        write(part) if part > 0.0 else "none" for part in (estimate.value, estimate.lower, estimate.upper)
    )
    return main, "" if upper == "none" else f"[{lower}, {upper}]"


def days(value: float) -> str:
    """A time: hours below two days, days above.

    Examples
    --------
    >>> days(0.5), days(1.0), days(1 / 24), days(36.91666), days(90.0)
    ('12 hours', '1 day', '1 hour', '36.9 days', '90 days')
    """
    if math.isnan(value):
        return NOTHING
    unit, size = ("hour", 24.0 * value) if value < 2.0 and value != 1.0 else ("day", value)
    text = f"{size:.1f}".removesuffix(".0") if size >= 0.95 else number(size, 2)
    return f"{text} {unit}{'' if text == '1' else 's'}"


def distinct(names: Sequence[str], longest: int = 24) -> list[str]:
    """Names as a chart has room for them, still different where they are.

    Examples
    --------
    >>> distinct(["the first of many long names", "the second of many long names"], 14)
    ['the fir… names', 'the sec… names']
    >>> distinct(["a position, number 1, of a desk", "a position, number 2, of a desk"], 14)
    ['…1, of a desk', '…2, of a desk']
    """
    short = [shortened(name, longest) for name in names]
    for text in sorted(set(short)):
        places = [place for place, other in enumerate(short) if other == text]
        if len({names[place] for place in places}) == 1:
            continue
        # What they have in common says nothing here; what follows it does.
        start = 0
        while len({names[place][: start + 1] for place in places}) == 1:
            start += 1
        for place in places:
            rest = names[place][start:]
            short[place] = f"\u2026{rest if columns(rest) < longest else _head(rest, longest - 2) + chr(0x2026)}"
    return short


def shortened(name: str, longest: int = 24) -> str:
    r"""A name as a chart has room for it, in `columns`: the middle of a long one gives way to an ellipsis.

    Examples
    --------
    >>> shortened("a-very-long-name-of-a-position", 12)
    'a-very…ition'
    """
    if columns(name) <= longest:
        return name
    head = longest // 2
    return f"{_head(name, head)}\u2026{_head(name[::-1], longest - head - 1)[::-1]}"


def columns(name: str) -> int:
    """Width of a name in signs of the Latin alphabet: one of Chinese, Japanese or Korean takes the room of two."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in name)


def _head(name: str, most: int) -> str:
    end = len(name)
    while columns(name[:end]) > most:
        end -= 1
    return name[:end]
