"""A dataset as the report reads it: estimates by label, pools of a configuration, rows in the order of risk."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from stresslab.report.formatting import Estimate, count, days, in_text, probability
from stresslab.results.companions import Companions

BOOKED, ISOLATED, CROSS = "as_booked", "all_isolated", "all_cross"
ROWS = 12
"""Most rows of a table in the body and of a chart; what is beyond stands in the appendix."""

_LABELS = {BOOKED: "as booked", ISOLATED: "all isolated", CROSS: "all cross"}


@dataclass(frozen=True)
class Review:
    """Reads a result by label; knows nothing that the dataset does not hold.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.results.dataset.assemble` or `stresslab.results.saving.load`.
    companions : Companions, optional
        What stands beside them for further pages.
    """

    results: xr.Dataset
    companions: Companions = field(default_factory=Companions)

    def why_missing(self, part: str, otherwise: str) -> str:
        """Why a companion is missing: the reason that came with it, else the one given."""
        return self.companions.reasons.get(part, otherwise)

    @cached_property
    def _places(self) -> dict[str, dict[Any, int]]:
        return {
            str(name): {label.item(): place for place, label in enumerate(self.results[name].values)}
            for name in self.results.dims
            if name in self.results.coords
        }

    @cached_property
    def _arrays(self) -> dict[str, tuple[tuple[str, ...], Any]]:
        return {
            str(name): (tuple(str(dim) for dim in values.dims), values.values)
            for name, values in self.results.data_vars.items()
        }

    def holds(self, name: str) -> bool:
        """Whether the dataset has this variable."""
        return name in self._arrays

    def array(self, name: str, **labels: object) -> Any:
        """What is left of a variable, in the order of its dims, where some dims are fixed by label."""
        dims, values = self._arrays[name]
        return values[tuple(self._places[dim][labels[dim]] if dim in labels else slice(None) for dim in dims)]

    def value(self, name: str, **labels: object) -> float:
        """One number of a variable."""
        return float(self.array(name, **labels))

    def estimate(self, name: str, **labels: object) -> Estimate:
        """One number of a variable, with its interval."""
        return Estimate(*(self.value(f"{name}{suffix}", **labels) for suffix in ("", "_lower", "_upper")))

    def labels(self, dim: str) -> list[Any]:
        """Labels along a dimension."""
        return list(self._places[dim])

    @property
    def configurations(self) -> list[str]:
        """Names in the order of the dataset: as booked first."""
        return self.labels("configuration")

    @cached_property
    def positions(self) -> list[str]:
        """Ids, the likeliest to be liquidated as booked first, then the likeliest if isolated."""
        booked = self.array("position_liquidation_probability", configuration=BOOKED)
        isolated = self.array("position_liquidation_probability", configuration=ISOLATED)
        order = np.lexsort((-isolated, -booked))
        return [self.labels("position")[place] for place in order]

    def pools(self, configuration: str) -> list[str]:
        """Names of a configuration's pools, the likeliest to be liquidated first."""
        collateral = self.array("collateral", configuration=configuration)
        chance = self.array("liquidation_probability", configuration=configuration)
        names = self.labels("pool")
        held = [place for place in range(len(names)) if not math.isnan(collateral[place])]
        return [names[place] for place in sorted(held, key=lambda place: -chance[place])]

    def members(self, configuration: str, pool: str) -> list[str]:
        """Positions of a pool, in the order of the book."""
        homes = self.array("pool_of_position", configuration=configuration)
        return [position for position, home in zip(self.labels("position"), homes, strict=True) if home == pool]

    def pool_of(self, configuration: str, position: str) -> str:
        """Name of the pool that holds a position."""
        return str(self.array("pool_of_position", configuration=configuration, position=position))

    def liquidated_at_start(self, configuration: str, pool: str) -> bool:
        """Whether the pool's equity does not exceed its requirement today."""
        return self.value("margin_ratio_today", configuration=configuration, pool=pool) <= 1.0

    def chance(self, name: str, configuration: str, **labels: str) -> tuple[str, str]:
        """A probability of liquidation and what stands beneath it; certain where the pools are liquidated at the start.

        Parameters
        ----------
        name : str
            A probability of a pool, a position or the account.
        configuration : str
            Its configuration.
        **labels : str
            ``pool`` or ``position``, or nothing for the account.

        Returns
        -------
        tuple of str
            As of `stresslab.report.formatting.probability`.
        """
        estimate = self.estimate(name, configuration=configuration, **labels)
        if estimate.value == 1.0:
            pools = self.pools(configuration)
            if labels:
                pools = [labels.get("pool") or self.pool_of(configuration, labels["position"])]
            gone = [self.liquidated_at_start(configuration, pool) for pool in pools]
            if all(gone) if "wiped" in name else any(gone):
                return "100 %", "(at the start)"
        return probability(estimate, self.paths)

    def chance_in_text(self, name: str, configuration: str, **labels: str) -> str:
        """The same for a sentence."""
        return in_text(*self.chance(name, configuration, **labels))

    @property
    def acting(self) -> list[str]:
        """Configurations with policies, in the order of the dataset."""
        return [name for name in self.configurations if self.holds("policy_base") and self.base(name)]

    def base(self, configuration: str) -> str:
        """Configuration that tells what the policies of this one are worth; empty where it has none."""
        return str(self.array("policy_base", configuration=configuration))

    def policies(self, configuration: str) -> list[dict[str, Any]]:
        """Policies of a configuration as plain data."""
        found = {each["name"]: each["policies"] for each in self.resolved["configurations"]}
        return list(found[configuration])

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """The question with every default filled in."""
        return dict(json.loads(self.results.attrs["resolved_scenario"]))

    @property
    def failed(self) -> int:
        """Paths with a number that is not finite."""
        return int(self.value("failed_paths"))

    @property
    def paths(self) -> int:
        """Paths that entered the estimates."""
        return int(self.results.attrs["paths"]) - self.failed

    @property
    def currency(self) -> str:
        """The account's currency."""
        return str(self.results.attrs["currency"])

    @property
    def horizon(self) -> str:
        """The horizon in words."""
        return days(float(self.results.attrs["horizon_days"]))

    @property
    def step(self) -> str:
        """The time step in words."""
        return days(float(self.results.attrs["step_days"]))

    @property
    def review_days(self) -> list[int]:
        """Days within the horizon at which probabilities are stated apart."""
        prefix = "account_liquidation_probability_"
        found = [name.removeprefix(prefix) for name in self._arrays if name.startswith(prefix)]
        return sorted(int(name[:-1]) for name in found if name[:-1].isdecimal() and name.endswith("d"))

    def source(self, *variables: str) -> str:
        """Footer of a figure: what it was drawn from."""
        names = ", ".join(variables)
        model = self.results.attrs["model"]
        return f"{count(self.paths)} paths · {self.horizon} · model {model} · step {self.step} · {names}"

    @property
    def charted(self) -> list[str]:
        """The configurations of the charts: the standard three, the scenario's own where it is a single one."""
        own = [name for name in self.configurations if name not in _LABELS]
        return [ISOLATED, CROSS, BOOKED, *(own if len(own) == 1 else [])]


def label(configuration: str) -> str:
    """A configuration's name as a reader meets it; those of the scenario stand as they were given."""
    return _LABELS.get(configuration, configuration)
