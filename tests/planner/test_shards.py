"""Shards sum to the whole: weights and cache over all ranks of a replica, counted rank by rank."""

import numpy as np
import pytest

from models.blocks.base import Projection
from models.blocks.moe import MoeFfn
from models.memory import layer_weight_bytes, sequence_bytes
from models.precision import KV_BYTES, WEIGHT_BYTES, Precision
from planner.layouts import Layouts, enumerate_layouts
from planner.memory_fit import fit
from planner.setting import Setting
from planner.stages import layer_partition, stage_counts
from planner.step import StepModel
from tests.planner.scenes import (
    COMPRESSED,
    DEEPSEEK,
    EVERY_KIND,
    GPT_OSS,
    HYBRID,
    LLAMA_8B,
    LLAMA_70B,
    MAMBA,
    MIXTRAL,
    QWEN_MOE,
    kinds_of,
    layouts_of,
    setting_of,
    step_model,
)

BF16 = Precision(weights="bf16", kv="bf16")
ONE = np.ones(1)
ATTENTION_ONLY = tuple(m for m in EVERY_KIND if m not in (HYBRID, MAMBA, COMPRESSED))


def units_per_rank(units: int, tp: int) -> list[int]:
    """Indivisible units every rank holds: split evenly, or one each and copies of it beyond their number."""
    if tp >= units:
        assert tp % units == 0
        return [1] * tp
    assert units % tp == 0
    return [units // tp] * tp


def copies(matrix: Projection, tp: int) -> float:
    """How often the whole matrix lies on the ranks of one tensor-parallel group."""
    if matrix.split == "none":
        return tp
    return sum(units_per_rank(matrix.units, tp)) / matrix.units if matrix.units else 1.0


def expected_bytes(setting: Setting, kind: int, degrees: dict[str, int]) -> float:
    """Bytes of one layer on all ranks of a stage, from matrices and copies."""
    spec, precision = setting.spec, setting.precision
    block, hidden, tp = spec.kinds[kind], spec.hidden_size, degrees["tp"]
    groups = degrees["cp"] * degrees["dp"]
    total = 0.0
    for part in (block.mixer, block.ffn):
        if part is None:
            continue
        for matrix in part.projections(hidden):
            width = WEIGHT_BYTES[precision.weights if matrix.quantised else "bf16"]
            total += matrix.parameters * width * copies(matrix, tp) * groups
        total += part.vector_parameters(hidden) * 2.0 * tp * groups
    if isinstance(block.ffn, MoeFfn):
        ranks, ep = tp * groups, degrees["ep"]
        slots = -(-block.ffn.experts // ep)
        assert ranks % ep == 0
        total += slots * ep * block.ffn.expert_parameters(hidden) * WEIGHT_BYTES[precision.experts]
    return total


def stage_degrees(layouts: Layouts, row: int) -> dict[str, int]:
    return {name: int(getattr(layouts, name)[row]) for name in ("tp", "cp", "dp", "ep")}


@pytest.mark.parametrize("model", ATTENTION_ONLY)
def test_weights_over_all_ranks_are_the_model_and_its_copies(model: str) -> None:
    setting = setting_of(model, precision=BF16)
    layouts = enumerate_layouts(setting)[0]
    rng = np.random.default_rng(0)
    layouts = layouts.take(rng.choice(len(layouts), min(200, len(layouts)), replace=False))
    for k in range(len(setting.spec.kinds)):
        held = layer_weight_bytes(
            setting.spec.kinds[k], setting.spec, setting.precision, setting.engine, layouts.degrees()
        )
        whole = [expected_bytes(setting, k, stage_degrees(layouts, i)) for i in range(len(layouts))]
        np.testing.assert_allclose(held * layouts.stage_devices, whole, rtol=1e-12)


@pytest.mark.parametrize("model", EVERY_KIND)
def test_one_device_holds_the_parameters_times_their_bytes(model: str) -> None:
    """All but the final norm, which no layer owns; tied tables once."""
    setting = setting_of(model, precision=BF16)
    spec = setting.spec
    memory = fit(step_model(setting), 1000.0, ONE, ONE * 2048)
    parameters = spec.parameters() - spec.hidden_size + spec.vision_parameters
    assert memory.weights[0] == pytest.approx(2.0 * parameters, rel=1e-12)


@pytest.mark.parametrize("tp", [2, 4, 8])
def test_tensor_parallel_ranks_of_a_grouped_query_model_add_norms_only(tp: int) -> None:
    setting = setting_of(LLAMA_70B, precision=BF16)
    spec = setting.spec
    held = fit(step_model(setting, tp=tp), 1000.0, ONE, ONE * 2048).weights[0] * tp
    norms = sum(
        n * (k.mixer.vector_parameters(spec.hidden_size) + k.ffn.vector_parameters(spec.hidden_size))
        for n, k in zip(spec.counts(), kinds_of(setting), strict=True)
    )
    assert held == pytest.approx(2.0 * (spec.parameters() - spec.hidden_size + (tp - 1) * norms), rel=1e-12)


def test_more_ranks_than_kv_heads_copy_the_kv_projection_and_nothing_else() -> None:
    setting = setting_of(LLAMA_70B, precision=BF16)
    spec = setting.spec
    kind, mixer = kinds_of(setting)[0], kinds_of(setting)[0].mixer
    at = {
        tp: float(
            layer_weight_bytes(kind, spec, setting.precision, setting.engine, layouts_of(tp=tp).degrees())[0]
        )
        * tp
        for tp in (8, 16)
    }
    kv = mixer.kv_heads * (mixer.head_dim + mixer.value_dim) * spec.hidden_size * 2.0
    norms = (mixer.vector_parameters(spec.hidden_size) + kind.ffn.vector_parameters(spec.hidden_size)) * 2.0
    assert at[16] - at[8] == pytest.approx(kv + 8 * norms)


@pytest.mark.parametrize("pp", [2, 3, 8])
@pytest.mark.parametrize("model", [LLAMA_70B, DEEPSEEK, GPT_OSS, MAMBA, "Qwen/Qwen3-0.6B"])
def test_stages_hold_every_layer_once_and_tables_at_the_ends(model: str, pp: int) -> None:
    setting = setting_of(model, precision=BF16)
    spec, degrees = setting.spec, layouts_of(pp=pp).degrees()
    partition = layer_partition(spec, BF16, pp)
    counts = stage_counts(spec, partition)
    assert counts.sum(axis=0).tolist() == list(spec.counts())
    layer = np.array([
        float(layer_weight_bytes(k, spec, BF16, setting.engine, degrees)[0]) for k in spec.kinds
    ])  # fmt: skip
    stages = counts @ layer
    table = 2.0 * spec.embedding_parameters
    stages[0] += table + 2.0 * spec.vision_parameters
    stages[-1] += table
    parameters = spec.parameters() - spec.hidden_size + spec.vision_parameters
    surplus = spec.embedding_parameters if spec.tied_embeddings else 0
    assert stages.sum() == pytest.approx(2.0 * (parameters + surplus), rel=1e-12)
    worst = fit(step_model(setting, pp=pp), 1000.0, ONE, ONE * 2048).weights[0]
    assert min(abs(stages - worst)) < 1.0
    assert worst >= stages.mean()


@pytest.mark.parametrize("model", EVERY_KIND)
def test_no_split_makes_a_rank_heavier(model: str) -> None:
    setting = setting_of(model)
    layouts = enumerate_layouts(setting)[0]
    n = len(layouts)
    every = fit(StepModel(setting=setting, layouts=layouts), 4000.0, np.ones(n), np.full(n, 2048.0))
    alone = fit(step_model(setting), 4000.0, ONE, ONE * 2048)
    assert (every.weights <= alone.weights[0] * (1 + 1e-12)).all()
    assert (every.kv_per_sequence <= alone.kv_per_sequence[0] * (1 + 1e-12)).all()


@pytest.mark.parametrize("model", [LLAMA_8B, QWEN_MOE, MIXTRAL, GPT_OSS])
@pytest.mark.parametrize("tp", [1, 2, 4, 8, 16])
def test_cache_over_tensor_parallel_ranks_is_the_cache_and_copied_heads(model: str, tp: int) -> None:
    setting = setting_of(model)
    degrees = layouts_of(tp=tp).degrees()
    for kind in kinds_of(setting):
        core = kind.mixer.core()
        tokens = 5000.0
        kept = min(tokens, core.window_tokens or tokens)
        copied = max(1, tp // core.kv_heads)
        held = float(sequence_bytes(core, "bf16", tokens, degrees)[0]) * tp
        assert held == pytest.approx(kept * core.kv_elements_per_token * 2.0 * copied)


@pytest.mark.parametrize("tp", [1, 2, 8])
def test_a_latent_cache_lies_on_every_tensor_parallel_rank(tp: int) -> None:
    setting = setting_of(DEEPSEEK)
    core = kinds_of(setting)[0].mixer.core()
    assert core.kv_elements_per_token == 576
    held = sequence_bytes(core, "bf16", 1000.0, layouts_of(tp=tp).degrees())[0]
    assert held == pytest.approx(1000 * 576 * 2.0)
    assert sequence_bytes(core, "bf16", 1000.0, layouts_of(tp=8, dcp=8).degrees())[0] == pytest.approx(
        held / 8
    )


@pytest.mark.parametrize("model", [LLAMA_70B, DEEPSEEK])
def test_the_cache_of_a_rank_divides_by_the_stages(model: str) -> None:
    setting = setting_of(model)
    alone = fit(step_model(setting), 4000.0, ONE, ONE * 2048).kv_per_sequence[0]
    for pp in (2, 4, 8):
        partition = layer_partition(setting.spec, setting.precision, pp)
        held = fit(step_model(setting, pp=pp), 4000.0, ONE, ONE * 2048).kv_per_sequence[0]
        assert any(held / alone == pytest.approx(n / setting.spec.layers) for n in partition)
        assert held < alone * 1.35 / pp


def test_formats_scale_weights_and_cache() -> None:
    setting = setting_of(LLAMA_70B, precision=BF16)
    half = setting_of(LLAMA_70B, precision=Precision(weights="fp8", kv="fp8"))
    one, two = (fit(step_model(s, tp=4), 4000.0, ONE, ONE * 2048) for s in (setting, half))
    tables = 4.0 * setting.spec.embedding_parameters / 4
    norms_and_rest = (one.weights[0] - tables) / 2 + tables
    assert two.weights[0] == pytest.approx(norms_and_rest, rel=1e-3)
    assert two.kv_per_sequence[0] == pytest.approx(
        one.kv_per_sequence[0] * KV_BYTES["fp8"] / KV_BYTES["bf16"]
    )
