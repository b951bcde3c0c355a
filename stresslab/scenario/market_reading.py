"""The market of a scenario: model, figures by asset, correlation, with those of a calibration behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import closest, name_problem, shown, suggestion
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table, check_values, is_table, key_meant, keys_of, reference_at
from stresslab.market.bar_rows import BarRows
from stresslab.market.calibration_file import Calibration, calibration_from, open_calibration
from stresslab.market.correlation import Correlation, read_correlation
from stresslab.market.dynamic_correlation import MOST_ASSETS
from stresslab.market.models import MODELS
from stresslab.market.price_paths import PricePaths
from stresslab.market.seasonality import Seasonality
from stresslab.market.specification import MarketSpecification
from stresslab.scenario.history_reading import read_histories
from stresslab.scenario.tables import AssetTable, MarketTable


@dataclass(frozen=True)
class MarketDraft:
    """What could be read of a scenario's market, before it meets the book.

    Parameters
    ----------
    document : Document
        The scenario.
    at : path
        Its table ``[market]``.
    model : str or None
        Name in the table of models; None where it is wrong.
    parameters : dict or None
        The model's own, by name; None where they are wrong.
    assets : dict of str to AssetTable
        Those that the scenario states without a fault.
    faulty : frozenset of str
        Assets that the scenario states with a fault.
    has_all_names : bool
        Whether it can be told which assets the scenario states: they are tables, under names that print.
    correlation : Correlation or None
        The scenario's, else the calibration's.
    has_correlation : bool
        Whether one was stated, right or wrong.
    calibration : Calibration or None
        None where the scenario names none, or a faulty one.
    calibration_document : Document or None
        Its file.
    names_calibration : bool
        Whether the scenario names one.
    """

    document: Document
    at: KeyPath
    model: str | None
    parameters: dict[str, Any] | None
    assets: dict[str, AssetTable]
    faulty: frozenset[str]
    has_all_names: bool
    correlation: Correlation | None
    has_correlation: bool
    calibration: Calibration | None
    calibration_document: Document | None
    names_calibration: bool

    @property
    def prices(self) -> dict[str, tuple[KeyPath, float]]:
        """Start prices that the scenario states, by asset, with their places."""
        stated = {asset: table.price for asset, table in self.assets.items()}
        return {
            asset: ((*self.asset_at(asset), "price"), price) for asset, price in stated.items() if price is not None
        }

    def asset_at(self, asset: str) -> KeyPath:
        """Where the scenario states an asset's figures."""
        return (*self.at, key_meant(self.document.at(self.at), "assets", _known(self.model)), asset)


def read_market(document: Document, at: KeyPath, findings: Findings) -> MarketDraft | None:
    """Check the table ``[market]`` and the calibration that it names; None where there is no such table."""
    table = document.at(at)
    if table is None or not is_table(document, at, findings):
        return None  # a missing table is a fault of the whole file
    model = _model(document, at, findings)
    # Until the model's name is right, the keys of every model may be meant.
    elsewhere = set(_known(model)) - set(keys_of(MarketTable))
    check_table(document, at, MarketTable, findings, elsewhere=elsewhere)
    known = _known(model)
    key = {name: key_meant(table, name, known) for name in ("calibration", "assets", "correlation")}
    calibration_document = calibration = None
    reference = reference_at(document, (*at, key["calibration"]))
    if reference is not None:
        calibration_document = open_calibration(reference, document, (*at, key["calibration"]), findings)
        if calibration_document is not None:
            calibration = calibration_from(calibration_document, findings)
    assets, faulty = _assets(document, (*at, key["assets"]), findings)
    tables = table.get(key["assets"], {})
    correlation = None if calibration is None else calibration.correlation
    if key["correlation"] in table:
        correlation = read_correlation(document, (*at, key["correlation"]), findings)
    names_calibration = key["calibration"] in table
    return MarketDraft(
        document=document,
        at=at,
        model=model,
        parameters=_parameters(document, at, model, calibration, names_calibration, findings),
        assets=assets,
        faulty=faulty,
        has_all_names=isinstance(tables, dict) and all(name_problem(asset) is None for asset in tables),
        correlation=correlation,
        has_correlation=key["correlation"] in table or names_calibration,
        calibration=calibration,
        calibration_document=calibration_document,
        names_calibration=names_calibration,
    )


