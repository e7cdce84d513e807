"""Operations of a block: how many collectives, how much work, how much traffic."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pytest

from models.blocks.dense_ffn import DenseFfn
from models.cost.base import Array, CollectiveKind, Operation, Overheads, ServingLoop, Span
from models.hardware import Device
from models.precision import WEIGHT_BYTES
from planner.block_operations import POPULARITY_SHAPE, BlockPricer
from planner.setting import Setting
from planner.step import StepModel
from planner.step_load import StepLoad, decode_load, prefill_load
from tests.planner.scenes import (
    DEEPSEEK,
    GPT_OSS,
    LLAMA_8B,
    LLAMA_70B,
    MIXTRAL,
    QWEN_235B,
    kinds_of,
    layouts_of,
    setting_of,
)

ONE = np.ones(1)
MINIMAX = "MiniMaxAI/MiniMax-M2.5"


@dataclass
class Ledger:
    """A cost source that writes down what it is asked; everything takes one second."""

    name: str = "ledger"
    kind: Literal["roofline"] = "roofline"
    sources: tuple[str, ...] = ()
    operations: list[Operation] = field(default_factory=list)
    collectives: list[tuple[CollectiveKind, float, float]] = field(default_factory=list)
    beside: Overheads = field(default_factory=Overheads)

    def seconds(self, device: Device, operation: Operation) -> Array:
        self.operations.append(operation)
        return np.ones(np.shape(operation.flop))

    def collective_s(self, device: Device, kind: CollectiveKind, payload_bytes: Array, span: Span) -> Array:
        if span.members[0] > 1 and payload_bytes[0] > 0:
            self.collectives.append((kind, float(payload_bytes[0]), float(span.members[0])))
        return np.ones(np.shape(payload_bytes))

    def serving(self, engine: str, version: str | None) -> "Ledger":
        return self

    def overheads(self, device: Device) -> Overheads:
        return self.beside

    def loop(self) -> ServingLoop:
        return ServingLoop()

    def total(self, what: str, *kinds: str) -> float:
        return sum(float(getattr(o, what)[0]) for o in self.operations if o.kind in kinds)


def layer(setting: Setting, load: StepLoad, kind: int = -1, **degrees: int) -> Ledger:
    """Everything one layer asks for."""
    ledger = Ledger()
    pricer = BlockPricer(replace(setting, cost=ledger), layouts_of(**degrees), load)
    block = kinds_of(setting)[kind]
    for weights in (pricer.mixer(block.mixer), pricer.ffn(block.ffn)):
        list(weights)
    return ledger


@pytest.mark.parametrize("tp", [2, 4, 8, 16])
@pytest.mark.parametrize("load", [decode_load(8 * ONE, 500 * ONE), prefill_load(1024 * ONE, 4096 * ONE)])
def test_a_dense_layer_has_exactly_two_collectives(tp: int, load: StepLoad) -> None:
    setting = setting_of(LLAMA_70B)
    assert isinstance(setting.spec.kinds[0].ffn, DenseFfn)
    ledger = layer(setting, load, tp=tp)
    payload = float(load.tokens[0]) * setting.spec.hidden_size * 2
    assert ledger.collectives == [("all_reduce", payload, tp)] * 2


def test_sequence_parallelism_replaces_each_reduction_by_a_scatter_and_a_gather() -> None:
    setting = setting_of(LLAMA_70B)
    kinds = [kind for kind, _, _ in layer(setting, decode_load(8 * ONE, 500 * ONE), tp=8, sp=1).collectives]
    assert kinds.count("reduce_scatter") == kinds.count("all_gather") == 2


def test_one_device_communicates_nothing() -> None:
    load = prefill_load(512 * ONE, 2048 * ONE, 8 * ONE, 900 * ONE)
    for model in (LLAMA_8B, MIXTRAL, DEEPSEEK, GPT_OSS):
        setting = setting_of(model)
        assert all(layer(setting, load, k).collectives == [] for k in range(len(setting.spec.kinds)))


@pytest.mark.parametrize("tp", [1, 2, 8])
def test_a_norm_over_all_heads_sums_a_few_bytes_over_the_ranks_that_share_them(tp: int) -> None:
    """A rank holds a part of the heads, so the sum of squares of queries and keys is reduced."""
    setting, load = setting_of(MINIMAX), decode_load(16 * ONE, 500 * ONE)
    core = kinds_of(setting)[0].mixer.core()
    assert core.norm_reductions == 1
    small = [c for c in layer(setting, load, tp=tp).collectives if c[1] <= 16 * 16]
    assert small == ([("all_reduce", 16 * 8.0, tp)] if tp > 1 else [])
    # norms of single heads stay where the head is
    assert kinds_of(setting_of(QWEN_235B))[0].mixer.core().norm_reductions == 0


def seconds_of(setting: Setting, load: StepLoad, **beside: Any) -> tuple[float, Ledger]:
    """Elementwise, matrix and attention time of one layer whose operations take a second each."""
    ledger = Ledger(beside=Overheads(**beside))
    pricer = BlockPricer(replace(setting, cost=ledger), layouts_of(), load)
    block = kinds_of(setting)[0]
    weights = [*pricer.mixer(block.mixer), *pricer.ffn(block.ffn)]
    return sum(float(s[0]) for node, s in weights if not node.is_collective), ledger


@pytest.mark.parametrize(
    ("load", "eager"),
    [
        (decode_load(8 * ONE, 500 * ONE), False),
        (prefill_load(1024 * ONE, 4096 * ONE), True),
        (prefill_load(1024 * ONE, 4096 * ONE, 8 * ONE, 500 * ONE), True),
    ],
)
def test_only_steps_with_a_prompt_launch_their_kernels_from_the_host(load: StepLoad, eager: bool) -> None:
    setting = setting_of(LLAMA_70B)
    graph_s, ledger = seconds_of(setting, load)
    host_s, _ = seconds_of(setting, load, eager_kernel_s=1e-3)
    assert (host_s > graph_s) == eager
    if eager:
        launched = sum(o.launches for o in ledger.operations)
        assert host_s - graph_s >= 1e-3 * launched  # and the small kernels


def test_weights_in_eight_bits_quantise_what_they_multiply() -> None:
    """One small kernel a product more than with weights in bf16; none of them in a step without tokens."""
    setting, load = setting_of(LLAMA_70B), decode_load(8 * ONE, 500 * ONE)
    block, hidden = kinds_of(setting)[0], setting.spec.hidden_size
    products = sum(
        len({p.kernel for p in b.projections(hidden) if p.quantised}) for b in (block.mixer, block.ffn)
    )
    counts = {}
    for fmt in ("bf16", "fp8", "int4"):
        narrow = replace(setting, precision=replace(setting.precision, weights=fmt))
        counts[fmt] = seconds_of(narrow, load, small_kernel_s=1.0)[0] - seconds_of(narrow, load)[0]
    assert counts["fp8"] - counts["bf16"] == pytest.approx(products)
    assert counts["int4"] == counts["bf16"] > 0
    idle = decode_load(0 * ONE, 500 * ONE)
    assert seconds_of(setting, idle, small_kernel_s=1.0)[0] == seconds_of(setting, idle)[0]


@pytest.mark.parametrize("tp", [1, 2, 4, 8])
def test_matrix_work_is_two_flop_per_parameter_and_token_over_tp(tp: int) -> None:
    setting = setting_of(LLAMA_70B)
    block, hidden = kinds_of(setting)[0], setting.spec.hidden_size
    matrices = sum(p.inputs * p.outputs for b in (block.mixer, block.ffn) for p in b.projections(hidden))
    ledger = layer(setting, decode_load(16 * ONE, 500 * ONE), tp=tp)
    assert ledger.total("flop", "gemm") == pytest.approx(2.0 * 16 * matrices / tp)
    least = matrices * WEIGHT_BYTES["bf16"] / tp
    assert least < ledger.total("bytes", "gemm") < 1.05 * least


def test_prefill_attention_of_a_whole_prompt_costs_the_same_in_any_chunks() -> None:
    setting = setting_of(LLAMA_8B)
    whole = layer(setting, prefill_load(8192 * ONE, 8192 * ONE)).total("flop", "attention_prefill")
    for chunks in (2, 8, 32):
        part = layer(setting, prefill_load(8192 / chunks * ONE, 8192 * ONE))
        assert chunks * part.total("flop", "attention_prefill") == pytest.approx(whole)
    core = kinds_of(setting)[0].mixer.core()
    assert whole == pytest.approx(8192 * 4096 * core.prefill_flop_per_pair)


def test_decode_attention_reads_the_cache_once() -> None:
    setting = setting_of(LLAMA_8B)
    read = layer(setting, decode_load(16 * ONE, 5000 * ONE)).total("bytes", "attention_decode")
    assert read == pytest.approx(16 * 5000 * setting.spec.kv_bytes_per_token() / setting.spec.layers)


@pytest.mark.parametrize(("tokens", "share"), [(1.0, 2 / 8), (1e6, 1.0)])
def test_experts_read_are_those_that_tokens_hit(tokens: float, share: float) -> None:
    setting = setting_of(MIXTRAL)
    moe, hidden = kinds_of(setting)[0].ffn, setting.spec.hidden_size
    ledger = layer(setting, decode_load(tokens * ONE, 100 * ONE))
    weights = share * moe.experts * moe.expert_parameters(hidden) * 2.0
    moved = tokens * moe.top_k * (2.0 * hidden + 3.0 * moe.expert_intermediate_size) * 2.0
    assert ledger.total("bytes", "grouped_gemm") == pytest.approx(weights + moved)


@pytest.mark.parametrize("tokens", [4, 16, 64, 256])
def test_experts_hit_are_those_of_a_router_with_favourites(tokens: int) -> None:
    """Every token chooses 8 of 128 experts, each once; how often an expert is chosen is spread as stated."""
    setting, dice = setting_of(QWEN_235B), np.random.default_rng(7)
    moe, hidden = kinds_of(setting)[0].ffn, setting.spec.hidden_size
    shares = []
    for _ in range(40):
        liking = np.log(dice.gamma(POPULARITY_SHAPE, size=moe.experts))
        drawn = liking + dice.gumbel(size=(tokens, moe.experts))
        chosen = np.argpartition(-drawn, moe.top_k - 1, axis=1)[:, : moe.top_k]
        shares.append(len(np.unique(chosen)) / moe.experts)
    ledger = layer(setting, decode_load(tokens * ONE, 100 * ONE))
    moved = tokens * moe.top_k * (2.0 * hidden + 3.0 * moe.expert_intermediate_size) * 2.0
    weights = moe.experts * moe.expert_parameters(hidden) * 2.0
    found = (ledger.total("bytes", "grouped_gemm") - moved) / weights
    assert found == pytest.approx(np.mean(shares), rel=0.05)
    assert found < 1.0 - (1.0 - moe.top_k / moe.experts) ** tokens  # an even router reads more


def test_expert_work_is_spread_with_a_stated_imbalance() -> None:
    setting = setting_of(MIXTRAL)
    load = decode_load(64 * ONE, 100 * ONE)
    alone = layer(setting, load).total("flop", "grouped_gemm")
    sliced = layer(setting, load, tp=8).total("flop", "grouped_gemm")
    spread = layer(setting, load, tp=8, ep=8).total("flop", "grouped_gemm")
    assert sliced == pytest.approx(alone / 8)
    assert 1.0 < spread / sliced <= 1.5


def test_attention_data_parallel_ranks_bring_their_tokens_to_the_experts() -> None:
    setting = setting_of(MIXTRAL)
    load = decode_load(64 * ONE, 100 * ONE)
    one = layer(setting, load, dp=2, ep=2)
    assert one.total("flop", "gemm") == pytest.approx(layer(setting, load).total("flop", "gemm"))
    kinds = {kind for kind, _, _ in one.collectives}
    assert kinds & {"all_to_all", "all_gather"}
    assert "all_reduce" not in kinds


def test_context_parallelism_cuts_prompts_and_not_decode() -> None:
    setting = setting_of(LLAMA_8B)
    prompt, answer = prefill_load(4096 * ONE, 4096 * ONE), decode_load(16 * ONE, 900 * ONE)
    for load, expected in ((prompt, 4.0), (answer, 1.0)):
        ratio = layer(setting, load).total("flop", "gemm") / layer(setting, load, cp=4).total("flop", "gemm")
        assert ratio == pytest.approx(expected)


def test_decode_context_parallelism_cuts_the_cache_it_reads() -> None:
    setting = setting_of(LLAMA_8B)
    load = decode_load(16 * ONE, 9000 * ONE)
    whole = layer(setting, load, tp=16)
    cut = layer(setting, load, tp=16, dcp=2)
    read: list[Any] = [ledger.total("bytes", "attention_decode") for ledger in (whole, cut)]
    assert read[1] == pytest.approx(read[0] / 2)
    assert len(cut.collectives) == len(whole.collectives) + 2


@pytest.mark.parametrize(
    ("group", "degrees", "fabric", "members", "inside"),
    [
        ("tp", {"tp": 8}, 8, 8, 8),
        ("tp", {"tp": 16}, 8, 16, 8),
        ("tp", {"tp": 16}, 72, 16, 16),
        ("cp", {"tp": 2, "cp": 4}, 8, 4, 4),
        ("cp", {"tp": 2, "cp": 8}, 8, 8, 4),
        ("spread", {"tp": 4, "dp": 4}, 8, 4, 2),
        ("ep", {"dp": 16, "ep": 16}, 8, 16, 8),
    ],
)
def test_members_of_a_group_and_how_many_share_the_fabric(
    group: str, degrees: dict[str, int], fabric: int, members: int, inside: int
) -> None:
    span = layouts_of(**degrees).span(group, fabric)
    assert (span.members[0], span.inside[0]) == (members, inside)


def hop_s(setting: Setting, **degrees: int) -> float:
    """Time of one hop between stages."""
    step = StepModel(setting=setting, layouts=layouts_of(**degrees)).cost(decode_load(64 * ONE, 500 * ONE))
    return float(step.parts_s["pipeline"][0]) / (degrees["pp"] - 1)


def test_a_hop_inside_a_node_is_cheaper_than_one_between_nodes() -> None:
    setting = setting_of(LLAMA_70B)
    assert hop_s(setting, tp=4, pp=2) < hop_s(setting, tp=8, pp=2)
    assert hop_s(setting, tp=1, pp=8) == pytest.approx(hop_s(setting, tp=4, pp=2))


def test_a_pipeline_over_two_nodes_pays_for_its_hop_between_them() -> None:
    setting = setting_of(LLAMA_70B)
    assert 3 * hop_s(setting, tp=4, pp=4) > 3 * hop_s(setting, tp=4, pp=2)
