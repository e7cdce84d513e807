"""Steps from grids where they hold the layout, from our own model elsewhere."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parallelism import Parallelism
from planner.closed_loop import Loop, aggregated
from planner.cost_sources.measured_steps import NO_GRID, MeasuredStepModel, measured_step_model
from planner.cost_sources.step_grid import StepGrid
from planner.layouts import Layouts
from planner.setting import Setting
from planner.step import StepModel
from planner.step_load import StepLoad, decode_load, prefill_load
from tests.measured.formulas import close, decode_s, layout_steps, prefill_s

ROWS = (
    Parallelism(tp=1), Parallelism(tp=4), Parallelism(tp=2, pp=2), Parallelism(tp=8), Parallelism(tp=1),
)  # fmt: skip
HELD = np.array([True, False, True, False, True])
LAYOUTS = Layouts.of(*ROWS)
FULL = np.ones(len(ROWS))


def priced(setting: Setting, *grids: StepGrid, host: bool = False) -> MeasuredStepModel:
    return measured_step_model(setting, LAYOUTS, grids, host=host)


def own(setting: Setting) -> StepModel:
    return StepModel(setting=setting, layouts=LAYOUTS)


def host_s(setting: Setting, sequences: int) -> float:
    """What the engine's process on the host takes for a step."""
    beside = setting.cost.overheads(setting.site.device)
    assert beside.host_step_s > 0
    assert beside.host_sequence_s > 0
    return beside.host_step_s + beside.host_sequence_s * sequences


LOADS = {
    "decode": decode_load(8.0 * FULL, 1000.0 * FULL),
    "prefill": prefill_load(500.0 * FULL, 500.0 * FULL),
    "mixed": prefill_load(400.0 * FULL, 800.0 * FULL, 8.0 * FULL, 1000.0 * FULL),
    "beyond": decode_load(1000.0 * FULL, 50000.0 * FULL),
}


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
@pytest.mark.parametrize("host", [True, False])
def test_layouts_without_a_grid_are_priced_as_before(
    setting: Setting, grid: StepGrid, load: StepLoad, host: bool
) -> None:
    found, wanted = priced(setting, grid, host=host).cost(load), own(setting).cost(load)
    assert found.measured.tolist() == HELD.tolist()
    assert close(found.travel_s[~HELD], wanted.travel_s[~HELD])
    assert close(found.bottleneck_s[~HELD], wanted.bottleneck_s[~HELD])
    assert not found.outside[~HELD].any()


def test_without_any_grid_everything_is_our_own(setting: Setting) -> None:
    model, load = priced(setting), LOADS["mixed"]
    assert close(model.cost(load).travel_s, own(setting).cost(load).travel_s)
    assert {model.reason(row) for row in range(len(ROWS))} == {NO_GRID}
    assert model.sources(0) == setting.cost.sources


def test_layouts_with_a_grid_take_its_times(setting: Setting, grid: StepGrid) -> None:
    model = priced(setting, grid)
    decode, prefill = model.cost(LOADS["decode"]).travel_s, model.cost(LOADS["prefill"]).travel_s
    assert close(decode[HELD], [decode_s(1, 8, 1000), decode_s(4, 8, 1000), decode_s(1, 8, 1000)])
    assert close(prefill[HELD], [prefill_s(1, 1, 500), prefill_s(4, 1, 500), prefill_s(1, 1, 500)])


def test_the_host_comes_on_top(setting: Setting, grid: StepGrid) -> None:
    load = LOADS["decode"]
    without, beside = priced(setting, grid).cost(load), priced(setting, grid, host=True).cost(load)
    assert close(beside.travel_s[HELD], without.travel_s[HELD] + host_s(setting, 8))
    assert close(beside.parts_s["host"], host_s(setting, 8))


@pytest.mark.parametrize("load", [LOADS["decode"], LOADS["mixed"], LOADS["beyond"]])
@pytest.mark.parametrize("host", [True, False])
def test_the_parts_add_up(setting: Setting, grid: StepGrid, load: StepLoad, host: bool) -> None:
    found = priced(setting, grid, host=host).cost(load)
    assert close(sum(found.parts_s.values()), found.travel_s)


def test_stages_share_the_measured_time_as_in_our_own_model(setting: Setting, grid: StepGrid) -> None:
    load, row = LOADS["mixed"], 2
    found, wanted = priced(setting, grid).cost(load), own(setting).cost(load)
    share = found.bottleneck_s[row] / found.travel_s[row]
    assert share == pytest.approx(wanted.bottleneck_s[row] / wanted.travel_s[row])
    assert 0.5 <= share < 1.0
    assert found.bottleneck_s[0] == pytest.approx(found.travel_s[0])


