"""Monte Carlo stress simulator for leveraged portfolios of perpetual futures.

Everything public stands here in one list. A name is imported when it is first used, so that ``import stresslab`` costs
nothing and JAX starts only where something is simulated.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stresslab.book.configurations import standard_configurations as standard_configurations
    from stresslab.book.reading import read_book as read_book
    from stresslab.calibration.files import calibrate_files as calibrate_files
    from stresslab.documents.faults import InputError as InputError
    from stresslab.margin.explanation import explain as explain
    from stresslab.results.output_folder import OutputFolderError as OutputFolderError
    from stresslab.results.saving import ResultsError as ResultsError
    from stresslab.results.saving import load as load
    from stresslab.results.saving import save as save
    from stresslab.running import run as run
    from stresslab.running import run_to_folder as run_to_folder
    from stresslab.scenario.reading import read_scenario as read_scenario
    from stresslab.scenario.validation import validate_files as validate_files
    from stresslab.venues.reading import read_pack as read_pack
    from stresslab.venues.reading import shipped_packs as shipped_packs

__version__ = "0.1.0"

_HOMES = MappingProxyType(
    {
        "InputError": "stresslab.documents.faults",
        "OutputFolderError": "stresslab.results.output_folder",
        "ResultsError": "stresslab.results.saving",
        "calibrate_files": "stresslab.calibration.files",
        "explain": "stresslab.margin.explanation",
        "load": "stresslab.results.saving",
        "read_book": "stresslab.book.reading",
        "read_pack": "stresslab.venues.reading",
        "read_scenario": "stresslab.scenario.reading",
        "run": "stresslab.running",
        "run_to_folder": "stresslab.running",
        "save": "stresslab.results.saving",
        "shipped_packs": "stresslab.venues.reading",
        "standard_configurations": "stresslab.book.configurations",
        "validate_files": "stresslab.scenario.validation",
    }
)

__all__ = [
    "InputError",
    "OutputFolderError",
    "ResultsError",
    "calibrate_files",
    "explain",
    "load",
    "read_book",
    "read_pack",
    "read_scenario",
    "run",
    "run_to_folder",
    "save",
    "shipped_packs",
    "standard_configurations",
    "validate_files",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
