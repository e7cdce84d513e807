"""Columns that no list of the k best plans needs.

Within a group of equal (supply, set of resources held), a column is needed only if fewer than k other
identities dominate it: hold no more, cost no more, take no longer and sustain at least as much of all that
shares the supply (equal in all: the lower index dominates). A plan with a dominated column can be rewritten
with each of its k dominators, and these k different plans are no worse. A column that another one of its own
identity dominates is never needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.csr import Bools, Floats, Ints
from solvers.fleet import Fleet, Objective, column_bounds

BLOCK = 256
"""Columns compared with the survivors at a time; keeps the comparison tables in the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dominance:
    """Which columns are needed [columns], and for each other one a column that dominates it, else -1."""

    keep: Bools
    dominator: Ints

    @property
    def columns(self) -> Ints:
        """Indices of the columns that are needed."""
        return np.flatnonzero(self.keep)


def undominated(fleet: Fleet, objectives: tuple[Objective, ...], *, k: int = 1) -> Dominance:
    """Find the columns that the k best plans may need.

    Parameters
    ----------
    fleet, objectives
        The instance and every objective it will be solved for.
    k
        How many plans will be asked for.
    """
    uses = fleet.uses.to_dense().T
    weights = [prices for objective in objectives for prices in objective.per_column]
    # Lower is better in every criterion [columns, criteria].
    criteria = np.column_stack([uses, *weights, fleet.tie_break, -fleet.rate_per_s, *_class_rates(fleet)])
    room = column_bounds(fleet, capped_by_demand=False)
    usable = room > 0
    if fleet.reserve is not None and (fleet.reserve.shares.any()):
        # A faster column also loses more with its domain: no other column can stand in for it.
        return Dominance(keep=usable, dominator=np.full(fleet.n_columns, -1, dtype=np.int64))
    # A column whose own count is limited cannot stand in for another one.
    standing_in = usable & (fleet.max_replicas >= _inventory_room(fleet))
    dominator = np.full(fleet.n_columns, -1, dtype=np.int64)
    keep = usable.copy()
    for group in _groups(fleet, uses, usable):
        order = group[np.lexsort((group, *criteria[group].T[::-1]))]
        _within_identity(fleet, criteria, order, standing_in, dominator)
        order = order[dominator[order] < 0]
        _across_identities(fleet, criteria, order, standing_in, k, dominator)
    keep[dominator >= 0] = False
    return Dominance(keep=keep, dominator=dominator)


def _class_rates(fleet: Fleet) -> tuple[Floats, ...]:
    """Rates of the demands that share a supply, negated: the first of each supply, the next, ..."""
    classes = fleet.classes
    if classes is None or not len(classes.column):
        return ()
    supply = fleet.supply_of[classes.column]
    first = np.full(fleet.n_supplies, len(fleet.demand_per_s))
    np.minimum.at(first, supply, classes.demand)
    place = classes.demand - first[supply]
    rates = np.zeros((int(place.max()) + 1, fleet.n_columns))
    rates[place, classes.column] = -classes.rate_per_s
    return tuple(rates)


def _inventory_room(fleet: Fleet) -> Floats:
    """Replicas of each column that the resources alone hold [columns]; infinite where none limits it."""
    room = np.full(fleet.n_columns, np.inf)
    uses = fleet.uses
    held = uses.data > 0
    np.minimum.at(room, uses.indices[held], np.floor(fleet.limit[uses.row_of[held]] / uses.data[held]))
    return room


def _groups(fleet: Fleet, uses: Floats, usable: Bools) -> Iterator[Ints]:
    """Give the usable columns of each (supply, set of resources held)."""
    columns = np.flatnonzero(usable)
    key = np.column_stack([fleet.supply_of[columns, None], uses[columns] > 0])
    _, label = np.unique(key, axis=0, return_inverse=True)
    order = np.argsort(label.ravel(), kind="stable")
    starts = np.flatnonzero(np.diff(label.ravel()[order])) + 1
    for group in np.split(order, starts):
        if len(group):
            yield columns[group]


def _within_identity(
    fleet: Fleet, criteria: Floats, order: Ints, standing_in: Bools, dominator: Ints
) -> None:
    """Drop columns that an earlier column of their own identity dominates."""
    by_identity = order[np.argsort(fleet.identity_of[order], kind="stable")]
    identity = fleet.identity_of[by_identity]
    distance = 1
    while distance < len(by_identity):
        same = np.flatnonzero(identity[distance:] == identity[:-distance])
        if not len(same):
            return
        earlier, later = by_identity[same], by_identity[same + distance]
        worse = (criteria[earlier] <= criteria[later]).all(axis=1) & standing_in[earlier]
        dominator[later[worse]] = earlier[worse]
        distance += 1


def _across_identities(
    fleet: Fleet, criteria: Floats, order: Ints, standing_in: Bools, k: int, dominator: Ints
) -> None:
    """Drop columns that at least k surviving identities dominate.

    In lexicographic order a dominator comes before what it dominates, and counting survivors is enough: a
    dropped dominator has k survivors above it that dominate the same column.
    """
    survivors = np.zeros(0, dtype=np.int64)
    for begin in range(0, len(order), BLOCK):
        block = order[begin : begin + BLOCK]
        above = np.concatenate((survivors, block[standing_in[block]]))
        above = above[np.argsort(fleet.identity_of[above], kind="stable")]
        table = _dominated_by(criteria, block, above)
        position = np.full(fleet.n_columns, -1, dtype=np.int64)
        position[block] = np.arange(len(block))
        table &= position[above][None, :] < np.arange(len(block))[:, None]
        dropped = _identities_above(fleet, table, above) >= k
        dominator[block[dropped]] = above[table[dropped].argmax(axis=1)] if dropped.any() else -1
        left = block[~dropped]
        survivors = np.concatenate((survivors, left[standing_in[left]]))


def _dominated_by(criteria: Floats, block: Ints, above: Ints) -> NDArray[np.bool_]:
    """Whether each of ``above`` is no worse in every criterion [block, above]."""
    table = np.ones((len(block), len(above)), dtype=np.bool_)
    for values in criteria.T:
        table &= values[above][None, :] <= values[block][:, None]
    return table


def _identities_above(fleet: Fleet, table: NDArray[np.bool_], above: Ints) -> Ints:
    """Count the different identities that dominate each row of the table; ``above`` is sorted by identity."""
    if not len(above):
        return np.zeros(len(table), dtype=np.int64)
    identity = fleet.identity_of[above]
    starts = np.concatenate(([0], np.flatnonzero(np.diff(identity)) + 1))
    return np.asarray(np.logical_or.reduceat(table, starts, axis=1).sum(axis=1), dtype=np.int64)
