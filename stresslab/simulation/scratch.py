"""Room for large arrays: in memory, or in files without a name that are gone with the process, however it ends."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

IN_MEMORY = 256_000_000
"""Bytes of outcomes up to which a run keeps them in memory; beyond, they stand in the temporary folder."""


class Scratch:
    """Gives room for arrays, and lets go of the memory that mirrors them.

    Parameters
    ----------
    on_disk : bool
        Whether arrays stand in files of the temporary folder (``TMPDIR``). The system holds as much of them in memory
        as is free, and no more of it counts as the process's own than was touched since `release`.
    """

    def __init__(self, on_disk: bool) -> None:
        self.on_disk = on_disk
        self._mappings: list[mmap.mmap] = []

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array to be filled.

        Parameters
        ----------
        shape : tuple of int
            Its shape.
        dtype : data type
            Of its elements.

        Raises
        ------
        MemoryError
            If the temporary folder has no room for it.
        """
        count, kind = int(np.prod(shape)), np.dtype(dtype)
        if not self.on_disk or count == 0:
            return np.empty(shape, kind)
        size = count * kind.itemsize
        try:
            with tempfile.TemporaryFile() as file:
                # All of it at once where the system can: a full disk is told here, but ends the process at a write.
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                else:
                    file.truncate(size)
                mapping = mmap.mmap(file.fileno(), size)
        except OSError as error:
            raise MemoryError(
                f"{size:,} bytes of outcomes do not fit into {tempfile.gettempdir()}: {error.strerror}; ask for fewer "
                "paths, or name another folder with TMPDIR"
            ) from error
        self._mappings.append(mapping)
        return np.frombuffer(mapping, kind).reshape(shape)

    def release(self) -> None:
        """Take files out of the process's memory; they are read again where they are touched again."""
        for mapping in self._mappings:
            mapping.madvise(mmap.MADV_DONTNEED)