def _known(model: str | None) -> list[str]:
    models = list(MODELS.values()) if model is None else [MODELS[model]]
    own = [key for entry in models for key in keys_of(entry.parameters)]
    return list(dict.fromkeys([*keys_of(MarketTable), *own]))


def _model(document: Document, at: KeyPath, findings: Findings) -> str | None:
    key = key_meant(document.at(at), "model", _known(None))
    name = document.at((*at, key))
    if not isinstance(name, str):
        return None  # the table's own check says so
    if name not in MODELS:
        findings.fault(document, (*at, key), f"there is no model {shown(name)}", suggestion(name, MODELS, "models"))
        return None
    return name


def _assets(document: Document, at: KeyPath, findings: Findings) -> tuple[dict[str, AssetTable], frozenset[str]]:
    tables = document.at(at)
    if tables is None or not is_table(document, at, findings):
        return {}, frozenset()
    checked = {asset: check_table(document, (*at, asset), AssetTable, findings) for asset in tables}
    good = {asset: table for asset, table in checked.items() if table is not None}
    return good, frozenset(checked) - frozenset(good)


def _parameters(
    document: Document,
    at: KeyPath,
    model: str | None,
    calibration: Calibration | None,
    names_calibration: bool,
    findings: Findings,
) -> dict[str, Any] | None:
    if model is None:
        return None
    kind = MODELS[model].parameters
    table = document.at(at)
    values: dict[str, Any] = {}
    if calibration is not None and calibration.model == model:
        values.update(calibration.parameters)
    elif calibration is not None:
        problem = (
            f"the calibration {shown(calibration.name)} was fitted for {shown(calibration.model)}, not {shown(model)}"
        )
        remedy = "its volatilities, drifts and correlation are used; its model's own parameters are not"
        findings.notice(document, (*at, "calibration"), problem, remedy)
    written = {key: key_meant(table, key, _known(model)) for key in keys_of(kind)}
    values.update({key: table[name] for key, name in written.items() if name in table})
    if names_calibration and calibration is None:
        # A parameter that is missing here may stand in the calibration, which has faults of its own.
        stated = {key for key in values if key in kind.model_fields}
        required = {key for key, field in kind.model_fields.items() if field.is_required()}
        if not required <= stated:
            return None
    checked = check_values(document, at, values, kind, findings, written)
    return None if checked is None else checked.model_dump()


