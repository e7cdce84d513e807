"""Layers to pipeline stages: the partition that keeps the heaviest stage lightest.

Layers weigh what they store, the embedding counts to the first stage and the head to the last, so a
large vocabulary moves layers to the middle. The result is even when that is best.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.architecture import ModelSpec
from models.errors import InvalidInput
from models.precision import WEIGHT_BYTES, Precision


def layer_partition(
    spec: ModelSpec, precision: Precision, stages: int, *, even: bool = False
) -> tuple[int, ...]:
    """Layers per stage, first to last.

    Raises
    ------
    InvalidInput
        More stages than layers.
    """
    if stages > spec.layers:
        raise InvalidInput(
            f"pp {stages} is more than the {spec.layers} layers of {spec.id}",
            pointer="/parallelism/pp",
            hint=f"Maybe at most {spec.layers}.",
        )
    if even:
        base, extra = divmod(spec.layers, stages)
        # the remainder goes to the middle: the ends carry embedding and head
        order = sorted(range(stages), key=lambda s: abs(s - (stages - 1) / 2.0))
        return tuple(base + (s in order[:extra]) for s in range(stages))
    per_kind = kind_bytes(spec, precision)
    weights = tuple(per_kind[k] for k in spec.pattern)
    table = spec.embedding_parameters * WEIGHT_BYTES["bf16"]
    return _partition(weights, table, stages)


def kind_bytes(spec: ModelSpec, precision: Precision) -> list[float]:
    """Bytes of one layer of each kind, uncut."""
    h = spec.hidden_size
    return [
        k.dense_parameters(h) * WEIGHT_BYTES[precision.weights]
        + k.expert_parameters(h) * WEIGHT_BYTES[precision.experts]
        for k in spec.kinds
    ]


@lru_cache(maxsize=4096)
def _partition(weights: tuple[float, ...], ends: float, stages: int) -> tuple[int, ...]:
    """Contiguous partition with the least maximum: bisection on the cap, greedy fill (parametric search)."""
    low, high = max(weights), sum(weights) + 2.0 * ends
    for _ in range(50):
        cap = (low + high) / 2.0
        if _fill(weights, ends, stages, cap) is None:
            low = cap
        else:
            high = cap
    found = _fill(weights, ends, stages, high * (1 + 1e-9))
    assert found is not None
    return found


def _fill(weights: tuple[float, ...], ends: float, stages: int, cap: float) -> tuple[int, ...] | None:
    """Fill from the back (the head's stage is met first), leaving at least one layer for each stage."""
    counts = [0] * stages
    layer = len(weights) - 1
    for stage in reversed(range(stages)):
        room = cap - (ends if stage in (0, stages - 1) else 0.0) - (ends if stages == 1 else 0.0)
        while layer >= stage and (weights[layer] <= room or counts[stage] == 0):
            if weights[layer] > room:
                return None
            room -= weights[layer]
            counts[stage] += 1
            layer -= 1
    return tuple(counts) if layer < 0 and min(counts) > 0 else None


def stage_counts(spec: ModelSpec, partition: tuple[int, ...]) -> NDArray[np.int64]:
    """Layers of each kind per stage ``[stages, kinds]``."""
    counts = np.zeros((len(partition), len(spec.kinds)), dtype=np.int64)
    layer = 0
    for stage, size in enumerate(partition):
        for kind in spec.pattern[layer : layer + size]:
            counts[stage, kind] += 1
        layer += size
    return counts
