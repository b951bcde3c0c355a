"""How the draws of different paths hang together, where they are not independent: as data, without JAX."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AntitheticPairs:
    """Paths 2k and 2k + 1 are mirrored: normals of opposite sign, bridge uniforms u and 1 - u."""


@dataclass(frozen=True)
class QuasiRandom:
    """The coarse course of prices comes from Sobol's points, shifted at random for each replication (METHODS M33).

    Parameters
    ----------
    seed : int
        Of the shifts, 0 to 2**63 - 1.
    replications : int
        Independent shifts, at least 1. The first replication is paths 0 to ``points - 1``, and so on.
    points : int
        Paths a replication, a positive multiple of 1024; best a power of two.
    steps : int
        Steps of the run, at least 1.
    """

    seed: int
    replications: int
    points: int
    steps: int


Sampling = AntitheticPairs | QuasiRandom
