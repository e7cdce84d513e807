from dataclasses import fields

import pytest

from models import catalog
from models.engine import Engine
from models.errors import UnknownName


@pytest.mark.parametrize("engine", catalog.engines(), ids=lambda e: e.name)
def test_every_figure_has_a_source(engine):
    assert set(engine.sources) == {f.name for f in fields(Engine)} - {"name", "version", "aliases", "sources"}
    for source in engine.sources.values():
        assert source.kind in {"datasheet", "measured", "fitted", "assumed"}
        assert len(source.source) >= 10


@pytest.mark.parametrize("engine", catalog.engines(), ids=lambda e: e.name)
@pytest.mark.parametrize("device", catalog.devices(), ids=lambda d: d.id)
def test_every_device_has_limits_and_a_share_of_memory(engine, device):
    tier = engine.tier(device)
    assert tier.max_num_seqs > 0
    assert tier.max_num_batched_tokens in engine.batched_tokens_ladder
    assert 0.4 < engine.static_frac(device, 8) <= 1.0


def test_vllm_gives_large_batches_to_large_devices_but_a100():
    vllm = catalog.engine("vLLM")
    assert vllm.version == "0.33.0"
    assert vllm.memory_frac == 0.92
    assert vllm.tier(catalog.device("h100-sxm")).max_num_batched_tokens == 8192
    assert vllm.tier(catalog.device("a100-sxm-80")).max_num_batched_tokens == 2048
    assert vllm.tier(catalog.device("l4")).max_num_seqs == 256


def test_sglang_keeps_ten_gib_free_on_a_large_device():
    sglang = catalog.engine("sglang")
    h100 = catalog.device("h100-sxm")
    # 512 MiB + 8192 * 1.5 MiB + 256 * 2 MiB + 128 MiB
    assert (1 - sglang.static_frac(h100, 1)) * h100.memory_bytes == pytest.approx(13440 * 2**20)
    assert sglang.static_frac(h100, 8) < sglang.static_frac(h100, 1)


def test_names_and_rules():
    assert catalog.engine("TensorRT-LLM").dp_rule == "all"
    assert catalog.engine("vllm").ep_rule == "implied"
    assert catalog.engine("sglang").can("uneven_pp")
    assert not catalog.engine("trtllm").can("cp")
    with pytest.raises(UnknownName, match="vlm"):
        catalog.engine("vlm")
