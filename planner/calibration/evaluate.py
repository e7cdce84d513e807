r"""The closed loop as a function of the fitted parameters, with its derivatives.

The same formulas as :func:`planner.closed_loop.aggregated`, on recorded steps: a test holds the two equal.
Every factor is an exponential of a sum of parameters, so each derivative is the share of the time that
carries the factor.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.cost.base import Array
from models.cost.serving_fit import PARTS
from planner.calibration.design import Design, Index, StepArrays

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Value:
    """A quantity per row and its derivative by every parameter ``[row, parameter]``."""

    of: Array
    by: Array

    def __add__(self, other: "Value") -> "Value":
        return Value(self.of + other.of, self.by + other.by)

    def __sub__(self, other: "Value") -> "Value":
        return Value(self.of - other.of, self.by - other.by)

    def __mul__(self, other: "Value") -> "Value":
        return Value(self.of * other.of, self.of[:, None] * other.by + other.of[:, None] * self.by)

    def times(self, factor: Array) -> "Value":
        """Product with a constant per row."""
        return Value(self.of * factor, self.by * factor[:, None])

    def positive(self) -> "Value":
        """The quantity, or 0 where it is negative."""
        keep = (self.of > 0).astype(float)
        return self.times(keep)


def closed_loop(design: Design, base: dict[str, float], theta: Vector) -> tuple[Value, Value]:
    """Time per token and time to first token of every row [s]."""
    step = {name: _step(design, base, theta, name) for name in design.steps}
    loop = {q: _factor(design.scalars[q], base[q], theta) for q in ("fixed", "own", "steps", "burst")}
    burst = _share(loop["burst"])
    prompt = (step["mixed"] - step["pure"]).positive().times(design.chunks)
    others = design.others
    queued = (prompt * burst).times(others)
    tpot = step["pure"] + (prompt.times(others) - queued).times(1.0 / design.decode_tokens)
    first = loop["fixed"] + (loop["own"] * step["own"]).times(design.chunks)
    first = first + queued + loop["steps"] * step["pure"]
    answer = first + tpot.times(design.decode_tokens)
    return tpot, first + answer.times(np.maximum(design.offered / design.batch - 1.0, 0.0))


def _factor(columns: Index, base: float, theta: Vector) -> Value:
    of = base * np.exp(theta[columns].sum(axis=-1))
    by = np.zeros((len(of), len(theta)))
    for k in range(columns.shape[1]):
        by[np.arange(len(of)), columns[:, k]] += of
    return Value(of, by)


def _share(odds: Value) -> Value:
    of = odds.of / (1.0 + odds.of)
    return Value(of, odds.by / ((1.0 + odds.of) ** 2)[:, None])


def _step(design: Design, base: dict[str, float], theta: Vector, name: str) -> Value:
    arrays = design.steps[name]
    rows = len(arrays.launches)
    total = _kernels(arrays, theta)
    for p in range(len(PARTS)):
        total = total + _factor(design.parts[:, p], 1.0, theta).times(arrays.parts_s[:, p])
    total = total + _factor(design.scalars["small"], base["small_s"], theta).times(arrays.small)
    if name != "pure":
        eager = _factor(design.scalars["eager"], base["eager_s"], theta)
        total = total + eager.times(arrays.launches + arrays.small)
    total = total * _factor(design.scalars["step"], 1.0, theta)
    host = _factor(design.scalars["host_step"], base["host_step_s"], theta).times(np.ones(rows))
    beside = _factor(design.scalars["host_sequence"], base["host_sequence_s"], theta)
    return total + host + beside.times(arrays.sequences)


def _kernels(arrays: StepArrays, theta: Vector) -> Value:
    factor = {limit: np.exp(theta[columns].sum(axis=-1)) for limit, columns in arrays.columns.items()}
    thin = arrays.thin_s * factor["half_rows"]
    compute = (arrays.compute_s + thin) * factor["compute"]
    memory = arrays.memory_s * factor["memory"]
    both = np.where(arrays.squared, np.hypot(compute, memory), compute + memory)
    floor = arrays.floor_s * factor["launch"]
    # derivative of the overlapped time by each of its two sides
    slope = np.where(arrays.squared, 1.0 / np.maximum(both, 1e-300), 1.0)
    by_compute = np.where(arrays.squared, compute * slope, 1.0)
    by_memory = np.where(arrays.squared, memory * slope, 1.0)
    shares = {
        "compute": by_compute * compute,
        "memory": by_memory * memory,
        "launch": floor,
        "half_rows": by_compute * thin * factor["compute"],
    }
    rows = len(arrays.launches)
    by = np.zeros((rows, len(theta)))
    row = np.arange(rows)[:, None, None]
    for limit, share in shares.items():
        np.add.at(by, (row, arrays.columns[limit]), (arrays.count * share)[:, :, None])
    by[:, 0] = 0.0
    return Value((arrays.count * (floor + both)).sum(axis=1), by)
