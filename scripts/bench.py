"""Speed of the kernel on one fixed piece of work, in turn with a C++ reference where its source is given.

The work: 10 correlated assets, 720 hourly steps, 5 maintenance tiers, 10 isolated pools and one cross pool, 65,536
paths, all cores. The reference bridges the isolated pools and looks at the cross pool at step ends; so does the row
``single_price``. The row ``every_pool`` does more: it bridges the cross pool too, as every run does.

Machines drift, so the two are run in turn and compared round by round.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from stresslab.book.book import Book, Position
from stresslab.book.configuration import Configuration, Pool
from stresslab.margin.problem import Bridge, build_problem
from stresslab.market import noise
from stresslab.market.bar_rows import BarRows
from stresslab.market.models import MODELS
from stresslab.market.specification import MarketSpecification
from stresslab.simulation import block
from stresslab.venues.pack import RulePack, Symbol
from stresslab.venues.tiers import TierTable

ASSETS, STEPS, PATHS = 10, 720, 65_536
WORK = ASSETS * STEPS * PATHS
MODES: tuple[Bridge, ...] = ("none", "single_price", "every_pool")
# Which row of ours does the same work as which row of the reference.
SAME_WORK = {"none": "reference, no bridge", "single_price": "reference, bridge"}
_FILES = {"histories": {f"A{asset}": "made_up.csv" for asset in range(ASSETS)}}
_WEIGHTS = {"alpha": 0.03, "beta": 0.95}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "student_t": {"degrees_of_freedom": 4.0},
    "garch": {"degrees_of_freedom": 4.0, **_WEIGHTS},
    "component_history": _FILES,
    "filtered_history": {**_FILES, **_WEIGHTS},
    "bootstrap": _FILES,
}
_BUILD = ("g++", "-O3", "-march=native", "-ffast-math", "-std=c++17", "-pthread", "-DBB=128")


def book() -> tuple[Book, tuple[Configuration, ...]]:
    """The reference's book: sizes rise, sides alternate, eight times leveraged."""
    tiers = TierTable(
        (0.0, 50_000.0, 500_000.0, 2_496_666.0, 4_400_000.0), (0.004, 0.005, 0.01, 0.025, 0.05), (100, 100, 50, 20, 10)
    )
    positions = []
    for asset in range(ASSETS):
        quantity = (-1 if asset % 2 else 1) * (1000.0 + 900.0 * asset)
        symbol = Symbol(f"A{asset}USDT", f"A{asset}", "linear", tiers)
        collateral = abs(quantity) * 100.0 / 8.0
        positions.append(Position(f"p{asset}", symbol, quantity, 100.0, 100.0, "isolated", collateral))
    symbols = {position.symbol.name: position.symbol for position in positions}
    pack = RulePack("bench", "made up", dt.date(2026, 1, 1), 8.0, "full", 0.0, "returned", symbols, "")
    wallet = sum(position.collateral or 0.0 for position in positions)
    account = Book("bench", pack, "USDT", wallet, tuple(positions), "")
    isolated = tuple(Pool(leg.id, (row,), leg.collateral or 0.0) for row, leg in enumerate(positions))
    cross = (Pool("cross", tuple(range(ASSETS)), wallet),)
    return account, (Configuration("isolated", isolated, 0.0), Configuration("cross", cross, 0.0))


def market(model: str) -> MarketSpecification:
    """Ten assets of rising volatility, correlated by 0.6; models that draw bars get two years of made-up ones."""
    correlation = np.full((ASSETS, ASSETS), 0.6) + 0.4 * np.eye(ASSETS)
    volatilities = 0.6 + 0.06 * np.arange(ASSETS)
    bars = None
    if "histories" in MODELS[model].parameters.model_fields:
        draw = np.random.default_rng(1)
        shocks = draw.standard_t(4.0, (2 * 8760, ASSETS)) @ np.linalg.cholesky(correlation).T / 2.0**0.5
        returns = shocks * volatilities * (1.0 / 8760.0) ** 0.5
        wick = 0.3 * np.abs(returns).mean(axis=0) * draw.exponential(size=(2, *returns.shape))
        bars = BarRows(returns, np.minimum(returns, 0.0) - wick[0], np.maximum(returns, 0.0) + wick[1], 1.0 / 24.0, {})
    parameters = MODELS[model].parameters.model_validate(_PARAMETERS.get(model, {})).model_dump()
    names = tuple(f"A{asset}" for asset in range(ASSETS))
    start, drift = np.full(ASSETS, 100.0), np.zeros(ASSETS)
    return MarketSpecification(model, names, start, volatilities, drift, correlation, parameters, history=bars)