def complete_market(
    draft: MarketDraft,
    starts: Mapping[str, float],
    findings: Findings,
    paths: PricePaths | None = None,
    seasonality: Seasonality | None = None,
) -> MarketSpecification | None:
    """Fit the market to the book's underlyings; whatever one of them lacks is a fault.

    Parameters
    ----------
    draft : MarketDraft
        The market that was read.
    starts : mapping of str to float
        Start price of each underlying, in order of first appearance in the book.
    findings : Findings
        Takes the faults.
    paths : PricePaths, optional
        The user's own, where the model takes them and they have no fault.
    seasonality : Seasonality, optional
        How volatile each hour of the week is; bars of the past are freed of it.

    Returns
    -------
    MarketSpecification or None
        The underlyings in their order; None where something is missing.
    """
    before = len(findings.faults)
    assets = list(starts)
    for asset in draft.assets:
        meant = closest(asset, assets)
        if asset not in assets and meant is not None and meant not in draft.assets:
            problem = f"the book holds nothing on {shown(asset)}, so these figures are not used"
            findings.notice(draft.document, draft.asset_at(asset), problem, f"did you mean {shown(meant)}?")
    _check_tables_by_asset(draft, assets, findings)
    _check_dynamic_correlation(draft, assets, findings)
    draws = "histories" in (draft.parameters or {})
    history = _history(draft, assets, seasonality, findings) if draws else None
    volatilities: list[float | None]
    if history is not None:
        # What nobody states is the history's own.
        days = MODELS[draft.model].own_volatility_days if draft.model else None
        own = dict(zip(assets, history.volatilities_of(days).tolist(), strict=True))
        stated = [_stated_volatility(draft, asset) for asset in assets]
        volatilities = [own[asset] if value is None else value for asset, value in zip(assets, stated, strict=True)]
        correlation: np.ndarray[Any, np.dtype[np.float64]] | None = history.correlation
    elif paths is not None:
        _tell_unused_figures(draft, findings)
        volatilities, correlation = list(paths.volatilities.tolist()), paths.correlation
    elif draws_from_history(draft.model) or takes_paths(draft.model):
        return None  # a fault by now, or one of the table's own
    else:
        volatilities = [_volatility(draft, asset, findings) for asset in assets]
        correlation = _correlation(draft, assets, findings)
    if len(findings.faults) > before or draft.model is None or draft.parameters is None or correlation is None:
        return None
    if any(volatility is None for volatility in volatilities):
        return None
    return MarketSpecification(
        model=draft.model,
        assets=tuple(assets),
        start_prices=np.array(list(starts.values()), dtype=np.float64),
        volatilities=np.array(volatilities, dtype=np.float64),
        drifts=np.array([0.0 if paths else _drift(draft, asset) for asset in assets], dtype=np.float64),
        correlation=correlation,
        extra=_extra(draft.parameters, paths),
        history=history,
        paths=paths,
        seasonality=seasonality,
    )


def _extra(parameters: Mapping[str, Any], paths: PricePaths | None) -> dict[str, Any]:
    """The model's own figures: what files hold stands apart, under their hashes."""
    extra = {key: value for key, value in parameters.items() if key not in ("histories", "file")}
    return extra if paths is None else {**extra, "lows_and_highs": paths.lows is not None}


def takes_paths(model: str | None) -> bool:
    """Whether the user brings a model's paths."""
    return model is not None and "file" in MODELS[model].parameters.model_fields


def _tell_unused_figures(draft: MarketDraft, findings: Findings) -> None:
    known = _known(draft.model)
    table = draft.document.at(draft.at)
    unused = [(*draft.at, key_meant(table, key, known)) for key in ("calibration", "correlation")]
    unused += [(*draft.asset_at(asset), key) for asset in draft.assets for key in ("volatility", "drift")]
    for at in unused:
        if draft.document.at(at) is not None:
            problem = f"the model {shown(draft.model or '')} takes prices as they are"
            findings.notice(draft.document, at, problem, "remove the key: it is not used")


def draws_from_history(model: str | None) -> bool:
    """Whether a model draws bars of the past."""
    return model is not None and "histories" in MODELS[model].parameters.model_fields


def _history(
    draft: MarketDraft, assets: Sequence[str], seasonality: Seasonality | None, findings: Findings
) -> BarRows | None:
    """Bars of the past; paths are relative to the file that states them."""
    assert draft.parameters is not None, "parameters hold the histories"
    key = key_meant(draft.document.at(draft.at), "histories", _known(draft.model))
    document, at = draft.document, (*draft.at, key)
    if draft.document.at(at) is None and draft.calibration_document is not None:
        document, at = draft.calibration_document, ("parameters", "histories")
    stated = (*draft.at, key_meant(draft.document.at(draft.at), "correlation", _known(draft.model)))
    if draft.document.at(stated) is not None:
        problem = f"the model {shown(draft.model or '')} draws whole rows of bars, which bring their own correlation"
        findings.notice(draft.document, stated, problem, "remove the table: it is not used")
    parameters = draft.parameters
    profile = None if seasonality is None else seasonality.profile
    files, bar = parameters["histories"], parameters["bar"]
    return read_histories(document, at, document.folder, files, bar, assets, findings, profile)


def _stated_volatility(draft: MarketDraft, asset: str) -> float | None:
    table = draft.assets.get(asset)
    if table is not None and table.volatility is not None:
        return table.volatility
    return None if draft.calibration is None else draft.calibration.volatilities.get(asset)


