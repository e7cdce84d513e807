"""Our names against the package's."""

from dataclasses import replace

import pytest

from models import catalog
from models.parallelism import Parallelism
from models.precision import Precision
from planner.cost_sources.aiconfigurator_names import BACKENDS, SYSTEMS, formats_of, unpriceable
from planner.setting import Setting
from tests.planner.scenes import GPT_OSS, QWEN_MOE, setting_of


def modes(setting: Setting, **formats: str) -> list[dict[str, str | None]]:
    found = formats_of(replace(setting, precision=Precision(**formats)))  # type: ignore[arg-type]
    assert not isinstance(found, str), found
    return found


def test_every_device_and_engine_is_one_of_the_catalogue() -> None:
    assert set(SYSTEMS) <= {device.id for device in catalog.devices()}
    assert set(BACKENDS) == {engine.name for engine in catalog.engines()}


def test_a_dense_model_has_no_expert_mode(setting: Setting) -> None:
    assert modes(setting) == [
        {"gemm": "bfloat16", "experts": None, "cache": "bfloat16", "attention": "bfloat16"}
    ]


def test_attention_follows_the_cache_where_the_weights_are_quantised(setting: Setting) -> None:
    assert [m["attention"] for m in modes(setting, weights="fp8_block", kv="fp8")] == ["fp8", "bfloat16"]
    assert {m["attention"] for m in modes(setting, weights="fp8")} == {"bfloat16"}
    assert [m["attention"] for m in modes(setting, weights="bf16", kv="fp8")] == ["bfloat16"]
    vllm = setting_of(setting.spec.id, engine="vllm")
    assert [m["attention"] for m in modes(vllm, weights="fp8", kv="fp8")] == ["bfloat16"]


def test_scales_of_activations_come_with_the_checkpoint_under_one_engine(setting: Setting) -> None:
    vllm = setting_of(setting.spec.id, engine="vllm")
    assert [m["gemm"] for m in modes(setting, weights="fp8")] == ["fp8_static", "fp8"]
    assert [m["gemm"] for m in modes(vllm, weights="fp8")] == ["fp8"]
    assert [m["gemm"] for m in modes(setting, weights="fp8_block")] == ["fp8_block"]


def test_four_bit_formats_are_widened_where_the_device_has_none() -> None:
    hopper, blackwell = setting_of(GPT_OSS), setting_of(GPT_OSS, "b200-sxm")
    assert [m["experts"] for m in modes(hopper, moe_weights="mxfp4")] == ["w4a16_mxfp4"]
    assert [m["experts"] for m in modes(blackwell, moe_weights="mxfp4")] == [
        "w4a8_mxfp4_mxfp8", "w4a16_mxfp4",
    ]  # fmt: skip
    assert {m["gemm"] for m in modes(hopper, weights="nvfp4", moe_weights="bf16")} == {"nvfp4_wo"}
    assert {m["gemm"] for m in modes(blackwell, weights="nvfp4")} == {"nvfp4"}


@pytest.mark.parametrize(
    ("formats", "named"),
    [({"weights": "mxfp4"}, "mxfp4"), ({"weights": "bf16", "moe_weights": "int8"}, "int8")],
)
def test_formats_without_kernels_are_told(formats: dict[str, str], named: str) -> None:
    setting = setting_of(QWEN_MOE)
    found = formats_of(replace(setting, precision=Precision(**formats)))  # type: ignore[arg-type]
    assert isinstance(found, str)
    assert named in found


@pytest.mark.parametrize(
    ("layout", "system", "word"),
    [
        (Parallelism(tp=8), "h100_sxm", ""),
        (Parallelism(tp=8, pp=4), "h100_sxm", ""),
        (Parallelism(tp=2, dp=4, ep=8), "h100_sxm", ""),
        (Parallelism(tp=16), "h100_sxm", "16 devices"),
        (Parallelism(tp=8), "gb200", "8 devices"),
        (Parallelism(tp=2, cp=2), "h100_sxm", "context parallelism"),
        (Parallelism(tp=4, dcp=2), "h100_sxm", "context parallelism"),
        (Parallelism(tp=4, sequence_parallel=True), "h100_sxm", "sequence parallelism"),
    ],
)
def test_layouts_outside_the_measurements_are_told(layout: Parallelism, system: str, word: str) -> None:
    found = unpriceable(layout, system)
    assert (word in found) if word else not found
