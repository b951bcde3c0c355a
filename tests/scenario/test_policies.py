"""Policies and account events as they are read: what each figure becomes, and that all of it is in the identity."""

from __future__ import annotations

import datetime as dt
import json
import math
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from stresslab.book.policies import (
    Alerts,
    Answer,
    Deleveraging,
    Outage,
    Policy,
    Reallocation,
    StopLoss,
    TakeProfit,
    TopUp,
    Withdrawal,
)
from stresslab.documents.reading import keys_of
from stresslab.scenario.event_reading import AutoDeleveragingTable, ImpactTable
from stresslab.scenario.policies.answer import AnswerTable
from stresslab.scenario.policies.outage import WindowTable
from stresslab.scenario.policy_reading import KINDS
from stresslab.scenario.reading import read_scenario
from stresslab.scenario.resolution import identity, resolved
from stresslab.scenario.scenario import AutoDeleveraging, Impact, Scenario
from stresslab.scenario.schemas import json_schema
from tests.scenario.files import SCENARIO, edited, write
from tests.scenario.policy_texts import NEXT, POLICIES, START, policy, scenario
from tests.scenario.test_robustness import STRANGE, faults_of
from tests.scenario.test_schemas import covers, tables

EVENTS = (
    "[liquidation_impact]\nstress = 2\ndaily_volumes = { BTC = 2e10, ETH = 1e10 }\n"
    "[auto_deleveraging]\nprobability = 0.1\nmove = 0.08\n"
)
ALL = "\n".join(policy(kind).replace('"desk"', f'"{kind}"') for kind in POLICIES) + EVENTS
EVERY = f'like = "all_isolated"\npolicies = [{", ".join(chr(34) + kind + chr(34) for kind in POLICIES)}]'
NIGHT = ("no_answer = 0.05", "night = [22, 7], night_factor = 3, weekend_factor = 2")


def read(folder: Path, text: str) -> Scenario:
    return read_scenario(write(folder, scenario=text))


def test_every_policy_is_read(tmp_path: Path) -> None:
    answer = Answer(15 / 1440, 0.8, 0.05, None, 1.0, 1.0)
    expected = (
        StopLoss("stop_loss", {"btc-long": 0.03, "eth-short": 0.2}, "last", 0.004, 0.001, 0.0005, 30 / 1440),
        TakeProfit("take_profit", {"btc-long": 1.5}, 0.002, 0.0004, 120 / 1440),
        Alerts("alerts", (3.0, 2.0, 1.5)),
        TopUp("top_up", 1.5, 2.5, 50_000.0, 90_000.0, 0.25, answer),
        Withdrawal("withdrawal", 8.0, 5.0, 40_000.0, 1.0),
        Reallocation("reallocation", 1.0, "required_collateral", 0.125),
        Deleveraging("deleveraging", 1.4, 2.0, 0.002, 0.0005, 10 / 1440, answer),
        Outage("outage", ((0.0, 0.5), (20.0, 0.25)), 0.08, 240 / 1440, 0.0625),
    )
    question = read(tmp_path, scenario(ALL, EVERY))
    by_name = {each.name: each.policies for each in question.configurations}
    assert by_name["helped"] == expected
    assert {type(each) for each in expected} == set(get_args(Policy))
    assert by_name["as_booked"] == by_name["hedge pooled"] == ()


