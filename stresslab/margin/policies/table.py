"""The policies that act at the end of a step, in the order in which they do: one file and one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from stresslab.book.policies import Alerts, Deleveraging, Outage, Reallocation, TopUp, Withdrawal
from stresslab.margin.policies import alerts, deleveraging, outage, reallocation, top_up, withdrawal

if TYPE_CHECKING:
    from stresslab.book.configuration import Configuration
    from stresslab.margin.policies.sight import Acting
    from stresslab.scenario.scenario import Scenario

BUILDERS: Mapping[type, Callable[..., Acting]] = MappingProxyType(
    {
        Alerts: alerts.build,
        Deleveraging: deleveraging.build,
        Withdrawal: withdrawal.build,
        Reallocation: reallocation.build,
        TopUp: top_up.build,
    }
)


def build_policies(
    scenario: Scenario, configurations: Sequence[Configuration]
) -> tuple[tuple[tuple[Any, ...], ...], tuple[outage.Acting | None, ...]]:
    """Policies of each configuration as arrays, in the order in which they act, and its outages."""
    acting = tuple(
        tuple(
            build(policy, scenario, each)
            for kind, build in BUILDERS.items()
            for policy in each.policies
            if isinstance(policy, kind)
        )
        for each in configurations
    )
    outages = [[policy for policy in each.policies if isinstance(policy, Outage)] for each in configurations]
    return acting, tuple(outage.build(found[0], scenario) if found else None for found in outages)
