"""Which candidates of one setting and role are worth an exact load, told from bounds on their rates.

Many candidates need no exact rate: what they can reach at most is already less than what others reach at
least. The rate of a candidate grows with its load, and its feasible loads are an interval that starts at
zero; so a load that was tried bounds the rate from below where it holds the limits, from above where not.

A candidate is dropped when the upper bound lies below

* what the same layout reaches with another token budget, or
* what at least k other layouts reach that are no larger and no less plain,

by more than TOLERANCE, which exceeds the error of an exact load. These are the rules of
``solvers/dominance.py`` for columns that differ in devices, plainness and rate only, applied to intervals:
a dropped candidate would have been dropped there, and so would one that was dropped because of it, since
bars only rise. Plans and bounds over the candidates that are left hold for all that were enumerated.

Loads are tried where they decide: at the load at which a candidate would just reach the bar.
"""

from dataclasses import dataclass, field

import numpy as np

from models.cost.base import Array
from planner.layouts import layout_numbers, plainness
from planner.load_bracket import latencies, margin_of
from planner.operating_point import Replica
from planner.unloaded import UnloadedCheck

TOLERANCE = 0.005
"""Relative distance below a bar at which a candidate is dropped; exact loads err by less."""
FIRST_ROUNDS, LATER_ROUNDS = 7, 4
"""Loads tried per candidate: of the first token budget, which sets the bars, and of the others."""
AIM = 0.5 * TOLERANCE
"""Rates are aimed at a little below the bar, so that the next answer settles the case."""
OVERSHOOT = 1.5
"""Factor beyond the load at which a limit may bind first: an infeasible load bounds the rate."""
STEEP = 6.0
"""Largest margin that is used to guess the next load, in powers of e."""


@dataclass(kw_only=True)
class Bars:
    """What layouts reach so far, and the rate below which others are not needed.

    Attributes
    ----------
    layout_of : Array
        Layout of every row, from 0.
    plainness : Array
        Order of the layouts: one stands in for those that are not before it [layouts].
    k : int
        Layouts that must be better before another is dropped.
    """

    layout_of: Array
    plainness: Array
    k: int
    best: Array = field(init=False)
    load: Array = field(init=False)

    def __post_init__(self) -> None:
        self.best = np.full(len(self.plainness), -np.inf)
        self.load = np.zeros(len(self.plainness))
        self._order = np.argsort(self.plainness, kind="stable")
        # the last of those that are equally plain, for each
        self._last = np.searchsorted(self.plainness[self._order], self.plainness, side="right") - 1
        self._bar = self.best

    def reach(self, rows: Array, rate: Array, load: Array) -> None:
        """Note the rates that some rows reach at a load."""
        better = rate > self.best[self.layout_of[rows]]
        rows, rate, load = rows[better], rate[better], load[better]
        rising = np.argsort(rate, kind="stable")
        layout = self.layout_of[rows[rising]]
        # of several rows of one layout the last, which is the best, stays
        self.best[layout], self.load[layout] = rate[rising], load[rising]
        self._bar = np.maximum(self._top()[self._last], self.best) / (1.0 + TOLERANCE)

    def of(self, rows: Array) -> Array:
        """The rate below which each row is not needed."""
        found: Array = self._bar[self.layout_of[rows]]
        return found

    def _top(self) -> Array:
        """k-th best rate among the layouts up to each, in order of plainness."""
        left = self.best[self._order]
        for _ in range(self.k - 1):
            # what the running best leaves over: the value itself, or the one it replaces
            before = np.concatenate(([-np.inf], np.maximum.accumulate(left)[:-1]))
            left = np.minimum(left, before)
        top: Array = np.maximum.accumulate(left)
        return top


def screen(replica: Replica, low: Array, high: Array, check: UnloadedCheck, k: int) -> Array:
    """Rows that may be among the best of their setting and role, in order.

    Parameters
    ----------
    replica
        The candidates that fit: layouts with their token budgets.
    low, high
        Range of loads of each [candidates].
    check
        Limits, and the test of candidates whose loads nothing is known about.
    k
        How many different plans are wanted.
    """
    layouts = replica.model.layouts
    layout_of, first = layout_numbers(layouts)
    bars = Bars(layout_of=layout_of, plainness=plainness(layouts.take(first)), k=k)
    search = _Search(replica=replica, low=low, high=high, check=check, bars=bars)
    start = _first_budget(replica.batched_tokens, replica.traffic.new_tokens)
    kept = [
        search.rounds(np.flatnonzero(start), FIRST_ROUNDS),
        search.rounds(np.flatnonzero(~start), LATER_ROUNDS),
    ]
    rows = np.sort(np.concatenate(kept))
    # bars have risen since the first rows were looked at
    needed: Array = rows[search.upper[rows] >= bars.of(rows)]
    return needed