def test_what_is_not_stated_does_not_act(tmp_path: Path) -> None:
    texts = {
        "stop_loss": "distance = 0.03",
        "take_profit": "distance = 0.5",
        "top_up": "trigger = 1.5\ntarget = 2.5\ncap = 5\nreserve = 9",
        "withdrawal": "trigger = 8.0\ntarget = 5.0",
        "reallocation": 'every = "2h"\naim = "margin_ratio"',
        "deleveraging": 'trigger = 1.5\ntarget = 2.5\nanswer = { median_delay = "1d" }',
        "outage": 'windows = [{ start = "0m", duration = "1d" }]',
    }
    listed = "\n".join(f'[[policy]]\nname = "{kind}"\nkind = "{kind}"\n{text}' for kind, text in texts.items())
    on = f'like = "as_booked"\npolicies = [{", ".join(chr(34) + kind + chr(34) for kind in texts)}]'
    question = read(tmp_path, scenario(listed, on))
    covered = {"btc-long": 0.03, "eth-short": 0.03}
    assert question.configurations[3].policies == (
        StopLoss("stop_loss", covered, "mark", 0.0, 0.0, 0.0, 0.0),
        TakeProfit("take_profit", {"btc-long": 0.5, "eth-short": 0.5}, 0.0, 0.0, 0.0),
        TopUp("top_up", 1.5, 2.5, 5.0, 9.0, 0.0, None),
        Withdrawal("withdrawal", 8.0, 5.0, math.inf, 0.0),
        Reallocation("reallocation", 2 / 24, "margin_ratio", 0.0),
        Deleveraging("deleveraging", 1.5, 2.5, 0.0, 0.0, 0.0, Answer(1.0, 0.0, 0.0, None, 1.0, 1.0)),
        Outage("outage", ((0.0, 1.0),), math.inf, 0.0, 0.0),
    )
    assert (question.start, question.impact, question.auto_deleveraging) == (None, None, None)


def test_start_and_events_are_read(tmp_path: Path) -> None:
    text = scenario(edited(ALL, NIGHT), EVERY, START)
    question = read(tmp_path, text)
    assert question.start == dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
    assert question.start.utcoffset() == dt.timedelta(0)
    assert question.impact == Impact(2.0, {"BTC": 2e10, "ETH": 1e10})
    assert question.auto_deleveraging == AutoDeleveraging(0.1, 0.08)
    (top_up,) = (each for each in question.configurations[3].policies if isinstance(each, TopUp))
    assert top_up.answer == Answer(15 / 1440, 0.8, 0.0, (22.0, 7.0), 3.0, 2.0)


def test_the_resolved_question_holds_all_of_it(tmp_path: Path) -> None:
    question = resolved(read(tmp_path, scenario(edited(ALL, NIGHT, ("cap = 40_000\n", "")), EVERY, START)))
    assert json.loads(json.dumps(question, allow_nan=False)) == question
    assert question["start"] == "2026-10-01T00:00:00+00:00"
    assert question["liquidation_impact"] == {"stress": 2.0, "daily_volumes": {"BTC": 2e10, "ETH": 1e10}}
    assert question["auto_deleveraging"] == {"probability": 0.1, "move": 0.08}
    policies = {each["name"]: each for each in question["configurations"][3]["policies"]}
    assert policies["stop_loss"]["distances"] == {"btc-long": 0.03, "eth-short": 0.2}
    assert policies["top_up"]["answer"]["night"] == [22.0, 7.0]
    assert policies["outage"]["windows"] == [[0.0, 0.5], [20.0, 0.25]]
    assert policies["withdrawal"]["cap"] is None  # no limit
    for each in get_args(Policy):
        (made,) = (entry for entry in policies.values() if entry["kind"] == each.__name__)
        assert made.keys() == {"kind", *(field.name for field in fields(each))}


MOVES = {
    "stop": ("distance = 0.03", "distance = 0.031"),
    "stop of one": ('"eth-short" = 0.2', '"eth-short" = 0.21'),
    "wick": ("wick = 0.004", "wick = 0.005"),
    "latency": ('latency = "30m"', 'latency = "31m"'),
    "profit": ('"btc-long" = 1.5', '"btc-long" = 1.6'),
    "level": ("1.5]", "1.4]"),
    "answer": ('"15m"', '"16m"'),
    "no answer": ("no_answer = 0.05", "no_answer = 0.06"),
    "cap": ("40_000", "40_001"),
    "aim": ('"required_collateral"', '"margin_ratio"'),
    "outage": ('"20d"', '"21d"'),
    "cause": ('"90m"', '"91m"'),
    "start": ("T02:00", "T03:00"),
    "stress": ("stress = 2", "stress = 3"),
    "volume": ("ETH = 1e10", "ETH = 2e10"),
    "probability": ("probability = 0.1", "probability = 0.2"),
    "switched off": ('"alerts", ', ""),
}
STAYS = {
    "order of windows": (
        '{ start = "20d", duration = "6h" }, { start = "0d", duration = "12h" }',
        '{ start = "0m", duration = "720m" }, { start = "480h", duration = "6h" }',
    ),
    "zone": ("2026-10-01T02:00:00+02:00", "2026-10-01T00:00:00Z"),
    "default": ('"btc-long" = 1.5 }', '"btc-long" = 1.5 }\n# no distance for the others'),
    "each by itself": ("distance = 0.03\ndistances = {", 'distances = { "btc-long" = 0.03,'),
}


