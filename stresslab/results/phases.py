"""How long each phase of a run took."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger(__name__)


class PhaseClock:
    """Seconds of each phase, for the manifest and for people; no number of a result depends on it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """Book the time since the last lap under a phase."""
        now = time.perf_counter()
        self.seconds[phase] = now - self._last
        self._last = now
        logger.info("%s took %.2f s", phase, self.seconds[phase])

    def split(self, phase: str, part: str, seconds: float) -> None:
        """Book a part of a phase under its own name."""
        self.seconds[phase] -= seconds
        self.seconds[part] = seconds