def _first_budget(budgets: Array, new_tokens: float) -> Array:
    """Rows with the smallest budget that takes a whole prompt: mostly the best one."""
    ladder = np.unique(budgets)
    place = min(int(np.searchsorted(ladder, new_tokens)), len(ladder) - 1)
    first: Array = budgets == ladder[place]
    return first


@dataclass(kw_only=True)
class _Search:
    """Intervals of loads and rates of all rows; arrays over candidates."""

    replica: Replica
    low: Array
    high: Array
    check: UnloadedCheck
    bars: Bars

    def __post_init__(self) -> None:
        none = np.zeros(self.low.shape)
        self.floor, self.ceiling = self.low.copy(), self.high.copy()
        self.lower, self.upper = none.copy(), none + np.inf
        self.before_load, self.before_rate = none.copy(), none.copy()
        self.above, self.below = none + STEEP, none - STEEP

    def rounds(self, rows: Array, rounds: int) -> Array:
        """Try loads of some rows, one after the other; return the rows that may be needed."""
        rows, load = self._started(rows)
        for _ in range(rounds):
            if not len(rows):
                break
            rows = self._try(rows, load)
            load = self._next_load(rows)
        return rows

    def _started(self, rows: Array) -> tuple[Array, Array]:
        """First loads: what the layout reached with another budget, raised to the bar; else after a check."""
        layout = self.bars.layout_of[rows]
        known = self.bars.load[layout] > 0
        new = rows[~known]
        if len(new):
            fewer = self.replica.take(new)
            met, above, state = self.check.meets(fewer, self.low[new])
            self.above[new], self.lower[new] = above, state.rate_per_s
            new = new[met]
        again, layout = rows[known], layout[known]
        raised = np.maximum(self.bars.of(again) / self.bars.best[layout], 1.0)
        guess = np.clip(self.bars.load[layout] * np.sqrt(raised), self.low[again], self.high[again])
        return np.concatenate((new, again)), np.concatenate((self._next_load(new), guess))

    def _try(self, rows: Array, load: Array) -> Array:
        """Evaluate one load of each row, narrow the intervals, and keep the rows that may be needed."""
        replica, limits = self.replica.take(rows), self.check.limits
        state = replica.state(load)
        found = margin_of(state, latencies(replica, load, state, limits), limits, steepest=STEEP)
        good, rate = found >= 0.0, state.rate_per_s
        yes, no = rows[good], rows[~good]
        self.before_load[yes], self.before_rate[yes] = self.floor[yes], self.lower[yes]
        self.floor[yes], self.lower[yes], self.above[yes] = load[good], rate[good], found[good]
        self.ceiling[no], self.upper[no], self.below[no] = load[~good], rate[~good], found[~good]
        at_end = yes[load[good] >= self.high[yes]]
        self.upper[at_end] = self.lower[at_end]
        self.bars.reach(yes, rate[good], load[good])
        left: Array = rows[self.upper[rows] >= self.bars.of(rows)]
        return left

    def _next_load(self, rows: Array) -> Array:
        """The load that would just reach the bar, where that is open; else towards the limit."""
        floor, ceiling, above = self.floor[rows], self.ceiling[rows], self.above[rows]
        bounded = np.isfinite(self.upper[rows])
        share = np.clip(above / np.maximum(above - self.below[rows], 1e-9), 0.1, 0.9)
        within = floor * (ceiling / floor) ** np.where(bounded, share, 0.5)
        # latencies grow no faster than the load does: no limit binds before that
        upwards = np.minimum(floor * OVERSHOOT * np.exp(np.clip(above, 0.0, STEEP)), ceiling)
        towards = np.where(bounded | (floor <= self.low[rows]), within, upwards)
        reach = self._reach(rows, bounded)
        load: Array = np.where((reach > floor) & (reach < ceiling), reach, towards)
        return load

    def _reach(self, rows: Array, bounded: Array) -> Array:
        """Load at which a row would just reach the bar; infinite where it never does, 0 where it does.

        Seconds per request and device grow in proportion to the load, from a start: time = a + b * load.
        """
        floor, lower = self.floor[rows], self.lower[rows]
        other = np.where(bounded, self.ceiling[rows], self.before_load[rows])
        rate = np.where(bounded, self.upper[rows], self.before_rate[rows])
        aim = self.bars.of(rows) * (1.0 - AIM)
        with np.errstate(invalid="ignore", divide="ignore"):
            time, then = floor / lower, other / rate
            slope = np.where(rate > 0, np.maximum((then - time) / (other - floor), 0.0), 0.0)
            left = np.maximum(time - slope * floor, 0.0)
            load = np.where(1.0 / aim > slope, left / (1.0 / aim - slope), np.inf)
        load = np.where((aim > 0) & np.isfinite(aim) & (lower > 0), load, 0.0)
        found: Array = np.where(lower >= aim, 0.0, load)
        return found
