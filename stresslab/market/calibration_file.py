"""Calibrations: volatilities, drifts, correlation and a model's own parameters, from a TOML file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, SkipValidation

from stresslab.documents.fields import TABLE, Drift, Name, SchemaNumber, Volatility
from stresslab.documents.findings import Document, Findings
from stresslab.documents.kinds import is_kind
from stresslab.documents.names import name_problem, shown, suggestion
from stresslab.documents.places import KeyPath, Place
from stresslab.documents.reading import check_table, check_values, is_table, key_meant, keys_of, open_document
from stresslab.market.correlation import Correlation, CorrelationTable, read_correlation
from stresslab.market.models import MODELS
from stresslab.market.seasonality import Profile, ProfileTable

SHIPPED = Path(__file__).resolve().parents[2] / "scenarios" / "calibrations"


class AssetFigures(BaseModel):
    """One asset of a calibration."""

    model_config = TABLE
    volatility: Annotated[Volatility, Field(description="A year, of log returns.", examples=[0.62])]
    drift: Annotated[Drift, Field(description="A year.", examples=[0.0])] = 0.0


class CalibrationFile(BaseModel):
    """A market model fitted to history."""

    model_config = TABLE
    schema_number: Annotated[SchemaNumber, Field(alias="schema", examples=[1])]
    name: Annotated[Name, Field(description="The calibration's name.", examples=["binance-spot-eight-2024-06"])]
    model: Annotated[Name, Field(description="The model that was fitted.", examples=["student_t"])]
    as_of: Annotated[dt.date, Field(description="Last day of the history.", examples=[dt.date(2024, 6, 30)])]
    parameters: SkipValidation[dict[str, Any]] = Field(default={}, description="The model's own parameters.")
    assets: SkipValidation[dict[str, AssetFigures]] = Field(
        description="Figures by asset.", json_schema_extra={"minProperties": 1}
    )
    correlation: SkipValidation[CorrelationTable] | None = None
    seasonality: SkipValidation[ProfileTable | None] = Field(
        default=None, description="How volatile each hour of the week is; without this table all are alike."
    )
    history: SkipValidation[dict[str, Any]] = Field(
        default={}, description="Where the figures come from, in free form."
    )


@dataclass(frozen=True)
class Calibration:
    """A market model fitted to history, checked.

    Parameters
    ----------
    name, model : str
        Its name, and the model that was fitted.
    as_of : datetime.date
        Last day of the history.
    volatilities, drifts : mapping of str to float
        By asset; a year, volatility not negative.
    correlation : Correlation or None
        None where the file holds a single asset and states none.
    parameters : mapping
        The model's own parameters by name.
    history : mapping
        Where the figures come from, as the file states it.
    text : str
        The file as it was read.
    seasonality : Profile or None
        How volatile each hour of the week is; None where all are alike.
    """

    name: str
    model: str
    as_of: dt.date
    volatilities: Mapping[str, float]
    drifts: Mapping[str, float]
    correlation: Correlation | None
    parameters: Mapping[str, Any]
    history: Mapping[str, Any]
    text: str
    seasonality: Profile | None = None


def shipped_calibrations() -> tuple[str, ...]:
    """Names of the calibrations that come with stresslab, sorted; none where its folder ``scenarios`` is missing."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def read_calibration(reference: str | Path) -> Calibration:
    """Read a calibration.

    Parameters
    ----------
    reference : str or pathlib.Path
        A path that ends in ``.toml``, or the name of a shipped calibration.

    Returns
    -------
    Calibration
        Checked.

    Raises
    ------
    InputError
        With every fault of the file.
    """
    findings = Findings()
    name = str(reference)
    path = Path(reference) if name.endswith(".toml") else _shipped_path(name)
    if path is None:
        findings.fault_at(name, Place(1, 1), *_unknown_calibration(name))
    document = None if path is None else open_document(path, str(path), findings)
    calibration = None if document is None else calibration_from(document, findings)
    findings.stop_at_faults()
    assert calibration is not None, "a calibration without faults is complete"
    return calibration


