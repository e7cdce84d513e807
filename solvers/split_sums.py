r"""Sums to branch on, read from the vertex of a relaxation: splits behind Gomory's mixed-integer cuts.

Sets        B, N                basic columns; columns on a bound: structural ones and row activities
            I                   integer columns, with whole bounds
Parameters  b, f0               a basic integer column whose value is not whole; the fraction of that value
            a_j                 x_b + sum_{j in N} a_j t_j = const, the row of b in the simplex tableau;
                                t_j is the distance of x_j from the bound it lies on
            f_j                 fraction of a_j
Variables   pi_b = 1, pi_j      weights of the sum, whole, of integer columns only

    pi_j = floor(a_j) where f_j <= f0, else ceil(a_j),   j in N and I
    split      pi x <= floor(pi x*)   |   pi x >= floor(pi x*) + 1

Gomory's cut of the row holds on both sides of its split, so branching gains at least what the cut does; its
distance from the vertex ranks the splits (Karamanov and Cornuejols 2011, branching on general disjunctions).
"""

from __future__ import annotations

import numpy as np

from solvers.box_relaxation import Basis
from solvers.csr import Floats, Ints
from solvers.integer_sums import IntegerSum
from solvers.program import Program

LARGEST_WEIGHT = 1e3
"""Splits with larger weights round badly."""
SMALLEST_FRACTION = 1e-3
"""Least distance of a basic column from a whole number."""
WHOLE = 1e-7
"""Distance at which an entry of the tableau counts as whole."""
LARGEST_TABLEAU = 5e6
"""Entries above which no tableau is made."""


def split_sums(program: Program, basis: Basis, sums: tuple[IntegerSum, ...], most: int) -> list[IntegerSum]:
    """Give the sums of the deepest splits at a vertex, without those there are.

    Parameters
    ----------
    program
        The scaled program of the basis, its last columns being those of ``sums``.
    basis
        The vertex.
    sums
        Sums there are: new ones are written over the columns before them.
    most
        How many at most.
    """
    n, m, own = program.n_cols, program.n_rows, program.n_cols - len(sums)
    if m * (n + m) > LARGEST_TABLEAU or len(basis.basic) != m:
        return []
    chosen = np.flatnonzero(basis.basic < n)
    chosen = chosen[program.integer[basis.basic[chosen]]]
    part = basis.value[basis.basic[chosen]] % 1.0
    kept = (part > SMALLEST_FRACTION) & (part < 1 - SMALLEST_FRACTION)
    chosen, part = chosen[kept], part[kept]
    full = np.hstack((program.rows.to_dense(), -np.eye(m)))
    try:
        tableau = np.linalg.solve(full[:, basis.basic].T, np.eye(m)[:, chosen]).T @ full
    except np.linalg.LinAlgError:
        return []
    weights, depth = _splits(tableau, part, basis, np.append(program.integer, np.zeros(m, dtype=np.bool_)))
    weights[np.arange(len(chosen)), basis.basic[chosen]] = 1.0
    over_own = weights[:, :own]
    for place, known in enumerate(sums):
        over_own[:, known.columns] += weights[:, own + place, None] * known.weights
    return _distinct(over_own, np.argsort(-depth), {known.key for known in sums}, most)


def _splits(tableau: Floats, part: Floats, basis: Basis, integer: Floats) -> tuple[Floats, Floats]:
    """Weights of the columns on a bound [splits, columns + rows] and depth of the cut [splits]."""
    f0 = part[:, None]
    # distances from an upper bound run the other way
    direction = np.where(basis.at_upper, -1.0, 1.0)
    a = np.where(basis.on_bound, tableau * direction, 0.0)
    a = np.where(np.abs(a - np.round(a)) < WHOLE, np.round(a), a)
    f = a - np.floor(a)
    down = f <= f0
    whole = np.where(down, np.floor(a), np.ceil(a))
    of_integer = np.where(down, f / f0, (1 - f) / (1 - f0))
    of_other = np.where(a > 0, a / f0, -a / (1 - f0))
    cut = np.where(integer, of_integer, of_other)
    length = np.sqrt((cut**2).sum(axis=1))
    return np.where(integer, whole * direction, 0.0), 1.0 / np.maximum(length, WHOLE)


def _distinct(weights: Floats, order: Ints, known: set[tuple[bytes, bytes]], most: int) -> list[IntegerSum]:
    """Rows of weights as sums, the deepest first, without single columns and what is known."""
    found: list[IntegerSum] = []
    for place in order.tolist():
        columns = np.flatnonzero(weights[place])
        entry = IntegerSum(columns=columns, weights=weights[place, columns])
        if len(columns) < 2 or np.abs(entry.weights).max() > LARGEST_WEIGHT or entry.key in known:
            continue
        known.add(entry.key)
        found.append(entry)
        if len(found) == most:
            break
    return found
