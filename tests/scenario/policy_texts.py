"""Right policies of every kind, and the right scenario with one of them switched on, to be edited by tests."""

from __future__ import annotations

from tests.scenario.files import SCENARIO, edited

ANSWER = 'answer = { median_delay = "15m", spread = 0.8, no_answer = 0.05 }'
POLICIES = {
    "stop_loss": 'distance = 0.03\ndistances = { "eth-short" = 0.2 }\nslippage = 0.001\nfee_rate = 0.0005\n'
    'trigger_price = "last"\nwick = 0.004\nlatency = "30m"',
    "take_profit": 'distances = { "btc-long" = 1.5 }\nslippage = 0.002\nfee_rate = 0.0004\nlatency = "2h"',
    "alerts": "levels = [3, 2.0, 1.5]",
    "top_up": f'trigger = 1.5\ntarget = 2.5\ncap = 50_000\nreserve = 90_000\ndelay = "6h"\n{ANSWER}',
    "withdrawal": 'trigger = 8.0\ntarget = 5.0\ncap = 40_000\ndelay = "1d"',
    "reallocation": 'every = "1d"\naim = "required_collateral"\ndelay = "3h"',
    "deleveraging": f'trigger = 1.4\ntarget = 2.0\nslippage = 0.002\nfee_rate = 0.0005\nlatency = "10m"\n{ANSWER}',
    "outage": 'windows = [{ start = "20d", duration = "6h" }, { start = "0d", duration = "12h" }]\n'
    'move = 0.08\nwindow = "4h"\nduration = "90m"',
}
ON = 'like = "as_booked"\npolicies = ["desk"]'
NEXT = '[[configuration]]\nname = "hedge'
SEED = "seed = 7\n"
START = "start = 2026-10-01T02:00:00+02:00\n"


def policy(kind: str, *edits: tuple[str, str]) -> str:
    """The right policy of a kind, edited, under the name ``desk``."""
    return f'[[policy]]\nname = "desk"\nkind = "{kind}"\n{edited(POLICIES[kind], *edits)}\n'


def scenario(policies: str, configuration: str = ON, head: str = "") -> str:
    """The right scenario with policies and one more configuration, and further keys in its head."""
    return edited(
        SCENARIO,
        (SEED, SEED + head),
        (NEXT, f'{policies}\n[[configuration]]\nname = "helped"\n{configuration}\n\n{NEXT}'),
    )