@pytest.mark.parametrize("edit", [*MOVES.values(), *STAYS.values()], ids=[*MOVES, *STAYS])
def test_what_is_asked_moves_the_identity_and_nothing_else(edit: tuple[str, str], tmp_path: Path) -> None:
    text = scenario(ALL, EVERY, START)
    before, after = (identity(read(tmp_path, each)) for each in (text, edited(text, edit)))
    assert (before != after) == (edit in MOVES.values())


def test_the_schema_holds_every_kind() -> None:
    schema = json_schema("scenario")
    items = {each["properties"]["kind"]["const"]: each for each in schema["properties"]["policy"]["items"]["oneOf"]}
    assert items.keys() == KINDS.keys()
    data = tomllib.loads(scenario(edited(ALL, NIGHT), EVERY, START))
    for each in data["policy"]:
        assert covers(schema, items[each["kind"]], each) == []
        # The negative controls: a wrong type, a key of no kind, a name that is missing.
        assert covers(schema, items[each["kind"]], {**each, "name": 1}) == [".name: integer"]
        assert covers(schema, items[each["kind"]], {**each, "zebra": 1}) == [".zebra: integer"]
        assert covers(schema, items[each["kind"]], {"kind": each["kind"]})[0] == ": lacks name"
    assert covers(schema, schema, {key: value for key, value in data.items() if key != "policy"}) == []
    # Every reference leads somewhere.
    for name in json.dumps(schema).split("#/$defs/")[1:]:
        assert name.partition('"')[0] in schema["$defs"]
    assert sum(1 for _ in tables(schema)) > len(KINDS)


def test_every_key_is_told() -> None:
    text = (Path(__file__).parents[2] / "docs" / "accounts.md").read_text(encoding="utf-8")
    models: list[type[BaseModel]] = [AnswerTable, WindowTable, ImpactTable, AutoDeleveragingTable]
    models += [kind.table for kind in KINDS.values()]
    for key in {key for model in models for key in keys_of(model)} | {"start", *KINDS}:
        assert f"`{key}`" in text, key


def test_examples_of_the_page_are_right(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "accounts.md").read_text(encoding="utf-8")
    parts = [part.split("```")[0] for part in page.split("```toml\n")[1:]]
    root = "".join(line + "\n" for part in parts for line in part.splitlines() if line.startswith("start = "))
    rest = "\n".join(part for part in parts).replace(root, "")
    question = read(tmp_path, edited(SCENARIO, ("seed = 7\n", "seed = 7\n" + root), (NEXT, rest + NEXT)))
    # The page shows the start and the calibration of funding apart; together the one is old for the other:
    # 823 days by hand, two years to 30 June 2026 and 31 + 31 + 30 + 1 more.
    (age,) = question.notices
    assert "is as of 2024-06-30, 823 days before" in age.problem
    assert question.start is not None
    acting = {type(each) for made in question.configurations for each in made.policies}
    assert acting == set(get_args(Policy))


def test_any_value_under_any_key(tmp_path: Path) -> None:
    text = scenario(edited(ALL, NIGHT), EVERY, START)
    path = write(tmp_path, scenario=text)
    first, last = text.index("start ="), text.index(NEXT)
    lines = text.splitlines()
    within = range(text[:first].count("\n"), text[:last].count("\n"))
    read_so, refused = 0, 0
    for index in within:
        key, equals, _ = lines[index].partition(" = ")
        for value in STRANGE if equals else ():
            path.write_text("\n".join([*lines[:index], f"{key} = {value}", *lines[index + 1 :]]))
            faults = faults_of(path)
            read_so, refused = read_so + (not faults), refused + bool(faults)
            for fault in faults:
                assert str(fault).isprintable()
    assert 0 < read_so < refused
