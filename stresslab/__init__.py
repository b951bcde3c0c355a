"""Monte Carlo stress simulator for leveraged portfolios of perpetual futures.

Everything public stands here in one list. A name is imported when it is first used, so that ``import stresslab`` costs
nothing and JAX starts only where something is simulated.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stresslab import figures as figures
    from stresslab.backtest.files import backtest_files as backtest_files
    from stresslab.book.configurations import standard_configurations as standard_configurations
    from stresslab.book.reading import read_book as read_book
    from stresslab.calibration.files import calibrate_files as calibrate_files
    from stresslab.calibration.funding_files import calibrate_funding_files as calibrate_funding_files
    from stresslab.documents.faults import InputError as InputError
    from stresslab.institution import run_institution as run_institution
    from stresslab.institution import run_institution_to_folder as run_institution_to_folder
    from stresslab.margin.collateral import multi_asset_account as multi_asset_account
    from stresslab.margin.explanation import explain as explain
    from stresslab.margin.rule_prices import bankruptcy_price as bankruptcy_price
    from stresslab.margin.rule_prices import liquidation_price as liquidation_price
    from stresslab.margin.rule_prices import liquidation_price_at_rate as liquidation_price_at_rate
    from stresslab.margin.rule_prices import (
        liquidation_price_of_held_requirement as liquidation_price_of_held_requirement,
    )
    from stresslab.market.crash_table import shipped_crashes as shipped_crashes
    from stresslab.measures.precision import Precision as Precision
    from stresslab.measures.precision import PrecisionError as PrecisionError
    from stresslab.measures.precision import read_precision as read_precision
    from stresslab.replaying import replay as replay
    from stresslab.replaying import replay_to_folder as replay_to_folder
    from stresslab.results.output_folder import OutputFolderError as OutputFolderError
    from stresslab.results.saving import ResultsError as ResultsError
    from stresslab.results.saving import load as load
    from stresslab.results.saving import load_institution as load_institution
    from stresslab.results.saving import save as save
    from stresslab.running import run as run
    from stresslab.running import run_models_to_folder as run_models_to_folder
    from stresslab.running import run_to_folder as run_to_folder
    from stresslab.scenario.institution_reading import read_institution as read_institution
    from stresslab.scenario.limits import read_limits as read_limits
    from stresslab.scenario.model_choice import read_scenarios as read_scenarios
    from stresslab.scenario.reading import read_scenario as read_scenario
    from stresslab.scenario.validation import validate_files as validate_files
    from stresslab.sensitivity import sensitivities as sensitivities
    from stresslab.sensitivity import sensitivities_to_folder as sensitivities_to_folder
    from stresslab.simulation.checkpoint import CheckpointError as CheckpointError
    from stresslab.simulation.executors import ClusterError as ClusterError
    from stresslab.simulation.executors import executor_named as executor_named
    from stresslab.venues.contracts import average_entry_price as average_entry_price
    from stresslab.venues.contracts import unrealized_pnl as unrealized_pnl
    from stresslab.venues.reading import read_pack as read_pack
    from stresslab.venues.reading import shipped_packs as shipped_packs
    from stresslab.venues.rules.funding import funding_payment as funding_payment
    from stresslab.venues.rules.funding import funding_rate as funding_rate
    from stresslab.venues.rules.margin_rules import MarginRules as MarginRules
    from stresslab.venues.rules.margin_rules import initial_margin as initial_margin
    from stresslab.venues.rules.margin_rules import maintenance_margin as maintenance_margin
    from stresslab.venues.tiers import TierTable as TierTable

__version__ = "0.1.0"

_HOMES = MappingProxyType(
    {
        "CheckpointError": "stresslab.simulation.checkpoint",
        "ClusterError": "stresslab.simulation.executors",
        "InputError": "stresslab.documents.faults",
        "MarginRules": "stresslab.venues.rules.margin_rules",
        "OutputFolderError": "stresslab.results.output_folder",
        "Precision": "stresslab.measures.precision",
        "PrecisionError": "stresslab.measures.precision",
        "ResultsError": "stresslab.results.saving",
        "TierTable": "stresslab.venues.tiers",
        "average_entry_price": "stresslab.venues.contracts",
        "backtest_files": "stresslab.backtest.files",
        "bankruptcy_price": "stresslab.margin.rule_prices",
        "calibrate_files": "stresslab.calibration.files",
        "calibrate_funding_files": "stresslab.calibration.funding_files",
        "executor_named": "stresslab.simulation.executors",
        "explain": "stresslab.margin.explanation",
        "funding_payment": "stresslab.venues.rules.funding",
        "funding_rate": "stresslab.venues.rules.funding",
        "initial_margin": "stresslab.venues.rules.margin_rules",
        "liquidation_price": "stresslab.margin.rule_prices",
        "liquidation_price_at_rate": "stresslab.margin.rule_prices",
        "liquidation_price_of_held_requirement": "stresslab.margin.rule_prices",
        "load_institution": "stresslab.results.saving",
        "load": "stresslab.results.saving",
        "maintenance_margin": "stresslab.venues.rules.margin_rules",
        "multi_asset_account": "stresslab.margin.collateral",
        "read_institution": "stresslab.scenario.institution_reading",
        "read_book": "stresslab.book.reading",
        "read_limits": "stresslab.scenario.limits",
        "read_pack": "stresslab.venues.reading",
        "read_precision": "stresslab.measures.precision",
        "read_scenario": "stresslab.scenario.reading",
        "read_scenarios": "stresslab.scenario.model_choice",
        "replay": "stresslab.replaying",
        "replay_to_folder": "stresslab.replaying",
        "run_institution_to_folder": "stresslab.institution",
        "run_institution": "stresslab.institution",
        "run": "stresslab.running",
        "run_models_to_folder": "stresslab.running",
        "run_to_folder": "stresslab.running",
        "save": "stresslab.results.saving",
        "sensitivities": "stresslab.sensitivity",
        "sensitivities_to_folder": "stresslab.sensitivity",
        "shipped_crashes": "stresslab.market.crash_table",
        "shipped_packs": "stresslab.venues.reading",
        "standard_configurations": "stresslab.book.configurations",
        "unrealized_pnl": "stresslab.venues.contracts",
        "validate_files": "stresslab.scenario.validation",
    }
)

__all__ = [
    "CheckpointError",
    "ClusterError",
    "InputError",
    "MarginRules",
    "OutputFolderError",
    "Precision",
    "PrecisionError",
    "ResultsError",
    "TierTable",
    "average_entry_price",
    "backtest_files",
    "bankruptcy_price",
    "calibrate_files",
    "calibrate_funding_files",
    "executor_named",
    "explain",
    "funding_payment",
    "funding_rate",
    "initial_margin",
    "liquidation_price",
    "liquidation_price_at_rate",
    "liquidation_price_of_held_requirement",
    "load",
    "load_institution",
    "maintenance_margin",
    "multi_asset_account",
    "read_book",
    "read_institution",
    "read_limits",
    "read_pack",
    "read_precision",
    "read_scenario",
    "read_scenarios",
    "replay",
    "replay_to_folder",
    "run",
    "run_institution",
    "run_institution_to_folder",
    "run_models_to_folder",
    "run_to_folder",
    "save",
    "sensitivities",
    "sensitivities_to_folder",
    "shipped_crashes",
    "shipped_packs",
    "standard_configurations",
    "unrealized_pnl",
    "validate_files",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home (PEP 562)."""
    if name == "figures":
        return import_module("stresslab.figures")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "figures"])
