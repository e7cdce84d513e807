"""One instance of the configuration program: columns, supplies, channels, demands, resources and links."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solvers.csr import Bools, Csr, Floats, Ints
from solvers.tiling import Tiling


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reserve:
    """The loss of one failure domain that what is left must stand (see :mod:`solvers.reserve`).

    ``pool_of`` and ``size`` of each column: its pool, and the devices of a replica [columns]. ``capacity``:
    devices of a failure domain of each pool; ``domains``: how many there are, 0 where that is open [pools].
    """

    pool_of: Ints
    size: Ints
    capacity: Ints
    domains: Ints

    def take(self, columns: Ints) -> Reserve:
        """Keep these columns only, in this order."""
        return replace(self, pool_of=self.pool_of[columns], size=self.size[columns])

    @property
    def shares(self) -> Bools:
        """Whether replicas of a column share domains with others, over which they are spread [columns]."""
        return (self.size < self.capacity[self.pool_of]) & (self.domains[self.pool_of] > 0)

    @property
    def most_lost(self) -> Floats:
        """Replicas of a column that one domain can hold, at least 1 [columns]."""
        return np.maximum(self.capacity[self.pool_of] / self.size, 1.0)

    @property
    def filled(self) -> Floats:
        """Domains that a replica takes for itself [columns]; 0 where it shares them."""
        return np.where(self.shares, 0.0, np.ceil(self.size / self.capacity[self.pool_of]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Switching:
    """Periods that follow each other in a circle (rows in :mod:`solvers.switching`).

    ``configuration`` and ``period`` of each column [columns]; every configuration has one column in every
    one of the ``periods``.
    """

    configuration: Ints
    period: Ints
    periods: int

    def take(self, columns: Ints) -> Switching:
        """Keep these columns only, in this order; a configuration is kept in all periods or in none."""
        return Switching(
            configuration=self.configuration[columns], period=self.period[columns], periods=self.periods
        )

    def previous(self) -> Ints:
        """Column of the same configuration one period earlier, the last before the first [columns]."""
        order = np.lexsort((self.period, self.configuration)).reshape(-1, self.periods)
        before = np.empty(len(self.period), dtype=np.int64)
        before[order] = np.roll(order, 1, axis=1)
        return before

    def widest(self, counts: Floats) -> Floats:
        """Largest of a figure over the periods, for every column of a configuration [columns]."""
        largest = np.zeros(int(self.configuration.max(initial=-1)) + 1)
        np.maximum.at(largest, self.configuration, counts)
        return np.asarray(largest[self.configuration], dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassRates:
    """Rates of columns that several demands share (rows in :mod:`solvers.class_split`), as triplets.

    ``column`` and ``demand`` of each, and the requests of that demand alone that a replica sustains, above 0
    [triplets]. A supply with such a column serves by triplets only: what has none there is not served.
    """

    column: Ints
    demand: Ints
    rate_per_s: Floats

    def take(self, columns: Ints, n_columns: int) -> ClassRates:
        """Keep these of ``n_columns`` columns only, in this order."""
        position = np.full(n_columns, -1, dtype=np.int64)
        position[columns] = np.arange(len(columns))
        at = position[self.column]
        kept = at >= 0
        return ClassRates(column=at[kept], demand=self.demand[kept], rate_per_s=self.rate_per_s[kept])

    def work(self, demand_per_s: Floats, n_columns: int) -> Floats:
        """Replicas that all demands of a column together keep busy, 0 where none is a triplet [columns]."""
        busy = demand_per_s[self.demand] / self.rate_per_s
        return np.asarray(np.bincount(self.column, weights=busy, minlength=n_columns), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fleet:
    """One instance; arrays are indexed by column, supply, channel, demand, resource or link.

    Parameters
    ----------
    rate_per_s
        Requests one replica sustains; where ``classes`` tells demands apart, the largest of them [columns].
    supply_of
        Supply each column fills [columns].
    max_replicas
        Most replicas of each column; infinite is allowed [columns].
    identity_of
        Columns of equal identity are one configuration at other batch limits [columns].
    uses, limit
        Resource held by one replica [resources x columns]; available, infinite is allowed [resources].
    channel_supplies, channel_demand
        Supplies a request of each channel passes; demand it belongs to [channels].
    demand_per_s
        Demand, above 0 [demands].
    link_bytes_per_request, link_bytes_per_s
        Bytes moved [links x channels]; capacity [links].
    tie_break
        Last objective, smallest first, above 0: the devices of one replica [columns].
    tiling
        Bins that replicas must not cross (see :mod:`solvers.tiling`); None where counts suffice.
    reserve
        Failures that must not touch what is served (see :mod:`solvers.reserve`); None: no such demand.
    switching
        Periods that follow each other (see :mod:`solvers.switching`); None: one steady state.
    demand_weight
        Share of the time that each demand lasts, in sums over demands; None: all of it [demands].
    classes
        Rates of columns that serve several demands, each at its own; None: one rate for all that pass.
    """

    rate_per_s: Floats
    supply_of: Ints
    max_replicas: Floats
    identity_of: Ints
    uses: Csr
    limit: Floats
    channel_supplies: tuple[tuple[int, ...], ...]
    channel_demand: Ints
    demand_per_s: Floats
    link_bytes_per_request: Csr
    link_bytes_per_s: Floats
    tie_break: Floats
    tiling: Tiling | None = None
    reserve: Reserve | None = None
    switching: Switching | None = None
    demand_weight: Floats | None = None
    classes: ClassRates | None = None

    @property
    def n_columns(self) -> int:
        """Number of configurations."""
        return len(self.rate_per_s)

    @property
    def n_supplies(self) -> int:
        """Number of supplies named by a column or a channel."""
        named = [supply for supplies in self.channel_supplies for supply in supplies]
        return int(max([*self.supply_of.tolist(), *named], default=-1)) + 1

    @property
    def offered_per_s(self) -> float:
        """Requests per second of all demands, averaged over the time they last."""
        return self.served_per_s(self.demand_per_s)

    def served_per_s(self, rate_per_s: Floats) -> float:
        """Sum of a rate per demand, averaged over the time they last [demands]."""
        weight = self.demand_weight
        return float((rate_per_s if weight is None else weight * rate_per_s).sum())

    def take(self, columns: Ints) -> Fleet:
        """Keep these columns only, in this order."""
        return replace(
            self,
            rate_per_s=self.rate_per_s[columns],
            supply_of=self.supply_of[columns],
            max_replicas=self.max_replicas[columns],
            identity_of=self.identity_of[columns],
            uses=self.uses.take_columns(columns),
            tie_break=self.tie_break[columns],
            tiling=None if self.tiling is None else self.tiling.take(columns),
            reserve=None if self.reserve is None else self.reserve.take(columns),
            switching=None if self.switching is None else self.switching.take(columns),
            classes=None if self.classes is None else self.classes.take(columns, self.n_columns),
        )

    def through(self) -> Csr:
        """Give 1 where a channel passes a supply [supplies x channels]."""
        pairs = [(s, j) for j, supplies in enumerate(self.channel_supplies) for s in supplies]
        row, col = zip(*pairs, strict=True) if pairs else ((), ())
        return Csr.from_triplets(row, col, np.ones(len(pairs)), (self.n_supplies, len(self.channel_supplies)))
