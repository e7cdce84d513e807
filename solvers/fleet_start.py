r"""A first plan of a large fleet in a fraction of a second: one way of serving each demand, covered exactly.

Where every replica holds devices of one pool and costs a fixed price per device, the cheapest replicas of a
supply that sustain a rate follow from the most that n devices of the pool sustain,

.. math:: R(0) = 0, \quad R(n) = \max_c \left( R(n - n_c) + rate_c \right),

the unbounded knapsack over sizes :math:`n_c`. Demands are taken one after the other, the most expensive
first; each goes the way whose covers cost least within the devices that are left. The plan is where a search
starts: splits of a demand over several ways are left to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.csr import Floats, Ints
from solvers.fleet import ROUNDING, Fleet

WAYS = 8
"""Ways of serving a demand that are covered exactly: those of least cost per request."""
PRICE_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """Replicas of one supply on one pool: columns with counts, their devices and cost."""

    counts: dict[int, int]
    pool: int
    devices: int
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Devices:
    """Pool and devices of every column, and the price of a device of every pool."""

    pool_of: Ints
    size: Ints
    price: Floats


def first_plan(fleet: Fleet, cost: Floats, allowed: Floats) -> tuple[Ints, Floats] | None:
    """Counts [columns] and flows [channels] that serve every demand; None where this is no such fleet.

    Parameters
    ----------
    fleet
        The instance.
    cost
        Price of a replica [columns].
    allowed
        Most replicas of each column; a column that is not to be used has 0 [columns].
    """
    devices = None if fleet.classes is not None else _devices(fleet, cost)
    if devices is None:
        return None
    covers = _Covers(fleet, devices, np.flatnonzero((allowed > 0) & (fleet.rate_per_s > 0)))
    ways = {w: covers.ways(w) for w in range(len(fleet.demand_per_s))}
    if not all(ways.values()):
        return None
    left = fleet.limit.astype(np.float64)
    counts, flow = np.zeros(fleet.n_columns, dtype=np.int64), np.zeros(len(fleet.channel_supplies))
    for w in sorted(ways, key=lambda w: -ways[w][0][0]):
        found = covers.cheapest(w, ways[w], left)
        if found is None:
            return None
        channel, chosen = found
        flow[channel] = fleet.demand_per_s[w]
        for cover in chosen:
            left[cover.pool] -= cover.devices
            for column, count in cover.counts.items():
                counts[column] += count
    held = fleet.uses.dot(counts.astype(np.float64))
    fits = (counts <= allowed).all() and (held <= fleet.limit * (1 + ROUNDING)).all()
    return (counts, flow) if fits else None


def _devices(fleet: Fleet, cost: Floats) -> _Devices | None:
    """Read pools, sizes and prices off the instance; None where replicas hold or cost something else."""
    uses = fleet.uses
    pools = np.unique(uses.indices[uses.data > 0], return_counts=True)
    if len(pools[0]) < fleet.n_columns:
        return None
    # the first row that a column uses is its pool; caps over all columns come after the pools
    order = np.lexsort((uses.row_of, uses.indices))
    _, first = np.unique(uses.indices[order], return_index=True)
    pool_of, size = uses.row_of[order][first], uses.data[order][first]
    if (size != np.round(size)).any() or (size < 1).any():
        return None
    price = np.zeros(len(fleet.limit))
    price[pool_of] = cost / size
    if (np.abs(price[pool_of] * size - cost) > PRICE_TOLERANCE * np.abs(cost)).any():
        return None
    return _Devices(pool_of=pool_of, size=size.astype(np.int64), price=price)


class _Covers:
    """Cheapest covers of supplies, each worked out once."""

    def __init__(self, fleet: Fleet, devices: _Devices, columns: Ints) -> None:
        self.fleet, self.devices = fleet, devices
        self.members: dict[tuple[int, int], Ints] = {}
        key = fleet.supply_of[columns] * len(fleet.limit) + devices.pool_of[columns]
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order])) + 1
        for group in np.split(columns[order], starts):
            if len(group):
                self.members[int(fleet.supply_of[group[0]]), int(devices.pool_of[group[0]])] = group
        self.pools: dict[int, list[int]] = {}
        for supply, pool in self.members:
            self.pools.setdefault(supply, []).append(pool)
        self.known: dict[tuple[int, int, float], Cover | None] = {}

    def ways(self, demand: int) -> list[tuple[float, int, tuple[int, ...]]]:
        """Ways of a demand, cheapest per request first: least cost, channel, pool of each of its supplies."""
        found = []
        for j in np.flatnonzero(self.fleet.channel_demand == demand):
            supplies = self.fleet.channel_supplies[j]
            choices: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
            for s in supplies:
                choices = [
                    (cost + self._unit_cost(s, pool), (*pools, pool))
                    for cost, pools in choices
                    for pool in self.pools.get(s, [])
                ]
            amount = float(self.fleet.demand_per_s[demand])
            found += [(amount * cost, int(j), pools) for cost, pools in choices]
        return sorted(found)[:WAYS]

    def _unit_cost(self, supply: int, pool: int) -> float:
        members = self.members[supply, pool]
        per_device = (self.fleet.rate_per_s[members] / self.devices.size[members]).max()
        return float(self.devices.price[pool] / per_device)

    def cheapest(
        self, demand: int, ways: list[tuple[float, int, tuple[int, ...]]], left: Floats
    ) -> tuple[int, list[Cover]] | None:
        """Channel and covers of least cost that the devices left hold."""
        best: tuple[int, list[Cover]] | None = None
        best_cost = np.inf
        for least, channel, pools in ways:
            if least >= best_cost:
                break
            supplies = self.fleet.channel_supplies[channel]
            amount = float(self.fleet.demand_per_s[demand])
            covers = [self.cover(s, g, amount) for s, g in zip(supplies, pools, strict=True)]
            found = [cover for cover in covers if cover is not None]
            cost = sum(cover.cost for cover in found)
            if len(found) == len(supplies) and cost < best_cost and self._fits(found, left):
                best, best_cost = (channel, found), cost
        return best

    @staticmethod
    def _fits(covers: list[Cover], left: Floats) -> bool:
        held = np.zeros(left.shape)
        for cover in covers:
            held[cover.pool] += cover.devices
        return bool((held <= left).all())

    def cover(self, supply: int, pool: int, amount: float) -> Cover | None:
        """Fewest devices of a pool that sustain an amount on a supply; None where the pool holds too few."""
        key = (supply, pool, amount)
        if key not in self.known:
            self.known[key] = self._knapsack(self.members[supply, pool], pool, amount)
        return self.known[key]

    def _knapsack(self, members: Ints, pool: int, amount: float) -> Cover | None:
        size, rate = self.devices.size[members], self.fleet.rate_per_s[members]
        best = np.lexsort((-rate, size))
        best = best[np.unique(size[best], return_index=True)[1]]
        members, size, rate = members[best], size[best], rate[best]
        room = self.fleet.limit[pool]
        most = int(min(room, np.ceil(amount / (rate / size).max()) + size.max()))
        reached, taken = np.zeros(most + 1), np.full(most + 1, -1, dtype=np.int64)
        for n in range(1, most + 1):
            usable = np.searchsorted(size, n, side="right")
            if not usable:
                continue
            total = reached[n - size[:usable]] + rate[:usable]
            taken[n] = int(np.argmax(total))
            reached[n] = total[taken[n]]
            if reached[n] >= amount:
                return self._counted(members, size, taken, n, pool)
        return None

    def _counted(self, members: Ints, size: Ints, taken: Ints, n: int, pool: int) -> Cover:
        counts: dict[int, int] = {}
        devices, left = 0, n
        while left > 0 and taken[left] >= 0:
            item = taken[left]
            counts[int(members[item])] = counts.get(int(members[item]), 0) + 1
            devices += int(size[item])
            left -= int(size[item])
        return Cover(
            counts=counts, pool=pool, devices=devices, cost=float(self.devices.price[pool] * devices)
        )
