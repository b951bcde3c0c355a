"""Speed of the kernel beside other ways of doing the same work: NumPy, Numba, and C++ where its source is given.

Small work: 10 correlated assets, 720 hourly steps, 5 maintenance tiers, 10 isolated pools and a cross pool, 65,536
paths. Large work: 40 assets and positions, 2,160 steps, 8 configurations with 90 pools, 16,384 paths.

The rows `none` and `single_price` do what the others do: isolated pools at the ends of steps, or bridged, and all other
pools at the ends of steps. The row `every_pool` does more: it bridges those too, as every run does. Before anything is
measured the rows must agree on every pool's probability of liquidation.

Machines drift, so rows are run in turn and compared round by round.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts.benchmark import agreement, measuring
from scripts.benchmark.kernel_row import kernel_row
from scripts.benchmark.machine import machine
from scripts.benchmark.measuring import MEGABYTE, Measurement, spread
from scripts.benchmark.numpy_row import numpy_row
from scripts.benchmark.parts import measure_parts, print_parts
from scripts.benchmark.reference_row import THREADS, reference_rows
from scripts.benchmark.row import Row
from scripts.benchmark.scaling import ARITHMETIC, measure_scaling
from scripts.benchmark.work import WORKS, Work
from stresslab.margin.problem import Bridge
from stresslab.simulation.block import BLOCK_WIDTH

BRIDGES: tuple[Bridge, ...] = ("none", "single_price", "every_pool")
# Which rows of others do the work of which of ours; the last three do less.
OTHERS = ("reference", "numba", "numpy")
COMPARISONS = [("none", f"{other}, no bridge") for other in OTHERS] + [
    (ours, f"{other}, bridge") for ours in ("single_price", "every_pool") for other in OTHERS
]


def main() -> int:
    """Measure, print tables, and write JSON where asked; 1 where rows disagree."""
    options = _options()
    work = WORKS[options.work]
    if options.paths:
        work = dataclasses.replace(work, paths=options.paths)
    here = machine()
    print(f"{here['processor']}, {here['cores']} cores, load {here['load_at_start']}; {_named(here['versions'])}")
    print(f"{work.name} work: {work.assets} assets, {work.steps} steps, {len(work.pools)} pools, {work.paths:,} paths")
    if options.parts:
        return _measure_parts(options, work, here)
    with tempfile.TemporaryDirectory() as folder:
        return _measure(options, work, here, _rows(options, work, Path(folder)))


def _measure(options: argparse.Namespace, work: Work, here: dict[str, Any], rows: list[Row]) -> int:
    threads = max(options.threads)
    measured: dict[str, Measurement] = {}
    found = []
    for row in rows:
        measured[row.name], finding = measuring.first_call(row, threads)
        found.append((row, finding))
        memory = measured[row.name].memory
        shown = "unknown" if memory is None else f"{memory / MEGABYTE:.0f} MB"
        print(
            f"{row.name:24} compiled in {row.compile_seconds:5.1f} s, first call {finding.seconds:6.2f} s, "
            f"peak memory {shown}; P {finding.shares[0]:.4f} isolated, {finding.shares[max(finding.shares)]:.4f} cross"
        )
    differences = list(agreement.differences(found, work.assets))
    if faults := agreement.disagreements(differences):
        print("the rows do not do the same work:", *faults, sep="\n  ", file=sys.stderr)
        return 1
    largest = max((abs(difference.errors) for difference in differences), default=0.0)
    print(f"{len(differences)} comparisons of probabilities, the largest difference {largest:.1f} standard errors")

    measuring.measure_rounds(rows, options.rounds, threads, work, measured)
    ratios = {
        f"{ours} / {theirs}": measuring.paired(measured, ours, theirs)
        for ours, theirs in [*COMPARISONS, *((row.model, "every_pool") for row in rows if row.model != "gbm")]
        if theirs in measured
    }
    measuring.print_spreads("million asset-steps a second", {name: row.rates for name, row in measured.items()})
    measuring.print_spreads("cores busy", {name: row.cores for name, row in measured.items() if row.cores})
    per_core = {name: row.rates_per_core for name, row in measured.items() if row.cores}
    measuring.print_spreads("million asset-steps a processor second", per_core)
    measuring.print_spreads("ratio, round by round", ratios)
    scaling = {}
    if len(options.threads) > 1:
        scaled = measure_scaling(BRIDGES, options.rounds, options.threads, work)
        least = min(options.threads)
        for what in (*BRIDGES, ARITHMETIC):
            for count in options.threads:
                name = f"{what}, {count} threads"
                if count != least:
                    scaling[f"{name} / {least}"] = measuring.paired(scaled, name, f"{what}, {least} threads")
        measuring.print_spreads("cores busy, by threads", {name: row.cores for name, row in scaled.items()})
        measuring.print_spreads("scaling, round by round", scaling)
    if options.json:
        report = {
            "work": dataclasses.asdict(work),
            "rounds": options.rounds,
            "threads": options.threads,
            "machine": here | {"load_at_end": round(os.getloadavg()[0], 2)},
            "rows": {row.name: _reported(row, measured[row.name]) for row in rows},
            "largest_difference_in_standard_errors": largest,
            "ratios": {name: spread(values) for name, values in ratios.items()},
            "scaling": {name: spread(values) for name, values in scaling.items()},
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _measure_parts(options: argparse.Namespace, work: Work, here: dict[str, Any]) -> int:
    parts = measure_parts(work, options.rounds)
    print_parts(parts)
    if options.json:
        report = {"work": dataclasses.asdict(work), "machine": here, "microseconds_a_step_and_block": parts}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _reported(row: Row, measured: Measurement) -> dict[str, Any]:
    return {
        "compile_seconds": row.compile_seconds,
        "first_call_seconds": measured.first_seconds,
        "memory_bytes": measured.memory,
        "million_asset_steps_a_second": spread(measured.rates),
        "cores_busy": spread(measured.cores) if measured.cores else None,
        "million_asset_steps_a_processor_second": spread(measured.rates_per_core) if measured.cores else None,
    }


def _rows(options: argparse.Namespace, work: Work, folder: Path) -> list[Row]:
    """Every row that can be had here; each that cannot is left out with a line."""
    rows = [kernel_row(work, bridge) for bridge in BRIDGES]
    rows += [kernel_row(work, "every_pool", model) for model in options.models.split(",") if model]
    rows += [numpy_row(work, bridged) for bridged in (False, True)]
    try:
        from scripts.benchmark.numba_row import numba_row
    except ModuleNotFoundError:
        print("no row of Numba: it is not installed; the extra `bench` has it")
    else:
        rows += [numba_row(work, bridged) for bridged in (False, True)]
    if options.limit and work == WORKS["small"] and max(options.threads) == THREADS:
        rows += reference_rows(options.limit, folder)
    elif options.limit:
        print(f"no row of the reference: it does the small work alone, with all its paths and on {THREADS} threads")
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=sorted(WORKS), default="small", help="which work; default: small")
    parser.add_argument("--paths", type=_paths, metavar="N", help="other than the work's own number of paths")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds, each row once a round; default: 5")
    parser.add_argument(
        "--threads",
        type=lambda text: [int(part) for part in text.split(",")],
        default=[os.cpu_count() or 1],
        metavar="N,M",
        help="blocks in flight; with several numbers the kernel is also compared with itself on each",
    )
    parser.add_argument("--parts", action="store_true", help="one step's parts, each alone, and nothing else")
    parser.add_argument("--limit", type=Path, metavar="FILE", help="source of the C++ reference; needs g++")
    parser.add_argument("--models", default="", metavar="A,B", help="market models beside gbm, every pool bridged")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser.parse_args()


def _paths(text: str) -> int:
    count = int(text)
    if count < 2 * BLOCK_WIDTH or count % BLOCK_WIDTH:
        raise argparse.ArgumentTypeError(f"must be a multiple of {BLOCK_WIDTH}, and at least two of them")
    return count


def _named(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in versions.items())


if __name__ == "__main__":
    sys.exit(main())
