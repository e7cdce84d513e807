"""Predictions from a directory of grids: what is there, what is sampled, what falls back and says so."""

from pathlib import Path

from planner import predict
from planner.cost_sources.aiconfigurator_grid import Sampled
from planner.cost_sources.grid_files import load_grids
from planner.cost_sources.grid_store import GridStore
from planner.layouts import Layouts
from planner.setting import Setting
from tests.measured.formulas import grid_of_formulas

ROW = {
    "id": "one",
    "model": "meta-llama/Meta-Llama-3.1-8B",
    "device": "h100-sxm",
    "engine": {"name": "trtllm"},
    "precision": {"weights": "bf16"},
    "input_tokens": 500,
    "output_tokens": 200,
    "concurrency": 8,
    "devices": 1,
    "groups": [{"role": "aggregated", "replicas": 1, "parallelism": {"tp": 1}}],
}


def formulas(setting: Setting, layouts: Layouts) -> Sampled:
    return Sampled(grid=grid_of_formulas(setting))


def nothing(setting: Setting, layouts: Layouts) -> Sampled:
    return Sampled(grid=None, reason="nobody timed it")


def test_a_sampled_grid_is_used_kept_and_named_as_evidence(tmp_path: Path) -> None:
    plain = predict.predict([ROW])[0]
    answer = predict.predict([ROW], None, GridStore(tmp_path, sampler=formulas))[0]
    assert answer["status"] == "ok"
    assert answer["evidence"]["kind"] == "measured"
    assert answer["tpot_s"]["mean"] != plain["tpot_s"]["mean"]
    # a decode step of the formulas takes at least 20 ms on one device
    assert answer["tpot_s"]["mean"] > 0.02
    assert len(load_grids(tmp_path)) == 1
    # the next process reads it and asks nobody
    again = predict.predict([ROW], None, GridStore(tmp_path, sampler=nothing))[0]
    assert again["tpot_s"] == answer["tpot_s"]


def test_what_nobody_timed_falls_back_and_says_so(tmp_path: Path) -> None:
    plain = predict.predict([ROW])[0]
    answer = predict.predict([ROW], None, GridStore(tmp_path, sampler=nothing))[0]
    assert answer["tpot_s"] == plain["tpot_s"]
    assert answer["evidence"]["kind"] == "fitted"
    assert "nobody timed it" in answer["evidence"]["level"]
    assert list(tmp_path.iterdir()) == []


def test_a_setting_is_sampled_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def counting(setting: Setting, layouts: Layouts) -> Sampled:
        asked.append(setting.spec.id)
        return nothing(setting, layouts)

    store = GridStore(tmp_path, sampler=counting)
    predict.predict([ROW, ROW | {"id": "two", "concurrency": 9}], None, store)
    predict.predict([ROW], None, store)
    assert len(asked) == 1