@given(
    b=st.floats(0.01, 4000.0),
    s=st.floats(1.0, 200_000.0),
    c=st.floats(0.0, 60_000.0),
    more=st.floats(1.0, 4.0),
)
def test_times_keep_rising_beyond_the_tables(
    setting: Setting, grid: StepGrid, b: float, s: float, c: float, more: float
) -> None:
    model = priced(setting, grid)

    def travel(sequences: float, chunk: float) -> np.ndarray:
        chunks = chunk * FULL
        load = prefill_load(chunks, chunks, sequences * FULL, s * FULL)
        found = model.cost(load if chunk >= 1.0 else decode_load(sequences * FULL, s * FULL))
        assert np.isfinite(found.travel_s).all()
        assert (found.travel_s > 0).all()
        return np.asarray(found.travel_s)

    base = travel(b, c)
    assert (travel(b, c * more) >= base * (1 - 1e-9)).all()
    if c < 1.0:
        assert (travel(b * more, c) >= base * (1 - 1e-9)).all()


def test_the_edge_of_a_table_is_no_step(setting: Setting, grid: StepGrid) -> None:
    model = priced(setting, grid)
    inside = model.cost(decode_load(64.0 * FULL, 16000.0 * FULL))
    beyond = model.cost(decode_load(64.001 * FULL, 16000.1 * FULL))
    assert not inside.outside.any()
    assert beyond.outside.tolist() == HELD.tolist()
    assert np.allclose(beyond.travel_s, inside.travel_s, rtol=1e-4)


def test_beyond_the_edge_times_grow_as_in_our_own_model(setting: Setting, grid: StepGrid) -> None:
    """Or a batch larger than any that was measured would seem to cost nothing more."""
    edge, far = decode_load(64.0 * FULL, 16000.0 * FULL), decode_load(640.0 * FULL, 32000.0 * FULL)
    measured, plain = priced(setting, grid), own(setting)
    found = (measured.cost(far).travel_s / measured.cost(edge).travel_s)[HELD]
    hosts_s = [host_s(setting, sequences) for sequences in (640, 64)]
    # without the host's time the whole of our own step is compared, with it only the kernels
    assert close(found, (plain.cost(far).travel_s / plain.cost(edge).travel_s)[HELD])
    beside = priced(setting, grid, host=True)
    kernels = [beside.cost(load).travel_s - h for load, h in zip((far, edge), hosts_s, strict=True)]
    wanted = [plain.cost(load).travel_s - h for load, h in zip((far, edge), hosts_s, strict=True)]
    assert close((kernels[0] / kernels[1])[HELD], (wanted[0] / wanted[1])[HELD])
    assert (found > 10.0).all()


def test_every_candidate_says_what_it_rests_on(setting: Setting, grid: StepGrid) -> None:
    model = priced(setting, grid, host=True)
    assert [bool(model.reason(row)) for row in range(len(ROWS))] == (~HELD).tolist()
    assert model.reason(3) == "no table for tp=8"
    assert "not asked" in model.reason(1)
    assert model.sources(0)[0] == "formulas of the tests, tables h100_sxm trtllm 1.0 (SILICON)"
    assert set(model.sources(0)) >= set(setting.cost.sources)  # the host's time is ours
    assert priced(setting, grid).sources(0)[1:] == ()
    assert model.sources(1) == setting.cost.sources


def test_grids_of_other_settings_are_passed_over(setting: Setting, grid: StepGrid) -> None:
    model = measured_step_model(
        setting, LAYOUTS, (replace(grid, device="h200-sxm"),), absent="nothing was sampled"
    )
    assert not model.measured.any()
    assert model.reason(0) == "nothing was sampled"


def test_the_first_grid_that_holds_a_layout_is_taken(setting: Setting, grid: StepGrid) -> None:
    wide = replace(
        grid, source="second", layouts=(layout_steps(Parallelism(tp=4)), layout_steps(Parallelism(tp=1))),
        missing=(),
    )  # fmt: skip
    model = priced(setting, grid, wide)
    assert model.chosen.tolist() == [0, 1, 0, -1, 0]
    assert model.sources(1)[0].startswith("second")
    assert close(model.cost(LOADS["decode"]).travel_s[1], decode_s(4, 8, 1000))


def test_a_closed_loop_runs_on_it(setting: Setting, grid: StepGrid) -> None:
    """The same object goes wherever a step model goes, memory included."""
    loop = Loop(
        input_tokens=1000.0 * FULL, output_tokens=200.0 * FULL, concurrency=16.0 * FULL, replicas=FULL,
        max_batch=64.0 * FULL, batched_tokens=8192.0 * FULL,
    )  # fmt: skip
    found, plain = aggregated(priced(setting, grid), loop), aggregated(own(setting), loop)
    assert close(found.tpot_s[~HELD], plain.tpot_s[~HELD])
    assert (found.tpot_s[HELD] > plain.tpot_s[HELD]).all()  # the formulas are slow
    assert (found.fits == plain.fits).all()
