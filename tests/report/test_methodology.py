"""The method as the report tells it."""

from __future__ import annotations

import json
import math

from stresslab.report.methodology import overlay

STRESS = {
    "volatility_factor": 1.5,
    "correlation_shift": 0.5,
    "jump_rate_factor": 3.0,
    "gap_time": 10.0,
    "gap_sizes": [math.log(0.9), 0.0],
}


def told(stress):
    return overlay({"resolved_scenario": json.dumps({"market": {"assets": ["BTC", "ETH"], "stress": stress}})})


def test_a_stressed_market_is_said_to_be_one():
    assert told(STRESS) == (
        " The market is stressed on top of the model: volatilities times 1.5; correlations moved towards one by 50%; "
        "rates of jumps times 3; a gap after 10 days (BTC -10%, ETH +0%)."
    )


def test_what_is_not_stressed_is_not_mentioned():
    assert told(None) == ""
    idle = {**STRESS, "volatility_factor": 1.0, "correlation_shift": 0.0, "jump_rate_factor": 1.0, "gap_time": None}
    assert told(idle) == ""
    assert told({**idle, "volatility_factor": 2.0}) == (
        " The market is stressed on top of the model: volatilities times 2."
    )