def kernel(mode: Bridge, threads: int, model: str = "gbm") -> tuple[Callable[[], np.ndarray], float]:
    """A function that does the whole work, warm, and the seconds that compiling it took."""
    account, configurations = book()
    specification = market(model)
    assets = specification.assets
    problem = build_problem(account, configurations, assets, bridge=mode)
    process = MODELS[model].build(specification, 1.0 / 24.0)
    streams = block.Streams(
        noise.stream_keys(1, MODELS[model].streams(assets)), noise.stream_keys(1, problem.several_streams)
    )
    grid = block.Grid(np.float32(1.0 / 8760.0), np.array([STEPS], np.int32))
    leaves = problem.parameters, process, streams, grid
    started = time.perf_counter()
    compiled = block.simulate_block.lower(problem.layout, *leaves, np.uint32(0)).compile()
    seconds = time.perf_counter() - started

    def one(first: int) -> np.ndarray:
        result = compiled(*leaves, np.uint32(first))
        return np.asarray(result.outcome.liquidation_step)

    def whole() -> np.ndarray:
        with ThreadPoolExecutor(threads) as executor:
            return np.concatenate(list(executor.map(one, range(0, PATHS, block.BLOCK_WIDTH))), axis=1)

    return whole, seconds


def timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Million asset-steps a second of one warm call, and its result."""
    started = time.perf_counter()
    steps = work()
    return WORK / (time.perf_counter() - started) / 1e6, steps


def reference(program: Path) -> dict[str, float]:
    """Million asset-steps a second of the reference, the second of its two warm repetitions."""
    text = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    rates = {}
    for line in text.splitlines():
        found = re.search(r"bridge=(\d).*asset-steps/s=([\d.]+)M", line)
        if found:
            rates["reference, bridge" if found[1] == "1" else "reference, no bridge"] = float(found[2])
    return rates


def build(source: Path, folder: Path) -> Path:
    """Compile the reference with the flags that its own text names."""
    program = folder / "reference"
    subprocess.run([*_BUILD, source, "-o", program, "-lmvec", "-lm"], check=True)
    return program


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and largest."""
    return {"median": statistics.median(values), "least": min(values), "largest": max(values)}


def main() -> int:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=Path, metavar="FILE", help="source of the C++ reference; needs g++")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds, each row once a round")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="blocks in flight")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--models", default="", metavar="A,B", help="market models beside gbm, every pool bridged")
    options = parser.parse_args()

    models = [name for name in options.models.split(",") if name]
    works = {}
    for mode, model in [*((mode, "gbm") for mode in MODES), *(("every_pool", model) for model in models)]:
        row = mode if model == "gbm" else model
        works[row], seconds = kernel(mode, options.threads, model)
        rate, steps = timed(works[row])
        hits = (steps <= STEPS).mean(axis=1)
        shares = f"P {hits[0]:.4f} isolated, {hits[-1]:.4f} cross"
        print(f"{row}: compiled in {seconds:.1f} s, first call {rate:.0f} M/s; {shares}")
    rates: dict[str, list[float]] = {row: [] for row in works}
    with tempfile.TemporaryDirectory() as folder:
        program = build(options.limit, Path(folder)) if options.limit else None
        for _ in range(options.rounds):
            for name, rate in (reference(program) if program else {}).items():
                rates.setdefault(name, []).append(rate)
            for row, work in works.items():
                rates[row].append(timed(work)[0])
    ratios = {
        f"{mode} / {name}": [ours / theirs for ours, theirs in zip(rates[mode], rates[name], strict=True)]
        for mode, name in (*SAME_WORK.items(), ("every_pool", "reference, bridge"))
        if name in rates
    }
    for model in models:
        ratios[f"{model} / gbm, every_pool"] = [
            own / plain for own, plain in zip(rates[model], rates["every_pool"], strict=True)
        ]
    _print_table("million asset-steps a second", rates)
    _print_table("ratio, round by round", ratios)
    if options.json:
        options.json.write_text(json.dumps(_report(options, rates, ratios), indent=2) + "\n", encoding="utf-8")
    return 0


def _print_table(title: str, rows: dict[str, list[float]]) -> None:
    if not rows:
        return
    print(f"\n{title:40}   median    least  largest")
    for name, values in rows.items():
        row = spread(values)
        print(f"{name:40} {row['median']:8.2f} {row['least']:8.2f} {row['largest']:8.2f}")


def _report(
    options: argparse.Namespace, rates: dict[str, list[float]], ratios: dict[str, list[float]]
) -> dict[str, Any]:
    return {
        "rounds": options.rounds,
        "threads": options.threads,
        "rates": {name: spread(values) for name, values in rates.items()},
        "ratios": {name: spread(values) for name, values in ratios.items()},
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in ("jax", "jaxlib", "numpy")},
        "device": jax.devices()[0].device_kind,
    }


if __name__ == "__main__":
    sys.exit(main())
