"""The inverse question: counts against plans, least figures fed forward, and what is said where none is."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from models import catalog, codec
from models.device_factors import FIGURES, DeviceFactors
from models.errors import InvalidInput
from models.plan import Plan
from models.requirements import FewestDevices, LeastFigure, RequirementsAnswer
from models.scenario import Scenario
from planner import pipeline
from planner.fewest_devices import alone, fewest_devices
from planner.infeasibility import OutOfTime
from planner.least_figure import STEP_FRAC, least_figure, narrowed
from planner.requirements import requirements
from planner.setting import settings
from planner.time_budget import TimeBudget
from tests.planner.scenes import deployment, pool, scenario

LIMIT_S = 300.0
QUICK = {"roles": ["aggregated"], "time_limit_s": LIMIT_S}
ONE_DEVICE = pool(each=1)


def slo(ttft_s: float = 2.0, tpot_s: float = 0.05) -> Any:
    return {"ttft_s": {"limit_s": ttft_s}, "tpot_s": {"limit_s": tpot_s}}


def chat(pools: Any = None, **more: Any) -> Scenario:
    options = {**QUICK, **more.pop("options", {})}
    return scenario(deployment(**more), pools=pools, objective="min_devices", options=options)


SCENES = {
    # enough: every figure may fall
    "served": chat([pool(each=2)], rate=2.0),
    # 15.4 GB per token and 4 ms: 3.9 TB/s where the device has 3.35
    "slow memory": chat([ONE_DEVICE], rate=0.5, slo=slo(tpot_s=0.004)),
    # 44 TFLOP of prompt take 132 ms, 53 ms of it whatever the device computes
    "slow compute": chat([ONE_DEVICE], rate=0.1, slo=slo(ttft_s=0.09)),
    # 16 GB of weights and 8 GB of cache on a device of 24 GB
    "small memory": chat([pool("a10", "a10g", each=1)], rate=1e-3, tokens=(60_000, 300), slo=slo(160.0, 0.2)),
    # four cards on PCIe: 7.0 ms a token, 6.0 ms without the time on links
    "slow links": chat([pool("l40s", "l40s", each=4)], rate=0.1, slo=slo(10.0, 0.0067)),
}  # fmt: skip


@cache
def answer_of(name: str) -> RequirementsAnswer:
    return requirements(SCENES[name])


def least_of(name: str, figure: str) -> LeastFigure:
    return next(row for row in answer_of(name).least if row.figure == figure)


def fed_forward(asked: Scenario, row: LeastFigure, share: float = 1.0) -> Scenario:
    """The scenario as a document, with a share of the least factor of one figure."""
    document = codec.to_plain(asked)
    mine = next(p for p in document["cluster"]["pools"] if p["name"] == row.pool)
    assert row.factor is not None
    mine["device_factors"] = {row.figure: row.factor * share}
    return codec.from_plain(Scenario, document)


# ---- the least of one figure


@pytest.mark.parametrize("name", SCENES)
def test_a_least_figure_fed_forward_is_served_and_slightly_less_is_not(name: str) -> None:
    found = [row for row in answer_of(name).least if row.status == "found"]
    assert found
    for row in found:
        assert row.least == pytest.approx(row.own * row.factor)
        assert pipeline.plan(fed_forward(SCENES[name], row)).plans, row
        less = 1.0 / (1.0 + 2.0 * STEP_FRAC)
        assert not pipeline.is_feasible(fed_forward(SCENES[name], row, less)), row


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("slow memory", "memory_bytes_per_s"),
        ("slow compute", "peak_flop_per_s"),
        ("small memory", "memory_bytes"),
        ("slow links", "scale_up_bytes_per_s"),
    ],
)
def test_an_unserved_scenario_says_which_figure_would_be_enough(name: str, figure: str) -> None:
    answer = answer_of(name)
    assert answer.scenario_feasible is False
    assert least_of(name, figure).status == "found"
    assert least_of(name, figure).factor > 1.0
    enough = {row.figure for row in answer.least if row.status == "found"}
    assert {row.status for row in answer.least if row.figure not in enough} <= {"not_enough_alone"}
    assert len(enough) < len(FIGURES)


def test_a_served_scenario_says_how_far_each_figure_may_fall() -> None:
    answer = answer_of("served")
    assert answer.scenario_feasible is True
    assert {row.figure for row in answer.least} == set(FIGURES)
    for row in answer.least:
        assert row.status in ("found", "not_needed")
        assert row.factor is None or row.factor < 1.0
    # two devices, aggregated: nothing crosses the network between nodes
    assert least_of("served", "scale_out_bytes_per_s").status == "not_needed"
    # both devices together hold at least the weights
    assert 2 * least_of("served", "memory_bytes").least > 16.06e9


@pytest.mark.parametrize("name", SCENES)
def test_least_figures_are_above_what_no_hardware_gets_below(name: str) -> None:
    devices = sum(p.devices or 0 for p in SCENES[name].cluster.pools)
    floor = answer_of(name).deployments[0].floors[0]
    needed = {
        "memory_bytes": floor.memory_bytes,
        "memory_bytes_per_s": max(floor.tpot_bytes_per_s, floor.load_bytes_per_s),
        "peak_flop_per_s": max(floor.ttft_flop_per_s, floor.load_flop_per_s),
    }
    for figure, least in needed.items():
        row = least_of(name, figure)
        if row.status == "found":
            assert devices * row.least >= least, row


@pytest.mark.parametrize("edge", [0.002, 0.3, 0.999])
def test_the_smallest_factor_is_a_step_above_one_that_fails(edge: float) -> None:
    failing, found = narrowed(2.0**-10, 1.0, lambda factor: factor >= edge)
    assert failing < edge <= found <= failing * (1.0 + STEP_FRAC) * (1.0 + 1e-9)


def test_a_figure_whose_time_is_up_keeps_its_bracket() -> None:
    asked, calls = chat([ONE_DEVICE], rate=0.5), []

    def serves(trial: Scenario) -> bool:
        calls.append(trial)
        if len(calls) > 4:
            raise OutOfTime
        return settings(trial)[0][0].device.memory_bytes >= 30e9

    row = least_figure(asked, 0, "memory_bytes", serves, is_served=True)
    assert row.status == "bracketed"
    assert row.failing_factor * row.own < 30e9 <= row.least
    calls.clear()
    row = least_figure(asked, 0, "memory_bytes", serves, is_served=False)
    assert (row.status, row.failing_factor) == ("bracketed", pytest.approx(1.0))


def test_factors_multiply_the_figures_of_the_device() -> None:
    figures = {"peak_flop_per_s": 2.0, "memory_bytes": 3.0, "memory_bytes_per_s": 0.5}
    links = {"scale_up_bytes_per_s": 4.0, "scale_out_bytes_per_s": 5.0}
    inter = {"bytes_per_s_per_device": 1e10}
    asked = scenario(pools=[pool(device="mi300x", device_factors=figures | links, inter_node=inter)])
    own, other = catalog.device("mi300x"), settings(asked)[0][0].device
    assert other.peak_flop_per_s == {k: 2.0 * v for k, v in own.peak_flop_per_s.items()}
    assert (other.memory_bytes, other.memory_bytes_per_s) == (
        3.0 * own.memory_bytes, 0.5 * own.memory_bytes_per_s,
    )  # fmt: skip
    assert other.scale_up_bytes_per_s == 4.0 * own.scale_up_bytes_per_s
    assert other.peer_bytes_per_s == 4.0 * own.peer_bytes_per_s
    assert other.scale_out_bytes_per_s == 5e10
    assert DeviceFactors().scaled(own) == own


# ---- the fewest devices


def fewest_only(asked: Scenario) -> FewestDevices:
    """Count on the first pool, without the rest of the answer."""
    return fewest_devices(asked, 0, asked.cluster.pools[0], TimeBudget(LIMIT_S))


def test_the_count_is_that_of_a_plan_and_one_less_serves_nothing() -> None:
    asked = chat([pool(each=4)], rate=30.0)
    row = fewest_only(asked)
    assert row.status == "optimal"
    assert row.pool == "h100"
    assert row.bound_devices == row.devices > 1
    assert row.nodes == -(-row.devices // 4)
    assert sum(g.replicas * g.parallelism.devices for g in row.groups) == row.devices
    price = catalog.price_book().rows["h100-sxm"].usd_per_hour
    assert row.usd_per_hour == pytest.approx(price * row.devices)

    def capped(devices: int) -> Scenario:
        return replace(alone(asked, 0, asked.cluster.pools[0]), limits=replace(asked.limits, devices=devices))

    assert pipeline.is_feasible(capped(row.devices))
    assert not pipeline.is_feasible(capped(row.devices - 1))


def test_looser_limits_and_less_traffic_never_take_more_devices() -> None:
    def devices(rate: float, factor: float) -> int:
        asked = chat([pool(each=8)], rate=rate, slo=slo(0.5 * factor, 0.015 * factor))
        found = fewest_only(asked)
        assert found.devices is not None
        return found.devices

    grid = [[devices(rate, factor) for factor in (1.0, 1.5, 4.0)] for rate in (2.0, 20.0, 60.0)]
    for row in grid:
        assert row == sorted(row, reverse=True)
    for column in zip(*grid, strict=True):
        assert list(column) == sorted(column)
    assert grid[0][2] < grid[2][0]


def test_looser_limits_never_raise_a_least_figure() -> None:
    tight = requirements(chat([ONE_DEVICE], rate=0.5, slo=slo(1.0, 0.02)))
    loose = requirements(chat([ONE_DEVICE], rate=0.5, slo=slo(2.0, 0.04)))
    compared = 0
    for a, b in zip(tight.least, loose.least, strict=True):
        if a.factor is not None and b.factor is not None:
            assert b.factor <= a.factor * (1.0 + STEP_FRAC), a.figure
            compared += 1
    assert compared >= 3


def test_devices_of_the_catalogue_are_counted_on_nodes_of_their_own() -> None:
    answer = requirements(chat([ONE_DEVICE], slo=slo(tpot_s=0.008)), devices=("L40S", "h100", "h200-sxm"))
    found = {row.device: row for row in answer.deployments[0].fewest}
    assert set(found) == {"h100-sxm", "l40s", "h200-sxm"}
    assert found["h100-sxm"].pool == "h100"
    assert found["l40s"].pool is None
    assert all(row.status == "optimal" for row in found.values())


def test_caps_do_not_count_and_a_reserve_does() -> None:
    asked = chat([pool(each=8)], rate=2.0)
    capped = replace(asked, limits=replace(asked.limits, devices=1, watt=1.0))
    assert fewest_only(capped).devices == fewest_only(asked).devices
    kept = replace(asked, reserve=replace(asked.reserve, failure="device"))
    assert fewest_only(kept).devices > fewest_only(asked).devices


def test_a_day_is_counted_at_its_busiest() -> None:
    periods = [{"name": "day", "rate_scale": 2.0}, {"name": "night", "rate_scale": {"chat": 0.1}}]
    day = scenario(
        deployment(rate=15.0), pools=[pool(each=8)], objective="min_devices", periods=periods, options=QUICK
    )
    assert fewest_only(day).devices == fewest_only(chat([pool(each=8)], rate=30.0)).devices


def test_every_deployment_is_counted_alone() -> None:
    asked = scenario(
        deployment("small", rate=1.0), deployment("busy", rate=40.0), pools=[pool(each=1)],
        objective="max_goodput", options=QUICK,
    )  # fmt: skip
    answer = requirements(asked)
    assert [d.deployment for d in answer.deployments] == ["small", "busy"]
    small, busy = (d.fewest[0].devices for d in answer.deployments)
    assert small == 1
    assert busy > 1
    assert answer.scenario == asked


# ---- where no number is enough


def why(asked: Scenario) -> FewestDevices:
    row = fewest_only(asked)
    assert (row.status, row.devices) == ("infeasible", None)
    return row


def test_a_limit_no_number_meets_comes_with_the_nearest_value() -> None:
    (found,) = why(chat([pool(each=2)], slo=slo(tpot_s=0.0005))).shortfalls
    assert found.cause == "tpot"
    assert found.limit_s == 0.0005
    # at the value reached, rounded up, a count exists
    reached = chat([pool(each=2)], rate=0.1, slo=slo(tpot_s=found.nearest_s * 1.01))
    assert fewest_only(reached).devices is not None


def test_memory_no_device_has_comes_with_what_is_missing() -> None:
    """Half a gigabyte does not even hold what the engine keeps for itself."""
    asked = chat([pool("l4", "l4", each=1, device_factors={"memory_bytes": 0.02})])
    (found,) = why(asked).shortfalls
    assert found.cause == "memory"
    assert found.missing_bytes_per_device > 0
    own = catalog.device("l4").memory_bytes
    enough = 0.02 + found.missing_bytes_per_device / own
    more = chat([pool("l4", "l4", each=1, device_factors={"memory_bytes": enough * 1.3})], slo=slo(60.0, 1.0))
    assert fewest_only(more).devices is not None


def test_an_answer_without_any_device_is_infeasible() -> None:
    answer = requirements(chat([ONE_DEVICE], slo=slo(tpot_s=0.0001)))
    assert answer.status == "infeasible"
    assert answer.scenario_feasible is False


def test_a_pair_that_fails_says_what_its_halves_miss() -> None:
    """Without aggregated replicas an end-to-end limit has no nearest value of a whole request."""
    asked = chat([pool(each=2)], slo={"e2e_s": {"limit_s": 0.01}}, options={"roles": ["prefill", "decode"]})
    (found,) = why(asked).shortfalls
    assert (found.cause, found.limit_s, found.nearest_s) == ("e2e", 0.01, None)


# ---- time, names


def test_what_was_not_computed_in_time_is_said() -> None:
    answer = requirements(chat([pool(each=2)], options={"time_limit_s": 0.001}), devices=("h100-sxm", "l4"))
    assert answer.scenario_feasible is None
    assert {row.status for row in answer.least} == {"not_computed"}
    told = " ".join(answer.not_computed)
    assert all(word in told for word in ("l4", "cluster as it stands", *FIGURES))
    assert answer.status != "optimal"
    assert answer.deployments[0].floors[0].memory_bytes > 0


def test_a_solve_that_does_not_tell_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither "served" nor "not enough": the figures are left open."""
    monkeypatch.setattr(pipeline, "feasibility", lambda asked, limit_s: None)
    answer = requirements(chat([ONE_DEVICE]))
    assert answer.scenario_feasible is None
    assert {row.status for row in answer.least} == {"not_computed"}
    assert answer.deployments[0].fewest[0].devices is not None


