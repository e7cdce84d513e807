"""Formats an engine really serves a checkpoint in."""

from itertools import product

import pytest

from models import catalog
from models.precision import Precision, WeightFormat
from planner.served_precision import served_precision
from planner.setting import settings
from tests.planner.scenes import DEEPSEEK, LLAMA_70B, deployment, scenario, setting_of

ENGINES = [engine.name for engine in catalog.engines()]
FORMATS: tuple[WeightFormat, ...] = ("bf16", "fp8", "fp8_block", "int8", "int4", "mxfp4", "nvfp4")
BLOCKED = setting_of(DEEPSEEK).spec
PLAIN = setting_of(LLAMA_70B).spec


def served(spec: object, engine: str, **asked: object) -> Precision:
    return served_precision(spec, Precision(**asked), catalog.engine(engine))  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ENGINES)
def test_fp8_of_a_block_fp8_checkpoint_is_block_fp8(engine: str) -> None:
    assert BLOCKED.precision.weights == "fp8_block"
    assert served(BLOCKED, engine, weights="fp8").weights == "fp8_block"
    assert served(PLAIN, engine, weights="fp8").weights == "fp8"
    assert served(BLOCKED, engine, weights="nvfp4", moe_weights="fp8").experts == "fp8_block"
    # experts that follow the other weights go on following them
    assert served(BLOCKED, engine, weights="fp8").moe_weights is None
    assert served(BLOCKED, engine, weights="fp8").experts == "fp8_block"


@pytest.mark.parametrize(
    ("engine", "weights", "cache"),
    [
        ("trtllm", "fp8", "fp8"),
        ("trtllm", "nvfp4", "fp8"),
        ("trtllm", "bf16", "bf16"),
        ("vllm", "fp8", "bf16"),
        ("vllm", "nvfp4", "bf16"),
        ("sglang", "fp8", "bf16"),
    ],
)
def test_a_cache_on_auto_takes_the_engine_s_own_format(engine: str, weights: str, cache: str) -> None:
    assert served(PLAIN, engine, weights=weights).cache == cache


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kv", ["bf16", "fp8"])
def test_a_cache_that_was_asked_for_stays(engine: str, kv: str) -> None:
    for weights, spec in product(FORMATS, (BLOCKED, PLAIN)):
        assert served(spec, engine, weights=weights, kv=kv).kv == kv


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_served_is_served_as_it_is(engine: str) -> None:
    for weights, experts, kv, spec in product(FORMATS, (None, *FORMATS), ("auto", "fp8"), (BLOCKED, PLAIN)):
        once = served(spec, engine, weights=weights, moe_weights=experts, kv=kv)
        assert served_precision(spec, once, catalog.engine(engine)) == once


def test_a_plan_is_priced_and_held_in_the_served_formats() -> None:
    asked = scenario(
        deployment(model=LLAMA_70B, engine={"name": "trtllm"}, precisions=[{"weights": "fp8"}]),
    )
    found = settings(asked)[2]
    assert {(s.precision.weights, s.precision.cache) for s in found} == {("fp8", "fp8")}
