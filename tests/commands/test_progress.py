"""Progress is shown on a terminal and nowhere else."""

from __future__ import annotations

import io

import pytest

from stresslab.commands.progress import progress_of_paths


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_written_where_no_terminal_is():
    stream = io.StringIO()
    with progress_of_paths(1000, stream) as progress:
        assert progress is None
    assert stream.getvalue() == ""


def test_terminal_shows_paths_done(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with progress_of_paths(12_000, stream) as progress:
        assert progress is not None
        progress(7_000)
    assert "7,000 of 12,000 paths" in stream.getvalue()


def test_interruption_passes_through():
    with pytest.raises(KeyboardInterrupt), progress_of_paths(10, Terminal()):
        raise KeyboardInterrupt