def open_calibration(reference: str, document: Document, at: KeyPath, findings: Findings) -> Document | None:
    """Open the calibration that a scenario names at a path: a file beside the scenario, or a shipped one."""
    path = document.folder / reference if reference.endswith(".toml") else _shipped_path(reference)
    if path is None:
        findings.fault(document, at, *_unknown_calibration(reference))
        return None
    return open_document(path, str(path), findings, (document, at))


def _shipped_path(name: str) -> Path | None:
    return SHIPPED / f"{name}.toml" if name in shipped_calibrations() else None


def _unknown_calibration(name: str) -> tuple[str, str]:
    shipped = shipped_calibrations()
    remedy = suggestion(name, shipped, "calibrations") if shipped else "none are shipped with this installation"
    return f"there is no calibration {shown(name)}", f"{remedy} (a path to a calibration ends in .toml)"


def calibration_from(document: Document, findings: Findings) -> Calibration | None:
    """Check a parsed file as a calibration; None where it has faults."""
    if not is_kind(document, "calibration", findings):
        return None
    before = len(findings.faults)
    known = keys_of(CalibrationFile)
    head = check_table(document, (), CalibrationFile, findings)
    figures = _assets(document, (key_meant(document.data, "assets", known),), findings)
    parameters = _parameters(document, known, findings)
    correlation_at = (key_meant(document.data, "correlation", known),)
    correlation = None
    if correlation_at[0] in document.data:
        correlation = read_correlation(document, correlation_at, findings)
        if correlation is not None:
            _check_covered(document, correlation_at, figures, correlation, findings)
    elif len(figures) > 1:
        remedy = "add [correlation] with assets = [...] and matrix = [[...]]"
        findings.fault(document, (), "the table [correlation] is missing, and there are several assets", remedy)
    seasonality_at = (key_meant(document.data, "seasonality", known),)
    profile = None
    if document.at(seasonality_at) is not None:
        table = check_table(document, seasonality_at, ProfileTable, findings)
        profile = None if table is None else table.profile()
    if head is None or not document.sound or len(findings.faults) > before:
        return None
    return Calibration(
        name=head.name,
        model=head.model,
        as_of=head.as_of,
        volatilities={asset: values.volatility for asset, values in figures.items()},
        drifts={asset: values.drift for asset, values in figures.items()},
        correlation=correlation,
        parameters=parameters,
        history=head.history,
        text=document.text,
        seasonality=profile,
    )


def _assets(document: Document, at: KeyPath, findings: Findings) -> dict[str, AssetFigures]:
    tables = document.at(at)
    if tables is None or not is_table(document, at, findings):
        return {}
    if not tables:
        findings.fault(document, at, "the calibration holds no asset", "add at least one table [assets.NAME]")
    found = {asset: check_table(document, (*at, asset), AssetFigures, findings) for asset in tables}
    return {asset: values for asset, values in found.items() if values is not None}


def _check_covered(
    document: Document, at: KeyPath, figures: Mapping[str, AssetFigures], correlation: Correlation, findings: Findings
) -> None:
    # An asset whose name does not print is a fault of its own.
    missing = [asset for asset in figures if asset not in correlation.assets and name_problem(asset) is None]
    if missing:
        listed = ", ".join(shown(asset) for asset in missing)
        findings.fault(
            document, (*at, "assets"), f"the correlation lacks {listed}", "give every asset a row and a column"
        )


def _parameters(document: Document, known: list[str], findings: Findings) -> dict[str, Any]:
    model_at = (key_meant(document.data, "model", known),)
    name = document.at(model_at)
    if not isinstance(name, str):
        return {}  # the file's own table says so
    if name not in MODELS:
        findings.fault(document, model_at, f"there is no model {shown(name)}", suggestion(name, MODELS, "models"))
        return {}
    at = (key_meant(document.data, "parameters", known),)
    kind = MODELS[name].parameters
    if at[0] in document.data:
        checked = check_table(document, at, kind, findings)
    else:
        checked = check_values(document, at, {}, kind, findings)
    return {} if checked is None else checked.model_dump()
