"""semi-PD (2025): one weight copy per device, so that HBM - W is free for the cache on every one.

Only the abstract was at hand. A disaggregated pair of devices holds two weight copies and decodes from the
cache of one of them; the same two devices with split SMs decode from both. The paper's law of phase times,
alpha / share + beta, is not checked by anything but its form: from half of the SMs on our times of a prompt
on ideal hardware follow it within 3 % (bandwidth beside decode still grows a little there).
"""

from dataclasses import replace

import numpy as np
import pytest

from models.cost.roofline import Roofline
from planner.colocated import SHARES_FRAC, Colocated, colocated, prompt_budget, with_share
from planner.operating_point import Decode
from planner.setting import Setting
from planner.step import StepModel
from planner.traffic import Traffic
from tests.planner.scenes import LLAMA_8B, layouts_of, setting_of

TRAFFIC = Traffic(
    input_tokens=4000.0, new_tokens=4000.0, output_tokens=500.0, input_cv=0.0, output_cv=0.0,
    arrival_cv=1.0, max_model_len=4500,
)  # fmt: skip
WEIGHTS_BYTES = 2 * 8.0303e9
"""Llama-3.1-8B in bf16."""


def bare(device: str) -> Setting:
    """An engine that keeps nothing for itself, on ideal hardware."""
    setting = setting_of(LLAMA_8B, device, engine="sglang")
    nothing = {name: 0.0 for name in ("context_bytes", "collective_bytes", "graph_bytes")}
    engine = replace(setting.engine, memory_rule="total", memory_frac=1.0, **nothing)
    return replace(setting, engine=engine, cost=Roofline())


def split(setting: Setting) -> Colocated:
    layouts = with_share(layouts_of().take(np.zeros(9, dtype=int)), np.array(SHARES_FRAC))
    return colocated(setting, layouts, TRAFFIC, np.full(9, prompt_budget(setting, TRAFFIC)))


@pytest.mark.parametrize("device", ["a100-sxm-40", "l40s", "h100-sxm"])
def test_free_cache_is_memory_less_one_weight_copy_on_every_device(device: str) -> None:
    setting = bare(device)
    replica = split(setting)
    free = replica.memory.kv_pool + replica.memory.activations
    memory = setting.site.device.memory_bytes
    assert free == pytest.approx(np.full(9, memory - WEIGHTS_BYTES), rel=1e-3)
    # two devices, disaggregated: two weight copies, and decode holds its cache on one of them
    model = StepModel(setting=setting, layouts=layouts_of())
    decode = Decode(model=model, traffic=TRAFFIC, batched_tokens=np.array([2048.0]))
    pair = float((decode.memory.kv_pool + decode.memory.activations)[0])
    assert 2.0 * free[0] / pair == pytest.approx(2.0, rel=1e-3)


def test_prefill_time_is_a_constant_over_the_share_plus_another() -> None:
    replica = split(bare("h100-sxm"))
    share = np.array(SHARES_FRAC)
    wide = share >= 0.5
    design = np.column_stack([1.0 / share, np.ones(9)])[wide]
    seconds = replica.prefill.prompt_s[wide]
    fitted, *_ = np.linalg.lstsq(design, seconds, rcond=None)
    assert fitted[0] > 0.0
    assert design @ fitted == pytest.approx(seconds, rel=0.03)
