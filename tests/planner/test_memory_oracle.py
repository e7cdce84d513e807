"""Memory against what vLLM measured of itself on an H100 at start-up.

Rows: llm-d-planner docs/empirical-vllm-memory-results.md; 79.18 GiB usable, 1,024 sequences and 8,192
batched tokens, GiB of weights / activations / outside the allocator / KV cache. In every row weights,
activations, the rest and the cache add up to the stated fraction of the usable memory. The device itself
is the catalogue's (driver-reported 79.65 GiB), as in planning.

Measured with this model: weights -0.3 to +0.2 %, activations -1.8 to +1.0 %, cache within 0.3 to 0.7 % of
the usable memory (0.2 to 0.6 GiB too large, most of it the 0.47 GiB between 79.65 and 79.18).
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from models import catalog
from models.memory import SAMPLER_BYTES_PER_LOGIT
from models.precision import Precision
from models.units import GIB
from planner.memory_fit import MemoryFit, fit
from tests.planner.scenes import setting_of, step_model

USABLE_BYTES = 79.18 * GIB
SEQUENCES, BATCHED_TOKENS = 1024.0, 8192.0


@dataclass(frozen=True)
class Row:
    model: str
    tp: int
    fraction: float
    weights: float
    activations: float
    other: float
    kv: float
    precision: Precision | None = None


ROWS = (
    Row("meta-llama/Meta-Llama-3.1-8B", 1, 0.90, 14.99, 4.76, 0.13, 51.38),
    Row("Qwen/Qwen3-32B", 1, 0.90, 61.03, 5.64, 0.14, 4.45),
    Row("Qwen/Qwen3-32B", 2, 0.90, 30.59, 5.64, 0.54, 34.49),
    Row("meta-llama/Meta-Llama-3.1-70B", 2, 0.90, 33.88, 4.84, 0.55, 32.00, Precision(weights="fp8")),
    Row("openai/gpt-oss-20b", 1, 0.90, 13.47, 7.38, 0.13, 50.28),
    Row("openai/gpt-oss-120b", 1, 0.95, 64.38, 7.38, 0.13, 3.33),
)
IDS = [f"{row.model.split('/')[1]}-tp{row.tp}" for row in ROWS]
every_row = pytest.mark.parametrize("row", ROWS, ids=IDS)


def estimate(row: Row) -> MemoryFit:
    setting = setting_of(row.model, precision=row.precision)
    setting = replace(setting, engine=replace(setting.engine, memory_frac=row.fraction))
    seats, budget = np.array([SEQUENCES]), np.array([BATCHED_TOKENS])
    return fit(step_model(setting, tp=row.tp), 4096.0, seats, budget)


@every_row
def test_the_published_rows_add_up(row: Row) -> None:
    total = row.weights + row.activations + row.other + row.kv
    assert total * GIB == pytest.approx(row.fraction * USABLE_BYTES, rel=1e-3)


@every_row
def test_weights_are_within_one_per_cent(row: Row) -> None:
    assert estimate(row).weights[0] == pytest.approx(row.weights * GIB, rel=0.01)


@every_row
def test_the_cache_is_within_one_per_cent_of_the_usable_memory(row: Row) -> None:
    """Five per cent were asked for; it holds at one."""
    assert abs(estimate(row).kv_pool[0] - row.kv * GIB) < 0.01 * USABLE_BYTES


@every_row
def test_activations_are_within_two_per_cent(row: Row) -> None:
    assert estimate(row).activations[0] == pytest.approx(row.activations * GIB, rel=0.02)


def per_logit(row: Row) -> float:
    """Activation bytes per sequence and vocabulary entry, as measured."""
    return row.activations * GIB / (SEQUENCES * catalog.model(row.model).vocab_size)


@every_row
def test_the_activation_constant_carries_over_to_a_row_it_was_not_fitted_on(row: Row) -> None:
    """Leave one out: the mean of the other models' constants misses a row by 2.1 % at most (mean 0.8 %)."""
    others = [per_logit(other) for other in ROWS if other.model != row.model]
    assert per_logit(row) == pytest.approx(float(np.mean(others)), rel=0.025)


def test_the_activation_constant_is_the_mean_of_the_rows() -> None:
    by_model = {row.model: per_logit(row) for row in ROWS}
    assert pytest.approx(float(np.mean(list(by_model.values()))), rel=0.01) == SAMPLER_BYTES_PER_LOGIT


@every_row
def test_with_the_measured_usable_memory_the_cache_is_within_half_a_per_cent(row: Row) -> None:
    setting = setting_of(row.model, precision=row.precision)
    device = replace(setting.site.device, memory_bytes=USABLE_BYTES)
    engine = replace(setting.engine, memory_frac=row.fraction)
    setting = replace(setting, engine=engine, site=replace(setting.site, device=device))
    memory = fit(step_model(setting, tp=row.tp), 4096.0, np.array([SEQUENCES]), np.array([BATCHED_TOKENS]))
    assert abs(memory.kv_pool[0] - row.kv * GIB) < 0.005 * USABLE_BYTES


def test_expert_padding_is_needed_to_match_the_rows() -> None:
    """Without the padded expert width of mxfp4 the weights of gpt-oss miss by more than 4 %."""
    for row in ROWS[-2:]:
        setting = setting_of(row.model)
        setting = replace(setting, engine=replace(setting.engine, expert_width_multiple={}))
        weights = fit(step_model(setting), 4096.0, np.ones(1), np.ones(1)).weights[0]
        assert weights < 0.96 * row.weights * GIB


def test_cuda_graphs_take_no_part_of_the_engine_fraction() -> None:
    row = ROWS[0]
    setting = setting_of(row.model)
    pools = []
    for graphs in (0.0, 2.0 * GIB):
        engine = replace(setting.engine, memory_frac=0.9, graph_bytes=graphs)
        model = step_model(replace(setting, engine=engine))
        pools.append(fit(model, 4096.0, np.array([SEQUENCES]), np.array([BATCHED_TOKENS])).kv_pool[0])
    assert pools[0] == pools[1]


def test_a_cache_of_known_size_holds_the_published_number_of_tokens() -> None:
    """28.20 GiB hold 184,832 tokens of 163,840 bytes (Mistral-Small-24B, same source)."""
    assert pytest.approx(28.20 * GIB, rel=1e-3) == 184_832 * 163_840
    memory = estimate(ROWS[0])
    assert memory.tokens_per_pool[0] == pytest.approx(memory.kv_pool[0] / 131_072)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
@every_row
def test_no_engine_plans_with_more_than_the_device_has(engine: str, row: Row) -> None:
    setting = setting_of(row.model, engine=engine, precision=row.precision)
    ones = np.ones(1)
    memory = fit(step_model(setting, tp=row.tp), 4096.0, ones * 64, ones * BATCHED_TOKENS)
    parts = (memory.weights, memory.activations, memory.engine, np.maximum(memory.kv_pool, 0.0))
    assert sum(float(p[0]) for p in parts) <= memory.capacity * (1 + 1e-12)
