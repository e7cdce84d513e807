"""Writes a program block by block: families of columns, then families of rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.csr import Csr, Floats, Ints
from solvers.program import Program, Sense

Terms = Sequence[tuple[ArrayLike, ArrayLike, ArrayLike]]
"""Entries of a block of rows: (row within the block, column, coefficient), each an array or a number."""


class ProgramBuilder:
    """Collects families of columns and rows, each with one name, and gives the finished arrays.

    A family of several members is named ``family[0]``, ``family[1]``, ...; of one scalar member ``family``.
    """

    def __init__(self) -> None:
        self.lb: list[Floats] = []
        self.ub: list[Floats] = []
        self.integer: list[NDArray[np.bool_]] = []
        self.n_cols = 0
        self.n_rows = 0
        self._column_families: list[tuple[int, str]] = []
        self._row_families: list[tuple[int, str]] = []
        self._entries: list[tuple[Ints, Ints, Floats]] = []
        self._row_lb: list[Floats] = []
        self._row_ub: list[Floats] = []

    def columns(self, name: str, lb: ArrayLike, ub: ArrayLike, *, integer: bool = False) -> Ints:
        """Add a family of columns and return their indices."""
        lower, upper = np.broadcast_arrays(np.atleast_1d(_floats(lb)), np.atleast_1d(_floats(ub)))
        scalar = np.ndim(lb) == 0 and np.ndim(ub) == 0
        self._column_families.append((self.n_cols, name if scalar else f"{name}[{{}}]"))
        self.lb.append(lower)
        self.ub.append(upper)
        self.integer.append(np.full(len(lower), integer))
        first, self.n_cols = self.n_cols, self.n_cols + len(lower)
        return np.arange(first, self.n_cols)

    def rows(self, name: str, terms: Terms, lb: ArrayLike, ub: ArrayLike) -> Ints:
        """Add a family of rows ``lb <= terms <= ub`` and return their indices."""
        lower, upper = np.broadcast_arrays(np.atleast_1d(_floats(lb)), np.atleast_1d(_floats(ub)))
        scalar = np.ndim(lb) == 0 and np.ndim(ub) == 0
        self._row_families.append((self.n_rows, name if scalar else f"{name}[{{}}]"))
        for row, column, value in terms:
            r, c, v = np.broadcast_arrays(np.asarray(row), np.asarray(column), _floats(value))
            self._entries.append((r.ravel() + self.n_rows, c.ravel(), v.ravel()))
        self._row_lb.append(lower)
        self._row_ub.append(upper)
        first, self.n_rows = self.n_rows, self.n_rows + len(lower)
        return np.arange(first, self.n_rows)

    def finish(self, sense: Sense, obj: Floats, *, name: str, obj_offset: float = 0.0) -> Program:
        """Give the program with this objective; ``obj`` may be shorter than the columns (rest 0)."""
        padded = np.zeros(self.n_cols)
        padded[: len(obj)] = obj
        row, col, value = (_joined([entry[k] for entry in self._entries]) for k in range(3))
        return Program(
            sense=sense,
            obj=padded,
            obj_offset=obj_offset,
            lb=_joined(self.lb),
            ub=_joined(self.ub),
            integer=_joined(self.integer).astype(np.bool_),
            rows=Csr.from_triplets(row, col, value, (self.n_rows, self.n_cols)),
            row_lb=_joined(self._row_lb),
            row_ub=_joined(self._row_ub),
            column_name=_namer(self._column_families),
            row_name=_namer(self._row_families),
            name=name,
        )


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _joined(parts: list[Any]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0)


def _namer(families: list[tuple[int, str]]) -> Callable[[int], str]:
    """Give the function index -> name over families in order of their first index."""
    starts, patterns = [start for start, _ in families], tuple(pattern for _, pattern in families)

    def name(index: int) -> str:
        family = bisect_right(starts, index) - 1
        return patterns[family].format(index - starts[family])

    return name
