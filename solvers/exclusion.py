r"""Rows that keep a program from giving a plan it already gave.

Sets        i in I              identities: columns of one configuration at several batch limits
            P                   an earlier plan: counts P_i, positive on supp(P) only
Variables   less_i in {0,1}     the count of identity i is smaller than in P
            more_i in {0,1}     the count of identity i is larger than in P (second form only)

    superset form    sum_{c of i} x_c <= P_i - 1 + (U_i - P_i + 1)(1 - less_i),  i in supp(P)   (less_i)
                     sum_i less_i >= 1                                                          (somewhere)
    difference form  the same rows, sum_{c of i} x_c >= (P_i + 1) more_i,  i in supp(P)         (more_i)
                     sum_i (less_i + more_i) + sum_{c outside supp(P)} x_c >= 1                 (somewhere)

The superset form leaves out P and every plan that only adds replicas to it; U_i is the largest count of i.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.builder import ProgramBuilder
from solvers.csr import Floats, Ints
from solvers.fleet import ROUNDING, Fleet


def identity_counts(fleet: Fleet, x: NDArray[Any]) -> Floats:
    """Replicas of every identity in a plan [identities]."""
    return np.asarray(np.bincount(fleet.identity_of, weights=x), dtype=np.float64)


def largest_counts(fleet: Fleet, bounds: Floats) -> Floats:
    """Largest possible replicas of every identity, given the bounds of its columns [identities]."""
    largest = np.bincount(fleet.identity_of, weights=bounds)
    uses, n = fleet.uses, len(largest)
    member = np.bincount(fleet.identity_of, minlength=n)
    identity = fleet.identity_of[uses.indices]
    least = np.full((uses.n_rows, n), np.inf)
    np.minimum.at(least, (uses.row_of, identity), uses.data)
    holders = np.zeros((uses.n_rows, n))
    np.add.at(holders, (uses.row_of, identity), 1.0)
    least = np.where((holders == member) & (least > 0), least, np.inf)
    bounded = np.isfinite(least) & np.isfinite(fleet.limit)[:, None]
    room = np.where(
        bounded, np.floor(fleet.limit[:, None] / np.where(bounded, least, 1.0) * (1 + ROUNDING)), np.inf
    )
    return np.asarray(np.minimum(largest, room.min(axis=0, initial=np.inf)), dtype=np.float64)


def exclude_supersets(m: ProgramBuilder, x: Ints, fleet: Fleet, plan: Floats, largest: Floats) -> None:
    """Leave out a plan [identities] and every plan that only adds replicas to it."""
    less = _less(m, x, fleet, plan, largest)
    m.rows("somewhere", [(0, less, 1.0)], 1.0, np.inf)


def exclude_same(m: ProgramBuilder, x: Ints, fleet: Fleet, plan: Floats, largest: Floats) -> None:
    """Leave out a plan [identities] and no other."""
    less = _less(m, x, fleet, plan, largest)
    support = np.flatnonzero(plan)
    more = m.columns("more", np.zeros(len(support)), 1.0, integer=True)
    row, column = _members(fleet, support)
    m.rows(
        "more",
        [(row, x[column], 1.0), (np.arange(len(more)), more, -(plan[support] + 1.0))],
        np.zeros(len(more)),
        np.inf,
    )
    outside = np.flatnonzero(plan[fleet.identity_of] == 0)
    m.rows("somewhere", [(0, less, 1.0), (0, more, 1.0), (0, x[outside], 1.0)], 1.0, np.inf)


def _less(m: ProgramBuilder, x: Ints, fleet: Fleet, plan: Floats, largest: Floats) -> Ints:
    """(less_i) less_i = 1 only where identity i has fewer replicas than in the plan."""
    support = np.flatnonzero(plan)
    less = m.columns("less", np.zeros(len(support)), 1.0, integer=True)
    row, column = _members(fleet, support)
    drop = largest[support] - plan[support] + 1.0
    m.rows("less", [(row, x[column], 1.0), (np.arange(len(less)), less, drop)], -np.inf, largest[support])
    return less


def _members(fleet: Fleet, support: Ints) -> tuple[Ints, Ints]:
    """Give (position in the support, column) of every column whose identity is in the support."""
    position = np.full(int(fleet.identity_of.max(initial=-1)) + 1, -1)
    position[support] = np.arange(len(support))
    column = np.flatnonzero(position[fleet.identity_of] >= 0)
    return position[fleet.identity_of[column]], column