def _check_tables_by_asset(draft: MarketDraft, assets: Sequence[str], findings: Findings) -> None:
    """A parameter that is a table by asset must hold each asset of the book."""
    for key, value in (draft.parameters or {}).items():
        missing = [asset for asset in assets if isinstance(value, dict) and asset not in value]
        if missing:
            table = draft.document.at(draft.at)
            at = (*draft.at, key_meant(table, key, _known(draft.model)))
            listed = ", ".join(shown(asset) for asset in missing)
            problem = f"`{key}` lacks {listed}, which the book needs"
            remedy = "add its file" if key == "histories" else "add it to the table, or write one number for all assets"
            findings.fault(draft.document, at, problem, remedy)


def _check_dynamic_correlation(draft: MarketDraft, assets: Sequence[str], findings: Findings) -> None:
    """A correlation that follows the shocks is factored path by path, for so many assets and no more."""
    if not (draft.parameters or {}).get("correlation_alpha") or len(assets) <= MOST_ASSETS:
        return
    at = (*draft.at, key_meant(draft.document.at(draft.at), "correlation_alpha", _known(draft.model)))
    problem = (
        f"a correlation that follows the shocks takes at most {MOST_ASSETS} assets, and the book has {len(assets)}"
    )
    findings.fault(
        draft.document, at, problem, "remove the key, so that the correlation is constant, or split the book"
    )


def _volatility(draft: MarketDraft, asset: str, findings: Findings) -> float | None:
    table = draft.assets.get(asset)
    if table is not None and table.volatility is not None:
        return table.volatility
    if asset in draft.faulty or (draft.names_calibration and draft.calibration is None):
        return None  # already a fault, or perhaps in the calibration, which is at fault
    if table is None and not draft.has_all_names:
        return None  # perhaps one of those whose names are at fault
    if draft.calibration is not None and asset in draft.calibration.volatilities:
        return draft.calibration.volatilities[asset]
    at = draft.asset_at(asset) if table is not None else draft.at
    if table is not None:
        findings.fault(
            draft.document, at, f"the volatility of {shown(asset)} is missing", "add volatility = 0.62 (a year)"
        )
        return None
    where = (
        "neither the scenario nor its calibration holds"
        if draft.calibration is not None
        else "the market does not hold"
    )
    others = {*draft.assets, *draft.faulty, *(draft.calibration.volatilities if draft.calibration else ())}
    near = closest(asset, others)
    hint = f", or did you mean {shown(asset)} where {shown(near)} stands?" if near is not None else ""
    problem = f"{where} the asset {shown(asset)}, which the book needs"
    findings.fault(draft.document, at, problem, f"add [market.assets.{asset}] with volatility = 0.62 (a year){hint}")
    return None


def _drift(draft: MarketDraft, asset: str) -> float:
    table = draft.assets.get(asset)
    if table is not None and table.drift is not None:
        return table.drift
    return 0.0 if draft.calibration is None else draft.calibration.drifts.get(asset, 0.0)


def _correlation(
    draft: MarketDraft, assets: Sequence[str], findings: Findings
) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    if draft.correlation is None:
        if len(assets) == 1:
            return np.ones((1, 1))
        if not draft.has_correlation:
            names = ", ".join(f'"{asset}"' for asset in assets)
            rows = ", ".join(f"[{', '.join('1.0' if row == column else '...' for column in assets)}]" for row in assets)
            remedy = f"add [market.correlation] with assets = [{names}] and matrix = [{rows}]"
            findings.fault(draft.document, draft.at, "the market has several assets and no correlation", remedy)
        return None
    missing = [asset for asset in assets if asset not in draft.correlation.assets]
    if missing and len(assets) == 1:
        return np.ones((1, 1))
    if missing:
        listed = ", ".join(shown(asset) for asset in missing)
        findings.fault(
            draft.document,
            (*draft.at, "correlation", "assets"),
            f"the correlation lacks {listed}, which the book needs",
            "give it a row and a column of the matrix, and its name in assets",
        )
        return None
    return draft.correlation.among(assets)
