"""A C++ reference of the small work, where its source and a compiler are given.

The program does the work on two threads, twice without and twice with the bridge, and prints for each run the rate, and
the probabilities of the first isolated pool and of the cross pool to four digits. The second run of each is taken.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from scripts.benchmark import machine
from scripts.benchmark.row import Finding, Row
from scripts.benchmark.work import SMALL

THREADS = 2
_BUILD = ("g++", "-O3", "-march=native", "-ffast-math", "-std=c++17", "-pthread", "-DBB=128")
_LINE = re.compile(r"bridge=(\d).*asset-steps/s=([\d.]+)M\s+p0=([\d.]+) pc=([\d.]+)")


def reference_rows(source: Path, folder: Path) -> list[Row]:
    """The reference without and with the bridge; compiled into the folder with the flags that its own text names.

    Raises
    ------
    subprocess.CalledProcessError
        If it does not compile.
    """
    program = folder / "reference"
    started = time.perf_counter()
    subprocess.run([*_BUILD, source, "-o", program, "-lmvec", "-lm"], check=True)
    seconds = time.perf_counter() - started
    # One start of the program measures both rows: what the other row will ask for is kept until it does.
    kept: dict[bool, Finding] = {}
    peak = 0

    def run(bridged: bool) -> Finding:
        nonlocal peak
        if bridged not in kept:
            text, memory = _output(program)
            kept.update(findings(text))
            peak = max(peak, memory)
        return kept.pop(bridged)

    return [
        Row("reference, no bridge", "ends", seconds, lambda _: run(False), child_memory=lambda: peak),
        Row("reference, bridge", "isolated bridged", 0.0, lambda _: run(True), child_memory=lambda: peak),
    ]


def findings(text: str) -> dict[bool, Finding]:
    """What the program's output says, by whether the isolated pools are bridged; the last run of each counts."""
    result = {}
    for line in text.splitlines():
        if found := _LINE.search(line):
            seconds = SMALL.asset_steps / (float(found[2]) * 1e6)
            shares = {0: float(found[3]), SMALL.assets: float(found[4])}
            result[found[1] == "1"] = Finding(seconds, shares, SMALL.paths, resolution=1e-4)
    return result


def _output(program: Path) -> tuple[str, int]:
    """What the program prints, and its peak memory in bytes, 0 where the system does not tell."""
    memory = 0
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None, "the output is piped"
        # The peak that the system reports of an ended child is the greater of its own and of ours when it was started.
        while child.poll() is None:
            memory = max(memory, machine.peak(child.pid) or 0)
            time.sleep(0.05)
        text = child.stdout.read()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, program)
    return text, memory
