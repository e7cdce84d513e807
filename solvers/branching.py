r"""Which column to branch on: the one whose two sides are expected to be proven with the fewest leaves.

Sets        j in F              integer columns that are not whole at the vertex of a node
Parameters  z, t                bound of the node; target
            z_j-, z_j+          bounds of the two sides, by solving their relaxations (strong branching)
            g_j-, g_j+          parts of the way to the target, min(1, (z_j - z) / (t - z))
    m_j solves                  exp(-m g_j-) + exp(-m g_j+) = 1

A tree whose branchings all gain like j has about exp(m_j) leaves (Le Bodic and Nemhauser 2017): the smallest
m_j is taken. Columns are tried in the order their earlier gains suggest, until several bring no better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from solvers.box_relaxation import BoxRelaxation, Vertex
from solvers.csr import Floats, Ints

LOOKAHEAD = 8
"""Columns tried in a row without a better one before the best is taken."""
SMALLEST_GAIN = 1e-3
"""Gain below which a side counts as having gained this much."""
BISECTIONS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A box with its vertex, and its bound as a minimisation."""

    lb: Floats
    ub: Floats
    vertex: Vertex
    bound: float


class StrongBranching:
    """Chooses columns by trial; remembers what each gained per unit of its fraction."""

    def __init__(self, sign: float) -> None:
        self._sign = sign
        self._gain, self._count = np.zeros((2, 0)), np.zeros((2, 0))

    def choose(
        self, relaxation: BoxRelaxation, node: Node, goal: float, *, n_known: int, time_limit_s: float
    ) -> tuple[int, int]:
        """Give a column and the largest value of its lower side.

        Parameters
        ----------
        relaxation, node
            Solver and node, over the same columns.
        goal
            Bound at which a side needs no more branching, as a minimisation.
        n_known
            Columns from this one on are only on trial: of equals, one that is known is taken.
        time_limit_s
            Limit of one relaxation.
        """
        self._relaxation, self._n_known = relaxation, n_known
        missing = np.zeros((2, max(len(node.lb) - self._gain.shape[1], 0)))
        self._gain, self._count = np.hstack((self._gain, missing)), np.hstack((self._count, missing))
        best, chosen, misses = (math.inf, True, math.inf), -1, 0
        for place in self._order(node.vertex).tolist():
            column, at = int(node.vertex.fractional[place]), float(node.vertex.at[place])
            gains = self._try(node, column, at, time_limit_s)
            exponent = leaves_exponent(*(_share(gain, goal - node.bound) for gain in gains))
            score = (exponent, column >= n_known, abs(at - math.floor(at) - 0.5))
            misses += 1
            if score < best:
                best, chosen, misses = score, place, 0
            if misses >= LOOKAHEAD:
                break
        return int(node.vertex.fractional[chosen]), math.floor(node.vertex.at[chosen])

    def _order(self, vertex: Vertex) -> Ints:
        """Places in ``fractional``, the most promising first."""
        part = vertex.at - np.floor(vertex.at)
        known = self._count.min(axis=0)[vertex.fractional] > 0
        mean = self._gain[:, vertex.fractional] / np.maximum(self._count[:, vertex.fractional], 1)
        expected = np.minimum(mean[0] * part, mean[1] * (1 - part))
        # columns never tried come first: nothing is known against them
        return np.lexsort((np.abs(part - 0.5), -expected, known))

    def _try(self, node: Node, column: int, at: float, time_limit_s: float) -> tuple[float, float]:
        """Gains of both sides."""
        at_most = math.floor(at)
        below, above = node.ub.copy(), node.lb.copy()
        below[column], above[column] = at_most, at_most + 1
        gains = []
        for side, (lb, ub) in enumerate(((node.lb, below), (above, node.ub))):
            value = self._relaxation.value(lb, ub, time_limit_s=time_limit_s)
            gain = 0.0 if value is None else max(self._sign * value - self._sign * node.vertex.value, 0.0)
            gains.append(gain)
            if math.isfinite(gain) and column < self._n_known:
                moved = at - at_most if side == 0 else at_most + 1 - at
                self._gain[side, column] += gain / moved
                self._count[side, column] += 1
        return gains[0], gains[1]


def _share(gain: float, gap: float) -> float:
    """Part of a gap that a gain closes."""
    if gain >= gap or math.isinf(gain):
        return 1.0
    return gain / gap if math.isfinite(gap) else 0.0


def leaves_exponent(below: float, above: float) -> float:
    """Solve for m: a tree of branchings with these gains, as parts of the gap, has about exp(m) leaves."""
    one, other = (round(max(gain, SMALLEST_GAIN), 3) for gain in (below, above))
    return _exponent(min(one, other), max(one, other))


@lru_cache(maxsize=4096)
def _exponent(smaller: float, larger: float) -> float:
    low, high = math.log(2) / larger, math.log(2) / smaller
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        above = math.exp(-middle * smaller) + math.exp(-middle * larger) > 1
        low, high = (middle, high) if above else (low, middle)
    return high
