"""Plans from a directory of step grids: what is measured, what is not, and what the answer says of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.parallelism import Parallelism
from models.plan import RankedPlans
from planner import pipeline
from planner.best_load import best_load
from planner.cost_sources.aiconfigurator_grid import Sampled
from planner.cost_sources.grid_files import load_grids
from planner.cost_sources.grid_store import ALTERED, GridStore
from planner.cost_sources.measured_steps import measured_step_model
from planner.cost_sources.step_grid import StepGrid
from planner.layouts import Layouts
from planner.pricing import price
from planner.setting import Setting, settings
from planner.step import StepModel
from planner.step_load import decode_load, prefill_load
from planner.step_tables import step_model
from planner.traffic import traffic_of
from tests.measured.formulas import close, decode_s, grid_of_formulas, layout_steps
from tests.planner.scenes import LLAMA_8B, deployment, pool, scenario

REASON = "nobody timed it"


def formulas(setting: Setting, layouts: Layouts) -> Sampled:
    """Times of every layout that is asked for."""
    asked = [layouts.parallelism(row) for row in range(len(layouts))]
    grid = replace(grid_of_formulas(setting), layouts=tuple(map(layout_steps, asked)), missing=())
    return Sampled(grid=grid)


def nothing(setting: Setting, layouts: Layouts) -> Sampled:
    return Sampled(grid=None, reason=REASON)


def planned(store: GridStore | None, *, devices: int = 1, **options: Any) -> RankedPlans:
    slo = {"ttft_s": {"limit_s": 20.0, "percentile": 0.95}, "tpot_s": {"limit_s": 0.05, "percentile": 0.95}}
    asked = scenario(
        deployment(model=LLAMA_8B, engine={"name": "trtllm"}, slo=slo), pools=[pool(each=devices)],
        options={"roles": ["aggregated"], **options},
    )  # fmt: skip
    return pipeline.plan(asked, steps=store)


def test_a_plan_rests_on_measured_steps_and_says_so(tmp_path: Path) -> None:
    before, after = planned(None).plans[0], planned(GridStore(tmp_path, sampler=formulas)).plans[0]
    assert 0.0 < after.objective_value < before.objective_value  # the formulas are slow
    assert after.evidence.kind == "measured"
    assert after.evidence.sources[0].startswith("formulas of the tests")
    assert after.evidence.error_band_frac != before.evidence.error_band_frac
    # the next process reads it and asks nobody
    again = planned(GridStore(tmp_path, sampler=nothing)).plans[0]
    assert again.objective_value == after.objective_value


def test_the_answer_counts_what_is_measured(tmp_path: Path) -> None:
    notes = planned(GridStore(tmp_path, sampler=formulas), devices=4).search.notes
    feasible = planned(GridStore(tmp_path, sampler=nothing), devices=4).search.feasible
    assert f"{feasible} of {feasible} feasible candidates are priced from measured step times" in notes


def test_without_measurements_plans_are_as_before_and_say_why(tmp_path: Path) -> None:
    before, after = planned(None), planned(GridStore(tmp_path, sampler=nothing))
    assert [p.objective_value for p in after.plans] == [p.objective_value for p in before.plans]
    assert after.plans[0].evidence.kind == "fitted"
    assert after.plans[0].evidence.level.endswith(REASON)
    assert any(REASON in note for note in after.search.notes)
    assert not any("measured" in note for note in before.search.notes)


def test_a_whole_band_is_that_of_measured_steps(tmp_path: Path) -> None:
    store = GridStore(tmp_path, sampler=formulas)
    point, band = planned(store), planned(store, slo_confidence="band")
    assert band.plans[0].objective_value < point.plans[0].objective_value
    assert band.plans[0].slo["chat"].status == "met"


def test_layouts_a_grid_lacks_are_sampled_beside_those_it_has(tmp_path: Path, setting: Setting) -> None:
    asked: list[int] = []

    def counting(setting: Setting, layouts: Layouts) -> Sampled:
        asked.append(len(layouts))
        return formulas(setting, layouts)

    store = GridStore(tmp_path, sampler=counting)
    one, two = Layouts.of(Parallelism(tp=1)), Layouts.of(Parallelism(tp=1), Parallelism(tp=2))
    for layouts in (one, two, one, two):
        store.applied(setting, layouts)
    assert asked == [1, 2]
    (kept,) = load_grids(tmp_path)
    assert kept.known == (Parallelism(tp=1), Parallelism(tp=2))


def test_other_devices_than_the_catalogue_s_have_no_measurements(tmp_path: Path, setting: Setting) -> None:
    faster = scenario(
        deployment(model=LLAMA_8B, engine={"name": "trtllm"}),
        pools=[pool(device_factors={"memory_bytes_per_s": 2.0})],
    )
    found = settings(faster)[2][0]
    layouts = Layouts.of(Parallelism(tp=1))
    model = step_model(GridStore(tmp_path, sampler=formulas).applied(found, layouts), layouts)
    load = decode_load(np.ones(1), np.full(1, 1000.0))
    assert close(model.cost(load).travel_s, StepModel(setting=found, layouts=layouts).cost(load).travel_s)
    assert list(tmp_path.iterdir()) == []
    assert not grid_of_formulas(setting).covers(found)
    assert any(ALTERED in note for note in pipeline.plan(faster, steps=GridStore(tmp_path)).search.notes)


PIPELINES = Layouts.of(Parallelism(tp=1), Parallelism(tp=1, pp=2), Parallelism(tp=1, pp=4), Parallelism(tp=4))


def test_a_pipeline_nobody_timed_takes_the_time_of_its_stages(setting: Setting, grid: StepGrid) -> None:
    """The kernels are the same; our own model's hops come on top."""
    model = measured_step_model(setting, PIPELINES, (grid,), host=False)
    load = decode_load(np.full(4, 8.0), np.full(4, 1000.0))
    found, own = model.cost(load), StepModel(setting=setting, layouts=PIPELINES).cost(load)
    hops_s = own.parts_s["pipeline"]
    assert model.measured.tolist() == [True, True, True, False]
    assert hops_s[1] > 0.0
    assert close(found.travel_s[:3], decode_s(1, 8, 1000) + hops_s[:3])
    assert (found.bottleneck_s[1:3] >= found.travel_s[1:3] / np.array([2.0, 4.0])).all()
    assert model.sources(0)[1:] == ()
    assert set(model.sources(1)) >= set(setting.cost.sources)


