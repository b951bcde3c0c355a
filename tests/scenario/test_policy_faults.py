"""Faults of policies and account events: one edit of a right scenario, one fault, with its place and its words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from stresslab.documents.faults import Fault, Notice
from stresslab.scenario.validation import validate_files
from tests.scenario.files import BOOK, edited, write
from tests.scenario.policy_texts import ANSWER, NEXT, ON, POLICIES, START, policy, scenario
from tests.scenario.rows import ARROW, placed


@dataclass(frozen=True)
class Case:
    """A scenario with an arrow, or a passage instead of it, at the place of the one fault, and words of that fault."""

    text: str
    words: tuple[str, ...]
    at: str | None = None


def case(kind: str, old: str, new: str, *words: str, at: str | None = None, on: str = ON, head: str = "") -> Case:
    return Case(scenario(policy(kind, (old, new)), on, head), words, at)


def event(text: str, *words: str, at: str | None = None) -> Case:
    return Case(edited(scenario(policy("alerts")), (NEXT, f"{text}\n{NEXT}")), words, at)


WINDOWS = POLICIES["outage"].split("\n")[0]
CAUSE = POLICIES["outage"].removeprefix(WINDOWS + "\n")
NIGHT = "no_answer = 0.05, night = [22, 7], night_factor = 3"
VOLUMES = "daily_volumes = { BTC = 2e10, ETH = 1e10 }"
FAULTS = {
    # stop-loss
    "stop without distance": case(
        "stop_loss",
        'distance = 0.03\ndistances = { "eth-short" = 0.2 }\n',
        "",
        "states no distance",
        "add distance = 0.08",
        at="[[policy]]",
    ),
    "stop of nobody": case(
        "stop_loss", '"eth-short" = 0.2', '►"eth-shrt" = 0.2', 'no position "eth-shrt"', 'did you mean "eth-short"?'
    ),
    "stop in percent": case("stop_loss", "0.03", "►8", "the long position", "not above 0", "8 percent is 0.08"),
    "stop of one long beyond 0": case(
        "stop_loss", '"eth-short" = 0.2', '"btc-long" = ►1.0', 'distance of 1 puts the order of the long position "btc-'
    ),
    "stop on the wrong side": case("stop_loss", "0.03", "►-0.03", "`distance` is -0.03, not above 0"),
    "stop of one on the wrong side": case("stop_loss", '"eth-short" = 0.2', '"eth-short" = ►-0.2', "not above 0"),
    "distances are a number": case("stop_loss", '{ "eth-short" = 0.2 }', "►0.2", "`distances` must be a table"),
    "stop of a word": case("stop_loss", '"eth-short" = 0.2', '"eth-short" = ►"0.2"', "a number", "without quotes"),
    "trigger price": case("stop_loss", '"last"', '►"lst"', '`trigger_price` is "lst"', 'did you mean "last"?'),
    "last without wick": case("stop_loss", "wick = 0.004\n", "", "`wick` is missing", "wick = 0.005", at="[[policy]]"),
    "wick of the mark": case(
        "stop_loss", 'trigger_price = "last"\nwick = 0.004', "wick = ►0.004", "the mark sets", 'trigger_price = "last"'
    ),
    "wick beyond the stop": case("stop_loss", "0.004", "►0.03", "wick 0.03 is not below the distance 0.03", "lower"),
    "slippage of everything": case("stop_loss", "0.001", "►1.0", "`slippage` is 1, not below 1"),
    "negative fee": case("stop_loss", "0.0005", "►-0.0005", "`fee_rate` is -0.0005, below 0"),
    "latency of less than nothing": case("stop_loss", '"30m"', '►"-30m"', '"-30m" is not a duration'),
    "latency of nothing": case("stop_loss", '"30m"', '►"0m"', "lasts no time at all"),
    # take-profit
    "profit of a short beyond 0": case(
        "take_profit", '"btc-long" = 1.5', '"eth-short" = ►1.0', 'of the short position "eth-short"', "below 1"
    ),
    "profit without distance": case(
        "take_profit", 'distances = { "btc-long" = 1.5 }\n', "", "states no distance", at="[[policy]]"
    ),
    "profit with a wick": case("take_profit", 'latency = "2h"', "►wick = 0.01", 'unknown key "wick"'),
    # alerts
    "no level": case("alerts", "[3, 2.0, 1.5]", "►[]", "`levels` has 0 entries", "at least 1"),
    "nine levels": case("alerts", "[3, 2.0, 1.5]", "►[10, 9, 8, 7, 6, 5, 4, 3, 2]", "9 entries", "at most 8"),
    "levels that rise": case("alerts", "2.0", "►4.0", "the level 4 is not below", "levels = [4, 3, 1.5]"),
    "level twice": case("alerts", "2.0", "►3.0", "the level 3 is not below", "levels = [3, 1.5]"),
    "level of liquidation": case("alerts", "1.5", "►1.0", "`levels`, entry 3, is 1, not above 1"),
    # top-up, withdrawal, deleveraging
    "top-up without reserve": case("top_up", "reserve = 90_000\n", "", "`reserve` is missing", at="[[policy]]"),
    "top-up downwards": case("top_up", "target = 2.5", "target = ►1.5", "target 1.5 is not above the trigger 1.5"),
    "delay of less than nothing": case("top_up", '"6h"', '►"-6h"', '"-6h" is not a duration'),
    "withdrawal upwards": case("withdrawal", "5.0", "►8.5", "target 8.5 is not below the trigger 8", "leave less"),
    "withdrawal to liquidation": case("withdrawal", "5.0", "►1.0", "`target` is 1, not above 1"),
    "withdrawal of nothing": case("withdrawal", "40_000", "►0", "`cap` is 0, not above 0"),
    "deleveraging downwards": case("deleveraging", "2.0", "►1.3", "target 1.3 is not above the trigger 1.4"),
    "deleveraging without target": case(
        "deleveraging", "target = 2.0\n", "", "`target` is missing", "target = 2.5", at="[[policy]]"
    ),
    # the desk's answer
    "answer without delay": case(
        "top_up", 'median_delay = "15m", ', "", "`median_delay` is missing", 'median_delay = "15m"', at="{ spread"
    ),
    "answer as a text": case(
        "top_up", POLICIES["top_up"].partition("answer = ")[2], '►"15m"', "`answer` must be a table"
    ),
    "no answer ever more": case("top_up", "0.05", "►1.05", "`no_answer` is 1.05, above 1"),
    "spread below nothing": case("deleveraging", "0.8", "►-0.8", "`spread` is -0.8, below 0"),
    "night without factor": case(
        "top_up", "no_answer = 0.05", "night = ►[22, 7]", "no factor for it", "night_factor = 3.0", head=START
    ),
    "factor without night": case(
        "top_up", "no_answer = 0.05", "night_factor = ►3", "and no night", "night = [22, 7]", head=START
    ),
    "night of one hour": case(
        "top_up", "no_answer = 0.05", NIGHT.replace("[22, 7]", "►[22]"), "`night` has 1 entries", head=START
    ),
    "night at hour 25": case("top_up", "no_answer = 0.05", NIGHT.replace("22", "►25"), "is 25, above 24", head=START),
    "night of no time": case(
        "top_up", "no_answer = 0.05", NIGHT.replace("[22, 7]", "►[24, 0]"), "at the same hour", head=START
    ),
    "quick weekend": case("top_up", "no_answer = 0.05", "weekend_factor = ►0.5", "is 0.5, below 1", head=START),
    "night without start": case(
        "top_up", "no_answer = 0.05", NIGHT.replace("[", "►["), "does not say when it starts", "start = 2026-10-01T00"
    ),
    "weekend without start": case(
        "deleveraging", "no_answer = 0.05", "weekend_factor = ►2", "does not say when it starts"
    ),
    # reallocation
    "reallocation within a step": case(
        "reallocation", '"1d"', '►"30m"', "30m, is shorter than the step of 1h", 'at least "1h"'
    ),
    "reallocation never": case(
        "reallocation", '"1d"', '►"91d"', "91d, is longer than the horizon of 90d", "none takes"
    ),
    "aim": case("reallocation", '"required_collateral"', '►"collateral"', '`aim` is "collateral"', "mean"),
    "reallocation of one pool": case(
        "reallocation",
        '"1d"',
        '"1d"',
        '"desk" moves collateral between pools, and "helped" has one',
        'like = "all_isolated"',
        on='like = "all_cross"\npolicies = [►"desk"]',
    ),
    # outage
    "outage of nothing": case(
        "outage", POLICIES["outage"], "", "no windows and no move", "windows = [", at="[[policy]]"
    ),
    "outage of no windows": case("outage", POLICIES["outage"], "windows = []", "no windows", at="[[policy]]"),
    "outage beyond the horizon": case("outage", '"20d"', '►"90d"', "beyond the horizon of 90d", "before"),
    "outage of no time": case("outage", '"6h"', '►"0h"', "lasts no time at all"),
    "outage before the start": case("outage", '"0d"', '►"-1d"', '"-1d" is not a duration'),
    "outage without end": case(
        "outage", ', duration = "6h"', "", "`duration` is missing", 'duration = "6h"', at='{ start = "20d"'
    ),
    "outage as a pair": case(
        "outage", '{ start = "20d", duration = "6h" }', '►["20d", "6h"]', "must be a table, but is a list"
    ),
    "move without window": case("outage", 'window = "4h"\n', "", "`window` is missing, and `move`", at="[[policy]]"),
    "move without duration": case(
        "outage", '\nduration = "90m"', "", "`duration` is missing", 'add duration = "2h"', at="[[policy]]"
    ),
    "window without move": case("outage", "move = 0.08\n", "", "`move` is missing", "move = 0.1", at="[[policy]]"),
    "move of nothing": case("outage", "0.08", "►0", "`move` is 0, not above 0"),
    # tables under headers of their own
    "answer under a header": case(
        "deleveraging", f"\n{ANSWER}", '\n[policy.answer]\nmedian_delay = "15m"\nspread = ►11', "is 11, above 10"
    ),
    "header of an answer": case(
        "top_up", f"\n{ANSWER}", "\n[policy.answer]\nspread = 1", "`median_delay` is missing", at="[policy.answer]"
    ),
    "window under a header": case(
        "outage",
        POLICIES["outage"],
        f'{CAUSE}\n[[policy.windows]]\nstart = ►"90d"\nduration = "1h"',
        "beyond the horizon",
    ),
    # any kind
    "key of another kind": case("alerts", "levels", "►reserve = 5\nlevels", 'unknown key "reserve"'),
    "kind as a list": Case(
        edited(scenario(policy("alerts")), ('kind = "alerts"', 'kind = ►["alerts"]')), ("no policy of kind",)
    ),
    # start
    "start without zone": Case(
        scenario(policy("alerts"), ON, "start = ►2026-10-01T00:00:00\n"), ("no time zone", "2026-10-01T00:00:00Z")
    ),
    "start as a date": Case(scenario(policy("alerts"), ON, "start = ►2026-10-01\n"), ("a date and time", "00:00Z")),
    "start as a text": Case(scenario(policy("alerts"), ON, 'start = ►"now"\n'), ("a date and time", "without quotes")),
    "start long ago": Case(scenario(policy("alerts"), ON, "start = ►0001-01-01T00:00:00+01:00\n"), ("the year 1",)),
    # price impact
    "volume of a stranger": event(
        f"[liquidation_impact]\nstress = 2\n{VOLUMES.replace('ETH', 'ETH = 1, ►ETC')}", 'on "ETC"', 'mean "ETH"'
    ),
    "volume missing": event(
        f"[liquidation_impact]\nstress = 2\n{VOLUMES.replace(', ETH = 1e10', '').replace('{', '►{')}",
        'the daily volume of "ETH" is missing',
        "add ETH = 1e9",
    ),
    "no volumes": event(
        "[liquidation_impact]\nstress = 2", "`daily_volumes` is missing", "BTC = ", at="[liquidation_impact]"
    ),
    "volume of nothing": event(
        f"[liquidation_impact]\nstress = 2\n{VOLUMES.replace('2e10', '►0')}", "is 0, not above 0"
    ),
    "stress of nothing": event(f"[liquidation_impact]\nstress = ►0\n{VOLUMES}", "`stress` is 0, not above 0"),
    "no stress": event(f"[liquidation_impact]\n{VOLUMES}", "`stress` is missing", at="[liquidation_impact]"),
    "volumes as a list": event("[liquidation_impact]\nstress = 2\ndaily_volumes = ►[1]", "must be a table"),
    # auto-deleveraging
    "probability in percent": event("[auto_deleveraging]\nprobability = ►5\nmove = 0.1", "`probability` is 5, above 1"),
    "probability of nothing": event("[auto_deleveraging]\nprobability = ►0\nmove = 0.1", "not above 0"),
    "any move": event("[auto_deleveraging]\nprobability = 0.1\nmove = ►0", "`move` is 0, not above 0"),
    "no move": event("[auto_deleveraging]\nprobability = 0.1", "`move` is missing", at="[auto_deleveraging]"),
    "a misspelled table": event(
        "[►auto_deleverage]\nprobability = 0.1\nmove = 0.1", "unknown key", "auto_deleveraging"
    ),
}


def found(folder: Path, text: str, **texts: str) -> tuple[tuple[Fault, ...], tuple[Notice, ...]]:
    return validate_files([write(folder, scenario=text, **texts)])


@pytest.mark.parametrize("each", FAULTS.values(), ids=FAULTS)
def test_each_fault_is_placed_and_told(each: Case, tmp_path: Path) -> None:
    text, line, column = placed(each.text, each.at)
    faults, notices = found(tmp_path, text)
    assert [(fault.line, fault.column) for fault in faults] == [(line, column)], "\n".join(map(str, faults))
    assert notices == ()
    for words in each.words:
        assert words in str(faults[0])


@pytest.mark.parametrize("kind", POLICIES)
def test_the_unedited_policies_have_no_fault(kind: str, tmp_path: Path) -> None:
    # The negative control of the table: what is reported comes from the edits alone.
    assert found(tmp_path, scenario(policy(kind))) == ((), ())


def test_a_right_night_and_right_events_have_no_fault(tmp_path: Path) -> None:
    text = scenario(policy("top_up", ("no_answer = 0.05", f"{NIGHT}, weekend_factor = 2")), ON, START)
    events = f"[liquidation_impact]\nstress = 2\n{VOLUMES}\n[auto_deleveraging]\nprobability = 0.1\nmove = 0.1\n"
    assert found(tmp_path, edited(text, (NEXT, events + NEXT))) == ((), ())


# A stop beyond liquidation. The long of 20 at 60,500 with 50,000 behind it is in the tier of 1 % and 1,300, so that
# its surplus at a price p is 50,000 + 20 (p - 60,500) - 0.01 * 20 p + 1,300 = 19.8 p - 1,158,700: zero at 58,520.20,
# which is 4.065 % below the mark of 61,000.
PLAIN_STOP = 'trigger_price = "last"\nwick = 0.004\n'


def stop(distance: str, configuration: str = ON) -> str:
    return scenario(policy("stop_loss", ("0.03", distance), (PLAIN_STOP, "")), configuration)


def test_a_stop_beyond_liquidation_is_a_fault(tmp_path: Path) -> None:
    # At 5 % the price is 57,950 and the surplus 19.8 * 57,950 - 1,158,700 = -11,290.
    text, line, column = placed(stop("►0.05"), None)
    ((fault,), notices) = found(tmp_path, text)
    assert (fault.line, fault.column, notices) == (line, column, ())
    assert 'the stop of "btc-long" lies beyond liquidation: at the mark 57_950' in fault.problem
    assert 'the pool "btc-long" of "helped" is -11,290.00' in fault.problem
    assert fault.remedy == "give a distance of at most 0.0406, or the pool more collateral"


@pytest.mark.parametrize(("distance", "count"), [("0.0406", 0), ("0.0407", 1)])
def test_the_distance_of_the_remedy_is_the_last_that_works(distance: str, count: int, tmp_path: Path) -> None:
    assert len(found(tmp_path, stop(distance))[0]) == count


def test_a_stop_of_a_short_beyond_liquidation(tmp_path: Path) -> None:
    # 200,000 behind 150 short at 3,310: 200,000 + 150 (3,310 - p) - 0.005 * 150 p is zero at 696,500 / 150.75 =
    # 4,620.23, which is 40.007 % above the mark of 3,300.
    pools = 'pools = [{ name = "eth", positions = ["eth-short"], collateral = 200_000 }]\npolicies = ["desk"]'
    own = '"eth-short" = ►0.5'
    text, line, column = placed(scenario(policy("stop_loss", ('"eth-short" = 0.2', own)), pools), None)
    ((fault,), _) = found(tmp_path, text)
    assert (fault.line, fault.column) == (line, column)
    # Set off at last = 4,950, when the mark is 4,950 / 1.004 = 4,930.28: the wick brings it that much nearer.
    assert "at the mark 4_930.278884" in fault.problem
    # 4,620.23 * 1.004 / 3,300 - 1 = 0.40567.
    assert "at most 0.4056" in fault.remedy


def test_a_wick_sets_the_stop_off_before_liquidation(tmp_path: Path) -> None:
    # At 4.3 % the mark would be 58,377, below 58,520.20; the last price is there when the mark is 58,377 / 0.99.
    assert len(found(tmp_path, stop("0.043"))[0]) == 1
    wick = policy("stop_loss", ("0.03", "0.043"), ("0.004", "0.01"))
    assert found(tmp_path, scenario(wick)) == ((), ())


def test_in_a_pool_of_several_it_is_a_warning(tmp_path: Path) -> None:
    # All crossed: at 90 % below, 6,100, the long is down 1,088,000 and asks for 122,000 * 0.5 % - 50 = 560; the short
    # is up 1,500 and asks for 2,475. With the wallet of 1,000,000: -89,535.
    text, line, column = placed(stop("►0.9", 'like = "all_cross"\npolicies = ["desk"]'), None)
    (faults, (notice,)) = found(tmp_path, text)
    assert faults == ()
    assert (notice.line, notice.column) == (line, column)
    assert 'the pool "cross" of "helped" is -89,535.00, other marks held still' in notice.problem


def test_a_stop_that_no_configuration_switches_on_cannot_lie_beyond(tmp_path: Path) -> None:
    text, line, column = placed(stop("0.05", 'like = "as_booked"').replace('"desk"', '►"desk"'), None)
    (faults, (notice,)) = found(tmp_path, text)
    assert faults == ()
    assert (notice.line, notice.column) == (line, column)
    assert notice.problem == 'no configuration switches the policy "desk" on, so that it does nothing'
    assert 'policies = ["desk"]' in notice.remedy


def test_a_pool_liquidated_at_the_start_is_told_once(tmp_path: Path) -> None:
    # As in test_reading: at a mark of 58,100 the surplus is -8,320 whatever the stop.
    book = edited(BOOK, ("mark_price = 61_000", "mark_price = 58_100"))
    text = edited(stop("0.05"), ("price = 61_000", "price = 58_100"))
    (faults, notices) = found(tmp_path, text, book=book)
    assert faults == ()
    assert [("is liquidated at the start" in notice.problem) for notice in notices] == [True]


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    policies = (
        policy("stop_loss", ("0.03", "0.05"), ('"eth-short"', '►"eth-shrt"'), (PLAIN_STOP, ""), ("0.001", "►2"))
        + policy("alerts", ("2.0", "►4.0")).replace('"desk"', '"levels"')
        + policy("top_up", ("2.5", "►1.2"), ("0.05", "►7")).replace('"desk"', '"reserve"')
        + policy("outage", ('"20d"', '►"900d"'), ("0.08", "►-1")).replace('"desk"', '"outage"')
        + policy("reallocation", ('"1d"', '►"1m"')).replace('"desk"', '"even"')
        + "[liquidation_impact]\nstress = ►-1\ndaily_volumes = ►{ BTC = 1e9 }\n"
        + "[auto_deleveraging]\nprobability = ►2\nmove = 0.1\n"
    )
    every = '"desk", "levels", "reserve", "outage", "even"'
    text = scenario(policies, f'like = "as_booked"\npolicies = [{every}]')
    lines = text.split("\n")
    wanted = [
        (number, len(part.replace(ARROW, "")) + 1)
        for number, line in enumerate(lines, start=1)
        for part in (line[:index] for index, character in enumerate(line) if character == ARROW)
    ]
    assert len(wanted) == 11
    # The stop of 5 % beyond liquidation is not reckoned while the policy itself has faults.
    faults = found(tmp_path, text.replace(ARROW, ""))[0]
    assert sorted((fault.line, fault.column) for fault in faults) == sorted(wanted), "\n".join(map(str, faults))


def test_a_faulty_book_drags_no_policy_along(tmp_path: Path) -> None:
    text = scenario(policy("stop_loss"))
    faults = found(tmp_path, text, book=edited(BOOK, ("20.0", "0")))[0]
    assert [Path(fault.path).name for fault in faults] == ["book.toml"]
    faults = found(tmp_path, text, book="no book")[0]
    assert [Path(fault.path).name for fault in faults] == ["book.toml"]
