"""One axis of a chart: its ends, where a value lies between them, and round ticks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.render.quantities import scaled

MARGIN_FRAC = 0.08
TICKS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Title and scale of one axis, with its ends."""

    title: str
    low: float
    high: float
    log: bool = False

    def part(self, value: float) -> float:
        """Share of the way from the low to the high end."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round numbers between the ends."""
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            every = max(-(-(last - first + 1) // 7), 1)
            return [10.0**p for p in range(first, last + 1, every)]
        step = _round_step((self.high - self.low) / TICKS)
        return [step * k for k in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]

    def data(self) -> dict[str, Any]:
        """The same for the script."""
        ticks = self.ticks()
        return {
            "title": self.title, "log": self.log, "range": [self.low, self.high], "ticks": ticks,
            "labels": [si(value) for value in ticks],
        }  # fmt: skip


def around(title: str, values: Sequence[float], *, log: bool = False, from_zero: bool = False) -> Axis:
    """An axis with some room around its values."""
    low, high = min(values), max(values)
    if log:
        return Axis(title=title, low=low / 1.6, high=high * 1.6, log=True)
    if from_zero:
        return Axis(title=title, low=0.0, high=1.2 * high or 1.0)
    room = MARGIN_FRAC * (high - low) or 0.25 * abs(high) or 1.0
    return Axis(title=title, low=low - room, high=high + room)


def si(value: float) -> str:
    """A tick of an axis: 2, 50, 1.5 k, 10 T."""
    if abs(value) < 1000:
        return f"{value:.6g}"
    number, _, prefix = scaled(value, "").partition(" ")
    return f"{float(number):g} {prefix}"


def _round_step(step: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= step * (1 - 1e-9))
