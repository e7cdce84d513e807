"""Is the chosen configuration close to the best measured one?

Within a question (family, device, precision, engine, lengths, concurrency per device within half an octave)
the configuration with the best predicted output rate per device is compared with the best measured one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.cost.base import Array
from planner.calibration.figures import rank_correlation
from planner.calibration.left_out_prices import Prices
from planner.calibration.measured_rows import MeasuredRow

LEAST_CONFIGURATIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Choices over all questions with enough measured configurations."""

    questions: int
    median_frac: float
    p90_frac: float
    rank_correlation: float


def choices(rows: Sequence[MeasuredRow], prices: Prices) -> Choice:
    """Regret of picking the predicted best, and how well configurations are ranked."""
    measured = _rate(rows, np.array([r.tpot_s for r in rows]), np.array([r.ttft_s for r in rows]))
    predicted = _rate(rows, prices.tpot_s, prices.ttft_s)
    lost, ranks = [], []
    for members in _questions(rows):
        real, thought = measured[members], predicted[members]
        if not np.isfinite(thought).any():
            continue
        lost.append(1.0 - real[np.nanargmax(thought)] / real.max())
        ranks.append(rank_correlation(thought, real))
    return Choice(
        questions=len(lost),
        median_frac=float(np.median(lost)) if lost else float("nan"),
        p90_frac=float(np.quantile(lost, 0.9)) if lost else float("nan"),
        rank_correlation=float(np.median(ranks)) if ranks else float("nan"),
    )


def _rate(rows: Sequence[MeasuredRow], tpot_s: Array, ttft_s: Array) -> Array:
    """Output tokens per second and device of a closed loop."""
    tokens = np.array([r.row.output_tokens for r in rows])
    flight = np.array([r.row.concurrency for r in rows])
    answer_s = ttft_s + (tokens - 1.0) * tpot_s
    rate: Array = flight * tokens / answer_s / devices(rows)
    return rate


def devices(rows: Sequence[MeasuredRow]) -> Array:
    """Devices of every row."""
    return np.array(
        [sum(g.replicas * g.parallelism.devices for g in r.row.groups) for r in rows], dtype=float
    )


def _questions(rows: Sequence[MeasuredRow]) -> list[list[int]]:
    groups: dict[object, list[int]] = defaultdict(list)
    per_device = np.array([r.row.concurrency for r in rows]) / devices(rows)
    for i, measured in enumerate(rows):
        row = measured.row
        octave = round(2.0 * float(np.log2(per_device[i])))
        groups[
            (
                measured.family, row.device, row.precision, row.engine.name, row.input_tokens,
                row.output_tokens, octave,
            )
        ].append(i)  # fmt: skip
    return [members for members in groups.values() if len(members) >= LEAST_CONFIGURATIONS]
