"""Device memory of every pipeline stage of a group: what the worst rank's bar leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.memory import layer_weight_bytes, sequence_bytes
from models.plan import MemoryBytes
from models.precision import WEIGHT_BYTES
from planner.group_replay import GroupReplay
from planner.stages import stage_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMemory:
    """Memory of one device of a stage; ``is_worst`` marks the stage that the plan tells."""

    stage: int
    layers: int
    memory: MemoryBytes
    is_worst: bool


def stage_memory(found: GroupReplay) -> tuple[StageMemory, ...]:
    """Every stage: weights of its layers, and cache for as many sequences as the tightest stage holds.

    All ranks of a stage hold equal parts. The stage that leaves least room for each byte a sequence needs is
    the worst: it sets how many sequences fit, and the others keep what they have beyond as free.
    """
    told = found.group.memory_bytes
    if len(found.group.layer_partition) == 1 or found.group.role == "encode":
        layers = sum(found.group.layer_partition)
        return (StageMemory(stage=0, layers=layers, memory=told, is_worst=True),)
    weights, kept = _held(found)
    worst = _worst(found, weights, kept)
    sequences = told.kv_cache / max(float(kept[worst]), 1.0)
    stages = []
    for stage, layers in enumerate(found.group.layer_partition):
        cache = sequences * float(kept[stage])
        used = float(weights[stage]) + cache + told.activations + told.engine
        memory = MemoryBytes(
            weights=float(weights[stage]), kv_cache=cache, activations=told.activations, engine=told.engine,
            free=told.capacity - used, capacity=told.capacity,
        )  # fmt: skip
        own = StageMemory(stage=stage, layers=layers, memory=memory, is_worst=stage == worst)
        stages.append(own)
    return tuple(stages)


def _held(found: GroupReplay) -> tuple[Sequence[float], Sequence[float]]:
    """Weights of a rank, and cache of one sequence of the mean length on it, by stage [B]."""
    model = found.model
    setting, degrees, spec = model.setting, model.layouts.degrees(), model.setting.spec
    counts = stage_counts(spec, found.group.layer_partition)
    per_kind = np.array([_one(layer_weight_bytes(k, spec, setting.precision, setting.engine, degrees))
                         for k in spec.kinds])  # fmt: skip
    context = found.replica.traffic.context_tokens
    cache = np.array([
        0.0 if k.mixer is None
        else _one(sequence_bytes(k.mixer.core(), setting.precision.cache, context, degrees))
        for k in spec.kinds
    ])  # fmt: skip
    weights = counts @ per_kind
    table = _one(spec.embedding_parameters * WEIGHT_BYTES["bf16"] / model.layouts.tp)
    # an encoder lies on the first stage; what the plan tells of the worst stage settles whether it does here
    weights[0] += table
    weights[-1] += table
    return weights, counts @ cache


def _worst(found: GroupReplay, weights: Sequence[float], kept: Sequence[float]) -> int:
    """The stage whose weights are those that the plan tells; of equals the one that keeps most cache."""
    told = found.group.memory_bytes.weights
    near = np.abs(np.asarray(weights) - told)
    closest = near <= near.min() + 1.0
    return int(np.argmax(np.where(closest, kept, -1.0)))


def _one(value: object) -> float:
    return float(np.ravel(np.asarray(value))[0])
