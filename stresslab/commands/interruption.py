"""How a long command ends when it is told to: once, cleanly, and never inside the loading of a binary module."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_MOMENT = 0.05  # seconds


@contextmanager
def interruptible() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Treat a scheduler's polite end as Ctrl-C is, and ignore what is repeated while the block cleans up.

    The first SIGINT or SIGTERM raises KeyboardInterrupt in the block. One that the process was started to ignore stays
    ignored.

    Yields
    ------
    callable
        Makes a context inside which a signal waits until it ends. Python raises KeyboardInterrupt wherever it happens
        to be, and inside the start of JAX's binary modules that is a crash, after which nothing is cleaned up.
    """
    former = {number: signal.getsignal(number) for number in _SIGNALS}
    heeded = [number for number, handler in former.items() if handler != signal.SIG_IGN]
    waits = arrived = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal arrived
        arrived = True
        if not waits:
            _ignore(heeded)
            raise KeyboardInterrupt

    # Not by the thread's signal mask: another thread could take the signal, and the exception would rise here still.
    @contextmanager
    def undisturbed() -> Iterator[None]:
        nonlocal waits
        waits = True
        try:
            yield
        finally:
            waits = False
        if arrived:
            _ignore(heeded)
            raise KeyboardInterrupt

    # Where Python runs a callback of its garbage collection, as JAX has one, it prints an exception and goes on. So one
    # that was lost there is raised once more, a moment later and elsewhere.
    def lost(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _MOMENT)
        else:
            former_hook(unraisable)

    def again(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former_hook, former_alarm = sys.unraisablehook, signal.getsignal(signal.SIGALRM)
    sys.unraisablehook = lost
    signal.signal(signal.SIGALRM, again)
    for number in heeded:
        signal.signal(number, interrupt)
    try:
        yield undisturbed
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, former_alarm)
        sys.unraisablehook = former_hook
        for number in heeded:
            signal.signal(number, former[number])


def _ignore(numbers: list[signal.Signals]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
