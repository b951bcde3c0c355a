"""Correlation matrices as files state them: their form, and that some market can have them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from stresslab.documents.fields import TABLE, Name
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table

SMALLEST_EIGENVALUE = -1e-9
_ROUNDING = 1e-9


class CorrelationTable(BaseModel):
    """Correlation of the assets' Gaussian core."""

    model_config = TABLE
    assets: Annotated[
        list[Name],
        Field(min_length=1, description="Order of the rows and columns.", examples=[["BTC", "ETH"]]),
    ]
    matrix: Annotated[
        list[list[Annotated[float, Field(allow_inf_nan=False)]]],
        Field(
            min_length=1,
            description="Symmetric, 1 on the diagonal, entries from -1 to 1, positive semidefinite.",
            examples=[[[1.0, 0.82], [0.82, 1.0]]],
        ),
    ]


@dataclass(frozen=True)
class Correlation:
    """A checked correlation matrix.

    Parameters
    ----------
    assets : tuple of str
        Order of rows and columns.
    matrix : numpy.ndarray
        [asset, asset], symmetric, unit diagonal, positive semidefinite.
    """

    assets: tuple[str, ...]
    matrix: NDArray[np.float64]

    def among(self, assets: Sequence[str]) -> NDArray[np.float64]:
        """The part of the matrix that belongs to some of its assets, in their order."""
        chosen = [self.assets.index(asset) for asset in assets]
        return self.matrix[np.ix_(chosen, chosen)]


def read_correlation(document: Document, at: KeyPath, findings: Findings) -> Correlation | None:
    """Check a table ``[correlation]``; None where it has faults."""
    table = check_table(document, at, CorrelationTable, findings)
    if table is None:
        return None
    before = len(findings.faults)
    size = len(table.assets)
    for index, asset in enumerate(table.assets):
        if asset in table.assets[:index]:
            findings.fault(
                document, (*at, "assets", index), f"the asset {shown(asset)} stands twice", "name each asset once"
            )
    matrix_at = (*at, "matrix")
    if len(table.matrix) != size:
        problem = f"the matrix has {len(table.matrix)} rows for {size} assets"
        findings.fault(document, matrix_at, problem, "give one row for each asset")
    for row, entries in enumerate(table.matrix):
        if len(entries) != size:
            problem = f"row {row + 1} has {len(entries)} entries for {size} assets"
            findings.fault(document, (*matrix_at, row), problem, "give one entry for each asset")
    if len(findings.faults) > before:
        return None
    _check_entries(document, matrix_at, table.matrix, findings)
    if len(findings.faults) > before:
        return None
    matrix = np.array(table.matrix, dtype=np.float64)
    matrix = (matrix + matrix.T) / 2.0
    np.fill_diagonal(matrix, 1.0)
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    if smallest < SMALLEST_EIGENVALUE:
        problem = f"the matrix is not positive semidefinite: its smallest eigenvalue is {smallest:.6g}"
        findings.fault(
            document,
            matrix_at,
            problem,
            f"repair it, or multiply every entry off the diagonal by {_shrinkage(smallest)}",
        )
        return None
    return Correlation(tuple(table.assets), matrix)


def _shrinkage(smallest: float) -> str:
    # Mixing with the identity moves every eigenvalue toward 1 in proportion; this weight brings the smallest to 0.
    return f"{math.floor(1e4 / (1.0 - smallest)) / 1e4:g} or less"


def _check_entries(document: Document, at: KeyPath, matrix: Sequence[Sequence[float]], findings: Findings) -> None:
    for row, entries in enumerate(matrix):
        for column, value in enumerate(entries):
            place = (*at, row, column)
            label = f"entry ({row + 1}, {column + 1})"
            if row == column and abs(value - 1.0) > _ROUNDING:
                findings.fault(
                    document, place, f"{label} of the diagonal is {value:g}", "an asset's correlation with itself is 1"
                )
            elif abs(value) > 1.0 + _ROUNDING:
                findings.fault(document, place, f"{label} is {value:g}", "a correlation lies between -1 and 1")
            elif column < row and abs(value - matrix[column][row]) > _ROUNDING:
                mirrored = matrix[column][row]
                problem = f"{label} is {value:g}, but entry ({column + 1}, {row + 1}) is {mirrored:g}"
                findings.fault(document, place, problem, "the matrix is symmetric: make the two equal")
