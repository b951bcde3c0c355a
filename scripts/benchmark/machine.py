"""What a measurement hangs on besides the code: processor, memory, versions, and what else the machine was doing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from stresslab.simulation.environment import versions

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


def machine() -> dict[str, Any]:
    """The machine and its software, for the table's head and for the file."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "versions": versions() | {name: found for name in ("numba", "llvmlite") if (found := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def forget_peak() -> bool:
    """Let the peak of resident memory begin anew; False where the system does not allow it."""
    try:
        _RESET.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak(process: int | None = None) -> int | None:
    """Peak of resident memory since the last `forget_peak`, bytes; None where the system does not tell.

    Parameters
    ----------
    process : int, optional
        Identifier of another process; this one by default.
    """
    status = _STATUS if process is None else Path(f"/proc/{process}/status")
    try:
        lines = status.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    values = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return values[0] if values else None
