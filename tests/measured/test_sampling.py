"""The process around the package: what is asked, what comes back, and every way it can go wrong."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.parallelism import Parallelism
from models.precision import Precision
from models.scenario import InlineModel
from planner.cost_sources import aiconfigurator_worker
from planner.cost_sources.aiconfigurator import Sampling, sample_grid
from planner.cost_sources.aiconfigurator_grid import PLANNER_FACTORS, Sampled
from planner.cost_sources.grid_load import tables_of
from planner.cost_sources.step_grid import StepGrid
from planner.layouts import Layouts
from planner.setting import Setting
from planner.step_load import decode_load, prefill_load
from tests.measured.formulas import AXES
from tests.planner.scenes import LLAMA_8B, QWEN_MOE, setting_of

Install = Callable[..., None]
TWO = Layouts.of(Parallelism(tp=1), Parallelism(tp=2))


def asked(setting: Setting, layouts: Layouts = TWO, **how: object) -> Sampled:
    return sample_grid(setting, layouts, Sampling(axes=AXES, **how))  # type: ignore[arg-type]


def grid_from(found: Sampled) -> StepGrid:
    assert found.grid is not None, found.reason
    return found.grid


def test_times_arrive_in_seconds_at_the_right_place(setting: Setting, package: Install) -> None:
    """The stand-in prints while it works; nothing of it may reach the answer."""
    package(model=LLAMA_8B)
    grid = grid_from(asked(setting))
    assert [steps.parallelism.tp for steps in grid.layouts] == [1, 2]
    tables, place = tables_of(grid), np.array([1])
    decode = tables.seconds(place, decode_load(np.full(1, 8.0), np.full(1, 1000.0)))
    assert decode == pytest.approx((10.0 + 0.05 * 8 + 1e-5 * 8 * 1000) / 2 / 1e3, rel=1e-5)
    chunk = tables.seconds(place, prefill_load(np.full(1, 500.0), np.full(1, 4500.0)))
    assert chunk == pytest.approx((10.0 + 0.02 * 500 + 1e-6 * 500 * (250 + 2000)) / 2 / 1e3, rel=1e-3)
    assert grid.covers(setting)


def test_a_grid_says_where_it_comes_from(setting: Setting, package: Install) -> None:
    package(model=LLAMA_8B)
    origin = grid_from(asked(setting)).origin
    assert (origin.package, origin.package_version) == ("aiconfigurator-core", "7.8")
    assert (origin.system, origin.backend, origin.database_version, origin.mode) == (
        "h100_sxm", "trtllm", "9.1", "SILICON",
    )  # fmt: skip
    assert origin.factors == {"prefill": 1.0, "decode": 1.0}
    assert origin.formats == {"gemm": "bfloat16", "cache": "bfloat16", "attention": "bfloat16"}
    assert grid_from(asked(setting, version="8.0")).origin.database_version == "8.0"


def test_the_second_name_of_the_package_is_found(setting: Setting, package: Install) -> None:
    package(name="aisimulate_core", model=LLAMA_8B)
    assert grid_from(asked(setting)).origin.package == "aisimulate-core"


def test_inline_models_bring_their_own_configuration(setting: Setting, package: Install) -> None:
    package()
    inline = InlineModel(hf_config={"hidden_size": 4096})
    assert grid_from(asked(replace(setting, deployment=replace(setting.deployment, model=inline)))).layouts


def test_factors_are_named_and_off_until_asked_for(setting: Setting, package: Install) -> None:
    package(model=LLAMA_8B)
    plain, corrected = grid_from(asked(setting)), grid_from(asked(setting, factors=PLANNER_FACTORS))
    assert corrected.origin.factors == {"prefill": 1.1, "decode": 1.08}
    for name, factor in (("decode_s", 1.08), ("prefill_s", 1.1), ("chunk_s", 1.1)):
        ratio = np.array(getattr(corrected.layouts[0], name)) / np.array(getattr(plain.layouts[0], name))
        assert ratio == pytest.approx(np.full(ratio.shape, factor))


def test_jitter_is_smoothed_and_admitted(setting: Setting, package: Install) -> None:
    """A batch of 16 that is faster than one of 8 lowers the smaller one."""
    package(model=LLAMA_8B, trait="jitters")
    axes = replace(AXES, decode_sequences=(1.0, 8.0, 16.0, 64.0))
    grid = grid_from(sample_grid(setting, TWO, Sampling(axes=axes)))
    rows = np.array(grid.layouts[0].decode_s)
    assert (np.diff(rows, axis=0) >= 0).all()
    assert (np.diff(rows, axis=1) >= 0).all()
    assert 0.03 < grid.origin.lowered_frac < 0.1


def test_knots_end_with_the_context_of_the_model(setting: Setting, package: Install) -> None:
    package(model=LLAMA_8B)
    short = replace(setting, spec=replace(setting.spec, max_context_tokens=1000))
    axes = grid_from(asked(short)).axes
    assert axes.decode_context_tokens == (1.0, 1000.0)
    assert axes.prompt_tokens == (1.0, 500.0, 8000.0)
    assert axes.decode_sequences == AXES.decode_sequences


def test_layouts_that_fail_are_listed_beside_those_that_work(setting: Setting, package: Install) -> None:
    package(model=LLAMA_8B, trait="panics")
    layouts = Layouts.of(*(Parallelism(tp=t) for t in (1, 2, 16)), Parallelism(tp=1, pp=4))
    grid = grid_from(asked(setting, layouts))
    assert [steps.parallelism.short() for steps in grid.layouts] == ["tp1", "pp4"]
    reasons = {m.parallelism.tp: m.reason for m in grid.missing}
    assert reasons[2] == "index out of bounds at (file): the len is 3"
    assert "16 devices" in reasons[16]


def test_the_next_best_format_is_taken_for_all(setting: Setting, package: Install) -> None:
    package(model=LLAMA_8B, trait="no fp8 attention")
    narrow = replace(setting, precision=Precision(weights="fp8", kv="fp8"))
    assert grid_from(asked(narrow)).origin.formats["attention"] == "bfloat16"


def test_experts_are_spread_as_asked(package: Install) -> None:
    """The stand-in refuses widths that do not add up, as the package does."""
    package(model=QWEN_MOE)
    setting = setting_of(QWEN_MOE, engine="trtllm")
    layouts = Layouts.of(Parallelism(tp=4, ep=2), Parallelism(tp=2, dp=2, ep=4), Parallelism(tp=2, dp=2))
    assert len(grid_from(asked(setting, layouts)).layouts) == 3


@pytest.mark.parametrize(
    ("traits", "how", "reason"),
    [
        ({"trait": "sleeps"}, {"time_limit_s": 1.0}, "did not answer within 1 s"),
        ({"trait": "dies"}, {}, "ended with code 3: cannot map (file)"),
        ({"trait": "negative"}, {}, "no positive time in decode_s"),
        ({}, {"version": "0.0"}, "version 0.0 is not listed"),
        ({}, {"python": "/nowhere/python"}, "could not be started"),
    ],
)
def test_every_failure_is_a_reason(
    setting: Setting, package: Install, traits: dict[str, str], how: dict[str, object], reason: str
) -> None:
    package(model=LLAMA_8B, **traits)
    found = asked(setting, **how)
    assert found.grid is None
    assert reason in found.reason


def test_settings_the_package_knows_nothing_about(setting: Setting, package: Install) -> None:
    package()
    assert asked(setting).reason == f"aiconfigurator_core brings no configuration of {setting.spec.id}"
    amd = setting_of(LLAMA_8B, "mi300x", engine="vllm")
    assert asked(amd).reason == "no measured system for device mi300x"
    assert "mxfp4" in asked(replace(setting, precision=Precision(weights="mxfp4"))).reason
    assert "16 devices" in asked(setting, Layouts.of(Parallelism(tp=16))).reason
    assert asked(setting, TWO.take(np.zeros(0, dtype=int))).reason == "no layout was asked for"


def test_no_tables_for_the_engine(package: Install) -> None:
    package(model=LLAMA_8B)
    assert "no tables of h100_sxm with vllm" in asked(setting_of(LLAMA_8B, engine="vllm")).reason


def test_without_the_package_the_worker_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in aiconfigurator_worker.PACKAGES:
        monkeypatch.setitem(sys.modules, name, None)
    refused = aiconfigurator_worker.answer({})["refused"]
    assert "no measured source is installed" in refused
    assert "aiconfigurator-core" in refused


def test_nothing_of_the_package_is_loaded_here(setting: Setting, package: Install) -> None:
    package(model=LLAMA_8B)
    assert asked(setting).grid is not None
    assert not set(aiconfigurator_worker.PACKAGES) & set(sys.modules)


def test_errors_are_told_without_paths_of_the_machine() -> None:
    told = aiconfigurator_worker.told
    assert told(KeyError()) == "KeyError"
    assert told(ValueError("first\nsecond")) == "first"
    assert (
        told(OSError(f"no table at {Path('/srv/data/x.parquet')}; tried 3")) == "no table at (file); tried 3"
    )
