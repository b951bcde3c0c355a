"""Progress of a long computation: on stderr, and only where a person is looking."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def progress_of_paths(
    total: int, stream: TextIO | None = None, *, unit: str = "paths", task: str = "simulating"
) -> Iterator[Callable[[int], None] | None]:
    """Show paths done and time left while the block runs.

    Parameters
    ----------
    total : int
        Number of paths, at least 1.
    stream : text stream, optional
        Where to show it; by default stderr.
    unit, task : str
        What is counted, where it is not paths, and what is being done.

    Yields
    ------
    callable or None
        Takes the number of paths done so far; None where the stream is no terminal, so that pipes and logs stay clean.
    """
    shown = sys.stderr if stream is None else stream
    if not shown.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + unit),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    # Transient: when the run ends, its messages stand alone.
    with Progress(*columns, console=Console(file=shown), transient=True) as progress:
        shown_task = progress.add_task(task, total=total)
        yield lambda done: progress.update(shown_task, completed=done)