def test_chosen_candidates_cost_what_they_did(setting: Setting, grid: StepGrid) -> None:
    model, rows = measured_step_model(setting, PIPELINES, (grid,)), np.array([3, 1])
    chunk, context = np.array([500.0, 100.0, 400.0, 20.0]), np.full(4, 900.0)
    load = prefill_load(chunk, chunk, context / 100.0, context)
    fewer = prefill_load(chunk[rows], chunk[rows], context[rows] / 100.0, context[rows])
    whole, part = model.cost(load), model.take(rows).cost(fewer)
    assert close(part.travel_s, whole.travel_s[rows])
    assert close(part.bottleneck_s, whole.bottleneck_s[rows])
    assert part.measured.tolist() == whole.measured[rows].tolist() == [False, True]


def test_a_batch_beyond_a_tile_is_not_taken(setting: Setting, grid: StepGrid) -> None:
    """Larger batches hold the limits, but a step of theirs does not pay."""
    first = grid.layouts[0]
    *small, large = first.decode_s
    jump = replace(first, decode_s=(*small, tuple(20.0 * s for s in large)))
    jumping = replace(grid, layouts=(jump,), missing=())
    served = replace(
        setting, steps=lambda s, layouts, host: measured_step_model(s, layouts, (jumping,), host=host)
    )
    layouts, traffic = Layouts.of(Parallelism(tp=1)), traffic_of(setting.deployment.workload)
    found = price(served, "decode", layouts, traffic, None, "point").priced
    assert found is not None
    assert found.load.tolist() == [8.0]
    more = found.replica.state(np.array([9.0]))
    assert more.rate_per_s[0] < found.state.rate_per_s[0]
    assert found.replica.latency(np.array([9.0]), more, "tpot_s", 0.95)[0] < 0.05
    unmeasured = price(setting, "decode", layouts, traffic, None, "point").priced
    assert unmeasured is not None
    assert best_load(unmeasured.replica, unmeasured.load) is unmeasured.load


@pytest.mark.parametrize(("stated", "used"), [(False, True), (True, False)])
def test_factors_are_not_multiplied_twice(
    tmp_path: Path, setting: Setting, grid: StepGrid, stated: bool, used: bool
) -> None:
    from models.rate_factors import RATE_FACTORS

    origin = replace(grid.origin, factors={"prefill": 1.1, "decode": 1.08})
    store = GridStore(tmp_path, sampler=lambda *asked: Sampled(grid=replace(grid, origin=origin)))
    factors = RATE_FACTORS["aiconfigurator"] if stated else None
    layouts = Layouts.of(Parallelism(tp=1))
    applied = store.applied(replace(setting, rate_factors=factors), layouts)
    assert bool(step_model(applied, layouts).measured[0]) is used  # type: ignore[attr-defined]
