"""Whether two runs have the same outcomes to the bit."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from stresslab.simulation.outcomes import Outcomes


def differing(one: Outcomes, other: Outcomes) -> list[str]:
    """Names of the arrays in which two outcomes differ in any bit."""
    names = [field.name for field in fields(one) if isinstance(getattr(one, field.name), np.ndarray)]
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in names}
    pairs |= {f"alert_step {key}": (value, other.alert_step[key]) for key, value in one.alert_step.items()}
    return [
        name
        for name, (left, right) in pairs.items()
        if left.dtype != right.dtype or left.shape != right.shape or left.tobytes() != right.tobytes()
    ]
