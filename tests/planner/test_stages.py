"""Layers to pipeline stages: contiguous, complete, and with the lightest heaviest stage."""

from itertools import combinations

import pytest

from models import catalog
from models.errors import InvalidInput
from models.precision import WEIGHT_BYTES
from planner.stages import kind_bytes, layer_partition, stage_counts
from tests.planner.scenes import DEEPSEEK, EVERY_KIND, GPT_OSS, LLAMA_405B, MAMBA


def heaviest(weights: list[float], ends: float, partition: tuple[int, ...]) -> float:
    totals, at = [], 0
    for size in partition:
        totals.append(sum(weights[at : at + size]))
        at += size
    totals[0] += ends
    totals[-1] += ends
    return max(totals)


@pytest.mark.parametrize("model", [DEEPSEEK, GPT_OSS, MAMBA, "Qwen/Qwen3-0.6B"])
@pytest.mark.parametrize("stages", [2, 3, 4])
def test_the_heaviest_stage_is_as_light_as_enumeration_finds(model: str, stages: int) -> None:
    spec = catalog.model(model)
    per_kind = kind_bytes(spec, spec.precision)
    weights = [per_kind[k] for k in spec.pattern]
    ends = spec.embedding_parameters * WEIGHT_BYTES["bf16"]
    best = min(
        heaviest(weights, ends, tuple(b - a for a, b in zip((0, *cuts), (*cuts, spec.layers), strict=True)))
        for cuts in combinations(range(1, spec.layers), stages - 1)
    )
    found = layer_partition(spec, spec.precision, stages)
    assert heaviest(weights, ends, found) == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("model", [*EVERY_KIND, LLAMA_405B])
def test_every_layer_is_on_one_stage(model: str, even: bool) -> None:
    spec = catalog.model(model)
    for stages in (1, 2, 3, 5, 8, 16):
        partition = layer_partition(spec, spec.precision, stages, even=even)
        assert len(partition) == stages
        assert sum(partition) == spec.layers
        assert min(partition) >= 1
        assert stage_counts(spec, partition).sum(axis=0).tolist() == list(spec.counts())
        if even:
            assert max(partition) - min(partition) <= 1


def test_as_many_stages_as_layers_hold_one_each() -> None:
    spec = catalog.model(GPT_OSS)
    assert layer_partition(spec, spec.precision, spec.layers) == (1,) * spec.layers


def test_more_stages_than_layers_are_refused_by_their_field() -> None:
    spec = catalog.model(MAMBA)
    with pytest.raises(InvalidInput, match=f"{spec.layers} layers") as refused:
        layer_partition(spec, spec.precision, spec.layers + 1)
    assert refused.value.pointer == "/parallelism/pp"