def test_a_whole_bound_proves_a_count_that_the_gap_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = chat([pool(each=4)], rate=30.0)
    found = fewest_only(asked)
    assert found.devices is not None
    plan = pipeline.plan

    def unproven(less: float) -> FewestDevices:
        def hurried(*arguments: Any, **more: Any) -> Any:
            made = plan(*arguments, **more)
            slow = replace(made.plans[0], gap=0.3)
            return replace(made, status="feasible", bound=found.devices - less, plans=(slow,))

        monkeypatch.setattr(pipeline, "plan", hurried)
        return fewest_only(asked)

    assert (unproven(0.9).status, unproven(0.9).gap) == ("optimal", 0.0)
    assert (unproven(1.0).status, unproven(1.0).gap) == ("feasible", 0.3)
    assert unproven(1.0).bound_devices == found.devices - 1


@pytest.mark.parametrize("devices", [("h100-sxm", "abacus"), ("h100-sxm", "")])
def test_an_unknown_device_is_refused_by_its_place(devices: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput) as caught:
        requirements(chat(), devices=devices)
    assert caught.value.pointer == "/devices/1"


def test_no_device_at_all_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no device"):
        requirements(chat(), devices=())


def test_every_part_is_told_once() -> None:
    told: list[tuple[str, int, int]] = []
    requirements(chat([ONE_DEVICE], slo=slo(tpot_s=0.0001)), on_progress=lambda *part: told.append(part))
    assert [done for _, done, _ in told] == list(range(len(told)))
    assert {parts for _, _, parts in told} == {len(told)}


def test_a_plan_knows_its_factors() -> None:
    """A scenario that carries factors plans with them, and its answer says so."""
    asked = chat([pool(each=2, device_factors={"memory_bytes_per_s": 0.5})], rate=0.5)
    quick, slow = (pipeline.plan(a).plans[0] for a in (chat([pool(each=2)], rate=0.5), asked))

    def token_s(plan: Plan) -> float:
        return plan.predicted["chat"].tpot_s["mean"]

    assert token_s(slow) > 1.5 * token_s(quick)
    assert codec.from_plain(Scenario, codec.to_plain(asked)) == asked
