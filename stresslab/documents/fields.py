"""Types of the values that files hold, with their ranges. They refuse with a problem and a remedy of our own."""

from __future__ import annotations

from typing import Annotated, NoReturn

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from stresslab.documents.durations import minutes_of
from stresslab.documents.names import is_printing, name_problem, path_problem, shown

# Money and notionals; what lies outside vanishes or overflows in single precision, in which paths are simulated.
SMALLEST_AMOUNT = 1e-6
LARGEST_AMOUNT = 1e15
LARGEST_VOLATILITY = 10.0  # a year
# Prices and sizes; no market quotes finer, and a division by one of them stays finite.
SMALLEST_FIGURE = 1e-12


def refuse(problem: str, remedy: str) -> NoReturn:
    """Refuse a value from inside a validator, with words that reach the user as they are."""
    raise PydanticCustomError("refused", "{problem}; {remedy}", {"problem": problem, "remedy": remedy})


def _name(text: str) -> str:
    problem = name_problem(text)
    if problem is not None:
        refuse(f"the name {shown(text)} {problem}", "use letters, digits, punctuation and single spaces that print")
    return text


def _path(text: str) -> str:
    problem = path_problem(text)
    if problem is not None:
        refuse(f"the path {shown(text)} {problem}", "name a file, with letters, digits and punctuation that print")
    return text


def _prose(text: str) -> str:
    for character in text:
        if not is_printing(character) and character not in "\n\t\r":
            refuse(f"the text holds U+{ord(character):04X}, a character that does not print", "remove this character")
    if not text.strip():
        refuse("the text is empty", "say where the figures come from, and when they were read")
    return text


def _duration(text: str) -> str:
    try:
        minutes_of(text)
    except ValueError as error:
        refuse(*error.args)
    return text


def _volatility(value: float) -> float:
    if value > LARGEST_VOLATILITY:
        refuse(
            f"a volatility of {value:g} is {value:.0%} a year, above the limit of 10 (1000% a year)",
            f"if {value:g} percent was meant, write {value / 100:g}",
        )
    return value


def _quantity(value: float) -> float:
    if value == 0.0:
        refuse(
            "the quantity is zero",
            "give a positive quantity for a long position, a negative one for a short one, or remove it",
        )
    return _figure(value)


def _money(value: float) -> float:
    if value < SMALLEST_AMOUNT:
        refuse(f"{value:g} is too small for an amount of money", f"give at least {SMALLEST_AMOUNT:g}")
    return value


def _figure(value: float) -> float:
    if abs(value) < SMALLEST_FIGURE:
        refuse(f"{value:g} is smaller than any price or size of a market", f"give at least {SMALLEST_FIGURE:g}")
    return value


# Every model of a table: nothing is converted, and unknown keys are refused.
TABLE = ConfigDict(extra="forbid", strict=True, frozen=True)

Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"minLength": 1})]
PathText = Annotated[str, AfterValidator(_path), Field(json_schema_extra={"minLength": 1})]
Prose = Annotated[str, AfterValidator(_prose), Field(json_schema_extra={"minLength": 1})]
Duration = Annotated[str, AfterValidator(_duration), Field(json_schema_extra={"pattern": "^[0-9]{1,9}[dhm]$"})]
Money = Annotated[
    float,
    Field(gt=0.0, le=LARGEST_AMOUNT, allow_inf_nan=False, json_schema_extra={"minimum": SMALLEST_AMOUNT}),
    AfterValidator(_money),
]
Price = Annotated[
    float,
    Field(gt=0.0, le=LARGEST_AMOUNT, allow_inf_nan=False, json_schema_extra={"minimum": SMALLEST_FIGURE}),
    AfterValidator(_figure),
]
Quantity = Annotated[float, Field(ge=-1e18, le=1e18, allow_inf_nan=False), AfterValidator(_quantity)]
Volatility = Annotated[
    float,
    Field(ge=0.0, allow_inf_nan=False, json_schema_extra={"maximum": LARGEST_VOLATILITY}),
    AfterValidator(_volatility),
]
Drift = Annotated[float, Field(ge=-100.0, le=100.0, allow_inf_nan=False)]
SchemaNumber = Annotated[int, Field(ge=1, le=1, json_schema_extra={"const": 1})]
