"""A fleet over several periods: one copy of its rows and columns for each, tied together by starts.

Column c of period t stands at ``t * columns + c``; supplies, resources and links likewise. Demands that a
period does not have are left out with their channels. Prices count for the share of the time a period lasts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solvers.csr import Csr, Floats, Ints
from solvers.errors import InvalidInstance
from solvers.fleet_instance import Fleet, Reserve, Switching
from solvers.objectives import Objective
from solvers.tiling import Tiling


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Periods:
    """Length of every period [periods] and the multiple of each demand it asks for [periods, demands]."""

    hours: Floats
    scale: Floats

    @property
    def share_frac(self) -> Floats:
        """Share of the time that every period lasts [periods]."""
        share: Floats = self.hours / self.hours.sum()
        return share


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OverPeriods:
    """The fleet over all periods, and where its demands and channels came from.

    ``demand_of`` gives (period, demand of one period) of every demand; ``channel_of`` likewise [2, ...].
    """

    fleet: Fleet
    demand_of: Ints
    channel_of: Ints


def over_periods(fleet: Fleet, periods: Periods) -> OverPeriods:
    """Give the fleet over all periods."""
    if fleet.classes is not None:
        raise InvalidInstance(
            "periods together with classes are not covered", "/classes", "Maybe give one demand per supply."
        )
    times, n = len(periods.hours), fleet.n_columns
    asked = np.argwhere(periods.scale * fleet.demand_per_s > 0)
    number = np.full(periods.scale.shape, -1, dtype=np.int64)
    number[tuple(asked.T)] = np.arange(len(asked))
    channels = np.argwhere(number[:, fleet.channel_demand] >= 0)
    over = Fleet(
        rate_per_s=np.tile(fleet.rate_per_s, times),
        supply_of=_shifted(fleet.supply_of, fleet.n_supplies, times),
        max_replicas=np.tile(fleet.max_replicas, times),
        identity_of=_shifted(fleet.identity_of, int(fleet.identity_of.max(initial=-1)) + 1, times),
        uses=_diagonal(fleet.uses, times),
        limit=np.tile(fleet.limit, times),
        channel_supplies=tuple(
            tuple(s + t * fleet.n_supplies for s in fleet.channel_supplies[j]) for t, j in channels.tolist()
        ),
        channel_demand=number[channels[:, 0], fleet.channel_demand[channels[:, 1]]],
        demand_per_s=(periods.scale * fleet.demand_per_s)[tuple(asked.T)],
        demand_weight=periods.share_frac[asked[:, 0]],
        link_bytes_per_request=_diagonal(fleet.link_bytes_per_request, times).take_columns(
            channels[:, 0] * len(fleet.channel_supplies) + channels[:, 1]
        ),
        link_bytes_per_s=np.tile(fleet.link_bytes_per_s, times),
        tie_break=np.tile(fleet.tie_break, times),
        tiling=None if fleet.tiling is None else _tiling(fleet.tiling, times),
        reserve=None if fleet.reserve is None else _reserve(fleet.reserve, times),
        switching=Switching(
            configuration=np.tile(np.arange(n), times), period=np.repeat(np.arange(times), n), periods=times
        ),
    )
    return OverPeriods(fleet=over, demand_of=asked.T, channel_of=channels.T)


def objective_over(objective: Objective, periods: Periods) -> Objective:
    """Weigh the prices of one level by the time each period lasts; a start costs its price once a round."""
    share = periods.share_frac

    def timed(values: Floats | None) -> Floats | None:
        return None if values is None else (share[:, None] * values[None, :]).ravel()

    starting = objective.starting
    return replace(
        objective,
        coefficient=timed(objective.coefficient),
        fixed=timed(objective.fixed),
        starting=None if starting is None else np.tile(starting / periods.hours.sum(), len(share)),
    )


def _shifted(indices: Ints, size: int, times: int) -> Ints:
    """Indices of every period, each after those of the one before."""
    shifted: Ints = (indices[None, :] + size * np.arange(times)[:, None]).ravel()
    return shifted


def _diagonal(block: Csr, times: int) -> Csr:
    """One copy of a matrix for each period, along the diagonal."""
    return Csr.from_triplets(
        _shifted(block.row_of, block.n_rows, times),
        _shifted(block.indices, block.n_cols, times),
        np.tile(block.data, times),
        (block.n_rows * times, block.n_cols * times),
    )


def _tiling(tiling: Tiling, times: int) -> Tiling:
    return Tiling(
        pool_of=_shifted(tiling.pool_of, len(tiling.bins), times),
        size=np.tile(tiling.size, times),
        bins=tiling.bins * times,
    )


def _reserve(reserve: Reserve, times: int) -> Reserve:
    return Reserve(
        pool_of=_shifted(reserve.pool_of, len(reserve.capacity), times),
        size=np.tile(reserve.size, times),
        capacity=np.tile(reserve.capacity, times),
        domains=np.tile(reserve.domains, times),
    )
