"""Sparse matrices in compressed row form: what every program hands to every solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Csr:
    """One sparse matrix [rows, n_cols]; row i holds entries ``indptr[i]:indptr[i + 1]``."""

    indptr: Ints
    indices: Ints
    data: Floats
    n_cols: int

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    @property
    def row_of(self) -> Ints:
        """Row index of every stored entry [entries]."""
        return np.repeat(np.arange(self.n_rows), np.diff(self.indptr))

    @classmethod
    def from_triplets(cls, rows: ArrayLike, cols: ArrayLike, data: ArrayLike, shape: tuple[int, int]) -> Csr:
        """Build from (row, column, value) entries; equal positions add up, zeros are dropped."""
        n_rows, n_cols = shape
        row, col = np.asarray(rows, dtype=np.int64), np.asarray(cols, dtype=np.int64)
        value = np.asarray(data, dtype=np.float64)
        key, inverse = np.unique(row * max(n_cols, 1) + col, return_inverse=True)
        total = np.bincount(inverse, weights=value, minlength=len(key)) if len(key) else np.zeros(0)
        keep = total != 0.0
        key, total = key[keep], total[keep]
        count = np.bincount(key // max(n_cols, 1), minlength=n_rows)
        indptr = np.concatenate(([0], np.cumsum(count))).astype(np.int64)
        return cls(indptr=indptr, indices=key % max(n_cols, 1), data=total, n_cols=n_cols)

    @classmethod
    def from_dense(cls, matrix: ArrayLike) -> Csr:
        """Build from a dense matrix [rows, columns]."""
        dense = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
        row, col = np.nonzero(dense)
        return cls.from_triplets(row, col, dense[row, col], (dense.shape[0], dense.shape[1]))

    @classmethod
    def empty(cls, n_rows: int, n_cols: int) -> Csr:
        """Give the zero matrix of this shape."""
        return cls.from_triplets([], [], [], (n_rows, n_cols))

    def to_dense(self) -> Floats:
        """Give the dense matrix [rows, columns]."""
        dense = np.zeros((self.n_rows, self.n_cols))
        dense[self.row_of, self.indices] = self.data
        return dense

    def dot(self, x: NDArray[Any]) -> Floats:
        """Multiply by a column vector: the activity of every row [rows]."""
        terms = self.data * x[self.indices]
        return np.asarray(np.bincount(self.row_of, weights=terms, minlength=self.n_rows), dtype=np.float64)

    def transpose_dot(self, y: NDArray[Any]) -> Floats:
        """Multiply a row vector by the matrix: one number per column [columns]."""
        terms = self.data * y[self.row_of]
        return np.asarray(np.bincount(self.indices, weights=terms, minlength=self.n_cols), dtype=np.float64)

    def take_columns(self, columns: Ints) -> Csr:
        """Keep these columns, in this order; one named twice comes twice."""
        by_column = np.argsort(self.indices, kind="stable")
        stored = np.bincount(self.indices, minlength=self.n_cols)
        first = np.concatenate(([0], np.cumsum(stored)))[columns]
        count = stored[columns]
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        entry = by_column[np.repeat(first, count) + within]
        taken = np.repeat(np.arange(len(columns)), count)
        return Csr.from_triplets(self.row_of[entry], taken, self.data[entry], (self.n_rows, len(columns)))

    def take_rows(self, rows: Ints) -> Csr:
        """Keep these rows, in this order."""
        count = np.diff(self.indptr)[rows]
        indptr = np.concatenate(([0], np.cumsum(count))).astype(np.int64)
        entry = np.arange(count.sum()) + np.repeat(self.indptr[rows] - indptr[:-1], count)
        return Csr(indptr=indptr, indices=self.indices[entry], data=self.data[entry], n_cols=self.n_cols)

    def row_max_abs(self) -> Floats:
        """Largest absolute entry of every row, 0 for an empty row [rows]."""
        largest = np.zeros(self.n_rows)
        np.maximum.at(largest, self.row_of, np.abs(self.data))
        return largest
