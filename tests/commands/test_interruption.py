"""The first signal interrupts, repeated ones do not, and none falls into what must not be disturbed."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time

import pytest

from stresslab.commands.interruption import interruptible

BOTH = [signal.SIGINT, signal.SIGTERM]


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", BOTH)
def test_first_signal_interrupts_and_the_next_are_ignored(number):
    before = [signal.getsignal(each) for each in BOTH]
    steps = []
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            send(number)
            steps.append("not reached")
        finally:
            # Cleaning up, while somebody presses Ctrl-C again and the scheduler insists.
            for each in BOTH:
                send(each)
            steps.append("clean")
    assert steps == ["clean"]
    assert [signal.getsignal(each) for each in BOTH] == before


@pytest.mark.parametrize("number", BOTH)
def test_signal_waits_where_nothing_must_be_disturbed(number):
    steps = []
    with pytest.raises(KeyboardInterrupt), interruptible() as undisturbed:
        with undisturbed():
            send(number)
            send(number)
            steps.append("loaded")
        steps.append("not reached")
    assert steps == ["loaded"]


def test_nothing_happens_without_a_signal():
    before = [signal.getsignal(each) for each in BOTH]
    with interruptible() as undisturbed:
        with undisturbed():
            pass
        assert [signal.getsignal(each) for each in BOTH] != before
    assert [signal.getsignal(each) for each in BOTH] == before


def test_failure_inside_is_not_hidden_by_a_waiting_signal():
    with pytest.raises(ImportError), interruptible() as undisturbed, undisturbed():
        send(signal.SIGINT)
        raise ImportError


def test_signal_that_the_process_ignores_stays_ignored():
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible():
            send(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, former)


def test_an_interrupt_that_the_garbage_collection_swallows_comes_again():
    def collected(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            gc.callbacks.remove(collected)
            signal.raise_signal(signal.SIGTERM)

    former, until = sys.unraisablehook, time.monotonic() + 5.0
    with pytest.raises(KeyboardInterrupt), interruptible():
        gc.callbacks.append(collected)
        gc.collect()
        while time.monotonic() < until:
            time.sleep(0.01)
    assert time.monotonic() < until
    assert sys.unraisablehook is former
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_other_lost_exceptions_are_told_as_ever(monkeypatch: pytest.MonkeyPatch):
    told: list[sys.UnraisableHookArgs] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    def collected(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            gc.callbacks.remove(collected)
            raise ValueError

    with interruptible():
        gc.callbacks.append(collected)
        gc.collect()
    assert [each.exc_type for each in told] == [ValueError]
