"""The highest feasible load of many candidates at once: brackets on a logarithmic scale.

Latencies and memory grow with the load, so the feasible loads of a candidate are an interval that starts
at zero; false position on the logarithms narrows all brackets together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.cost.base import Array
from models.workload import SloLimit
from planner.operating_point import Replica, State

TINY, HUGE = 1e-12, 1e12
STEEPEST = 1.0
"""Margins are capped at a factor e: near saturation latencies run away and would mislead the secant."""


def latencies(
    replica: Replica, load: Array, state: State, limits: Mapping[str, SloLimit]
) -> dict[str, Array]:
    """Every limited latency at its statistic [s]."""
    return {
        metric: replica.latency(load, state, metric, limit.percentile) for metric, limit in limits.items()
    }


def margin_of(
    state: State, values: Mapping[str, Array], limits: Mapping[str, SloLimit], steepest: float = STEEPEST
) -> Array:
    """How far memory, token budget and every limit are from binding: log(limit / value), least of all."""
    least = -np.log(np.clip(state.room_frac, TINY, HUGE))
    for metric, limit in limits.items():
        least = np.minimum(least, np.log(limit.limit_s / np.clip(values[metric], TINY, HUGE)))
    clipped: Array = np.clip(least, -steepest, steepest)
    return clipped


def margin(replica: Replica, load: Array, limits: Mapping[str, SloLimit]) -> Array:
    """The same, evaluated at a load."""
    state = replica.state(load)
    return margin_of(state, latencies(replica, load, state, limits), limits)


@dataclass(frozen=True, kw_only=True)
class Bracket:
    """Logarithms of a feasible and an infeasible load of every candidate, with their margins."""

    floor: Array
    ceiling: Array
    above: Array
    below: Array

    def take(self, rows: Array) -> "Bracket":
        """The chosen candidates."""
        return Bracket(
            floor=self.floor[rows], ceiling=self.ceiling[rows], above=self.above[rows], below=self.below[rows]
        )


def whole_range(
    replica: Replica, low: Array, high: Array, above: Array, limits: Mapping[str, SloLimit]
) -> Bracket:
    """The whole range, ``low`` known to be feasible by the margin ``above``; none is left where ``high`` is.

    What overflows at the upper end by a factor e is off by more than a margin tells: its steps need no price.
    """
    floor, ceiling = np.log(low), np.log(high)
    below = np.full(floor.shape, -STEEPEST)
    near = np.flatnonzero(-np.log(np.clip(replica.room_frac(high), TINY, HUGE)) > -STEEPEST)
    if len(near):
        below[near] = margin(replica.take(near), high[near], limits)
    return Bracket(floor=np.where(below >= 0.0, ceiling, floor), ceiling=ceiling, above=above, below=below)


def bracket_load(replica: Replica, bracket: Bracket, limits: Mapping[str, SloLimit], steps: int) -> Bracket:
    """Narrow the bracket of the largest feasible load of every candidate.

    Margins fall with the load, smoothly but for kinks, so false position on the logarithms is quick; every
    fourth step halves the bracket.
    """
    floor, ceiling, above, below = bracket.floor, bracket.ceiling, bracket.above, bracket.below
    last = np.zeros(floor.shape)
    for step in range(steps):
        secant = np.clip(above / np.maximum(above - below, TINY), 0.05, 0.95)
        middle = floor + (ceiling - floor) * (0.5 if step % 4 == 0 else secant)
        found = margin(replica, np.exp(middle), limits)
        good = found >= 0.0
        side = np.where(good, 1.0, -1.0)
        # Illinois rule: an end that stays twice loses half its weight, or the other one crawls
        stuck = side == last
        above = np.where(good, found, np.where(stuck, above / 2.0, above))
        below = np.where(good, np.where(stuck, below / 2.0, below), found)
        floor, ceiling, last = np.where(good, middle, floor), np.where(good, ceiling, middle), side
    return Bracket(floor=floor, ceiling=ceiling, above=above, below=below)
