"""Rows in turn, round by round, and what is made of their times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scripts.benchmark import machine
from scripts.benchmark.row import Finding, Row
from scripts.benchmark.work import Work

MEGABYTE = 1e6


@dataclass
class Measurement:
    """What was measured of one row.

    Parameters
    ----------
    first_seconds : float
        Of the first call after compiling.
    memory : int or None
        Peak of resident memory during the first call, bytes, all libraries included; of another process, its own.
    rates : list of float
        Million asset-steps a second of the warm calls, one a round.
    cores : list of float
        Processor seconds of this process for each second of the warm calls; empty where another process works.
    """

    first_seconds: float
    memory: int | None
    rates: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)

    @property
    def rates_per_core(self) -> list[float]:
        """Million asset-steps for each second of a processor, one a round; other work disturbs them less."""
        return [rate / busy for rate, busy in zip(self.rates, self.cores, strict=True)]


def first_call(row: Row, threads: int) -> tuple[Measurement, Finding]:
    """Call a row for the first time and watch its memory."""
    can_tell = machine.forget_peak()
    finding = row.run(threads)
    memory = machine.peak() if can_tell else None
    if row.child_memory is not None:
        memory = row.child_memory()
    return Measurement(finding.seconds, memory), finding


def warm_call(row: Row, threads: int, work: Work, measured: Measurement) -> None:
    """Call a row again and write down its rate."""
    started = time.process_time()
    finding = row.run(threads)
    used = time.process_time() - started
    measured.rates.append(work.asset_steps / finding.seconds / 1e6)
    if row.child_memory is None:
        measured.cores.append(used / finding.seconds)


def measure_rounds(
    rows: Sequence[Row], rounds: int, threads: int, work: Work, measured: Mapping[str, Measurement]
) -> None:
    """Every row once a round, every other round backwards: what drifts in a round then favors none."""
    for number in range(rounds):
        for row in rows if number % 2 == 0 else reversed(rows):
            warm_call(row, threads, work, measured[row.name])


def paired(measured: Mapping[str, Measurement], ours: str, theirs: str) -> list[float]:
    """Rate of one row over that of another, round by round."""
    return [here / there for here, there in zip(measured[ours].rates, measured[theirs].rates, strict=True)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and largest."""
    return {"median": statistics.median(values), "least": min(values), "largest": max(values)}


def print_spreads(title: str, rows: Mapping[str, Sequence[float]]) -> None:
    """Print a table of medians and spreads; nothing without rows."""
    if not rows:
        return
    print(f"\n{title:44}   median    least  largest")
    for name, values in rows.items():
        row = spread(values)
        print(f"{name:44} {row['median']:8.2f} {row['least']:8.2f} {row['largest']:8.2f}")
