"""How one shape is timed: warm up, choose how many calls a sample needs, repeat, take the median."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Timer = Callable[[int], float]
"""Runs at least this many calls back to back; mean seconds of one call. The port to a device."""
Clock = Callable[[], float]
"""Seconds since some moment, never going back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long to try.

    Attributes
    ----------
    warm_up_s : float
        Calls that are thrown away, so that clocks, caches and lazy initialisation settle [s].
    sample_s : float
        What one sample should last, well above the resolution of the timer [s].
    samples : int
        Samples wanted.
    at_least : int
        Samples that are taken even when time is up.
    longest_s : float
        When to stop asking for more samples [s].
    most_calls : int
        Calls in one sample at most.
    """

    warm_up_s: float = 0.02
    sample_s: float = 0.004
    samples: int = 15
    at_least: int = 3
    longest_s: float = 2.0
    most_calls: int = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Median over samples [s], their interquartile range over the median, samples, and calls in each."""

    median_s: float
    spread_frac: float
    samples: int
    calls: int


def timed(run: Timer, limits: Limits, clock: Clock) -> Timing:
    """Time of one call.

    The median is kept, not the least: it is what a long run sees, and one interrupted sample does not
    move it.
    """
    started = clock()
    calls = _calls(run(1), limits)
    calls = _calls(run(calls), limits)  # the first call may have paid for lazy initialisation
    while clock() - started < min(limits.warm_up_s, limits.longest_s):
        calls = _calls(run(calls), limits)
    samples: list[float] = []
    while len(samples) < limits.samples:
        if len(samples) >= limits.at_least and clock() - started >= limits.longest_s:
            break
        samples.append(run(calls))
    low, median, high = (float(value) for value in np.quantile(samples, (0.25, 0.5, 0.75)))
    spread = (high - low) / median if median > 0 else 0.0
    return Timing(median_s=median, spread_frac=spread, samples=len(samples), calls=calls)


def _calls(once_s: float, limits: Limits) -> int:
    wanted = limits.sample_s / max(once_s, limits.sample_s / limits.most_calls)
    return max(1, round(wanted))
