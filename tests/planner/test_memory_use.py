"""Memory of one layout: the same figures as in a plan, whole sequences, and what stands in the way."""

import time
from dataclasses import replace

import pytest

from models import codec
from models.errors import InvalidInput
from models.memory_use import MemoryQuestion
from models.parallelism import Parallelism
from models.precision import Precision
from models.scenario import EngineChoice
from planner import pipeline
from planner.memory_use import memory_use
from tests.planner.scenes import scenario

ASKED = MemoryQuestion(
    model="meta-llama/Meta-Llama-3.1-70B",
    device="h100-sxm",
    precision=Precision(weights="fp8"),
    parallelism=Parallelism(tp=2),
    sequence_tokens=3300.0,
)


def test_it_says_what_a_plan_says_at_the_limits_of_that_plan() -> None:
    answer = pipeline.plan(scenario(options={"roles": ["aggregated"], "top_k": 1}))
    group = answer.plans[0].groups[0]
    question = MemoryQuestion(
        model=answer.scenario.deployments[0].model,
        device=answer.scenario.cluster.pools[0].device,
        engine=group.engine,
        precision=group.precision,
        parallelism=group.parallelism,
        sequence_tokens=float(group.limits.max_model_len),
        max_num_seqs=group.limits.max_num_seqs,
        max_num_batched_tokens=group.limits.max_num_batched_tokens,
    )
    found, told = memory_use(question).memory_bytes, group.memory_bytes
    for part in ("weights", "kv_cache", "activations", "engine", "free", "capacity"):
        assert getattr(found, part) == pytest.approx(getattr(told, part), rel=1e-9), part


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_the_parts_add_up_to_the_device(engine: str) -> None:
    parts = memory_use(replace(ASKED, engine=EngineChoice(name=engine))).memory_bytes  # type: ignore[arg-type]
    total = parts.weights + parts.kv_cache + parts.activations + parts.engine + parts.free
    assert total == pytest.approx(parts.capacity)


def test_sequences_are_whole_and_fill_the_room() -> None:
    found = memory_use(ASKED)
    assert found.fits
    assert found.missing_bytes == 0.0
    room = found.memory_bytes.kv_cache
    assert found.sequences * found.sequence_bytes <= room < (found.sequences + 1) * found.sequence_bytes
    assert found.cache_tokens == pytest.approx(room / found.sequence_bytes * 3300)


def test_every_attention_rank_holds_sequences_of_its_own() -> None:
    asked = MemoryQuestion(model="deepseek-ai/DeepSeek-V3", device="h200-sxm", sequence_tokens=3300.0)
    one = memory_use(replace(asked, parallelism=Parallelism(tp=8, ep=8)))
    wide = memory_use(replace(asked, parallelism=Parallelism(dp=8, ep=8)))
    rank = int(wide.memory_bytes.kv_cache / wide.sequence_bytes)
    assert wide.sequences == 8 * rank > one.sequences > 0


def test_longer_sequences_and_wider_numbers_leave_fewer() -> None:
    assert memory_use(replace(ASKED, sequence_tokens=33_000.0)).sequences < memory_use(ASKED).sequences
    wide = memory_use(replace(ASKED, precision=Precision(weights="bf16")))
    assert wide.memory_bytes.weights > memory_use(ASKED).memory_bytes.weights


def test_what_does_not_fit_says_how_much_is_missing() -> None:
    found = memory_use(replace(ASKED, parallelism=Parallelism(tp=1), precision=None))
    assert found.precision.weights == "bf16"
    assert not found.fits
    assert found.sequences == 0
    parts = found.memory_bytes
    assert parts.free < 0
    assert found.missing_bytes > parts.weights - parts.capacity > 0


def test_a_layout_that_breaks_a_rule_says_which() -> None:
    assert memory_use(ASKED).rules_failed == ()
    assert "heads" in memory_use(replace(ASKED, parallelism=Parallelism(tp=3))).rules_failed[0]


@pytest.mark.parametrize(
    ("field", "value", "pointer"), [("device", "abacus", "/device"), ("model", "no/such", "/model")]
)
def test_an_unknown_name_is_told_at_its_field(field: str, value: str, pointer: str) -> None:
    with pytest.raises(InvalidInput, match=value) as told:
        memory_use(replace(ASKED, **{field: value}))
    assert told.value.pointer == pointer


@pytest.mark.parametrize("pp", [81, 1_000_000])
def test_more_stages_than_layers_are_refused(pp: int) -> None:
    with pytest.raises(InvalidInput, match="80 layers") as told:
        memory_use(replace(ASKED, parallelism=Parallelism(pp=pp)))
    assert told.value.pointer == "/parallelism/pp"


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
@pytest.mark.parametrize("pp", [2, 3, 7, 80])
def test_stages_share_the_weights(engine: str, pp: int) -> None:
    asked = replace(ASKED, engine=EngineChoice(name=engine))  # type: ignore[arg-type]
    cut = memory_use(replace(asked, parallelism=Parallelism(tp=2, pp=pp))).memory_bytes.weights
    whole = memory_use(asked).memory_bytes.weights
    assert whole / pp * 0.8 < cut < whole


def test_it_answers_while_somebody_types() -> None:
    memory_use(ASKED)
    start = time.perf_counter()
    for tokens in range(1000, 2000, 100):
        memory_use(codec.from_plain(MemoryQuestion, {**codec.to_plain(ASKED), "sequence_tokens": tokens}))
    assert (time.perf_counter() - start) / 10 < 0.1
