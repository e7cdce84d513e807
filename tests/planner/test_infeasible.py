"""An infeasible answer names what binds, and its relaxations are sufficient and smallest."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from models import catalog, codec
from models.plan import Infeasibility, RankedPlans, Relaxation
from models.scenario import Limits, Scenario
from planner import pipeline
from tests.planner.scenes import LLAMA_8B, LLAMA_70B, LLAMA_405B, QWEN_MOE, deployment, pool, scenario


def slo(ttft_s: float = 2.0, tpot_s: float = 0.05) -> Any:
    return {
        "ttft_s": {"limit_s": ttft_s, "percentile": 0.95},
        "tpot_s": {"limit_s": tpot_s, "percentile": "mean"},
    }


def busy(rate: float, each: int = 8, **more: Any) -> Scenario:
    return scenario(
        deployment(rate=rate), pools=[pool(each=each)], objective=more.pop("objective", "min_cost"), **more
    )


SCENES = {
    "tpot": scenario(deployment(slo=slo(tpot_s=0.001)), pools=[pool(each=2)]),
    "ttft": scenario(deployment(slo=slo(ttft_s=0.01)), pools=[pool(each=2)]),
    "both": scenario(deployment(slo=slo(0.01, 0.001)), pools=[pool(each=2)]),
    "e2e": scenario(
        deployment(slo={"e2e_s": {"limit_s": 1.0, "percentile": 0.9}}), pools=[pool(each=2)]
    ),
    "demand": busy(100.0, 2),
    "demand, fewest": busy(300.0, objective="min_devices"),
    "demand, odd nodes": scenario(
        deployment(rate=200.0), pools=[pool(nodes=2, each=5)], objective="min_devices"
    ),
    "two models": scenario(
        deployment("a", LLAMA_8B, rate=20.0), deployment("b", QWEN_MOE, rate=9.0), pools=[pool(each=3)],
        objective="min_cost",
    ),
    "memory": scenario(deployment(model=LLAMA_70B), pools=[pool(each=1)]),
    "memory of a node": scenario(deployment(model=LLAMA_405B), pools=[pool(each=4)]),
    "devices": busy(30.0, limits={"devices": 2}),
    "money": busy(30.0, limits={"usd_per_hour": 5.0}),
    "power": busy(30.0, limits={"watt": 1500.0}),
}  # fmt: skip
every_scene = pytest.mark.parametrize("name", SCENES)


@cache
def answer_of(name: str) -> RankedPlans:
    return pipeline.plan(SCENES[name])


def explained(name: str) -> Infeasibility:
    found = answer_of(name).infeasibility
    assert found is not None
    return found


def changed(asked: Scenario, change: str, value: float) -> Scenario:
    """The scenario with one field, named as in a relaxation, set to a value."""
    document = codec.to_plain(asked)
    head, _, rest = change.partition(".")
    if head == "slo":
        name, metric, _ = rest.rsplit(".", 2)
        chat = next(d for d in document["deployments"] if d["name"] == name)
        chat["slo"][metric]["limit_s"] = value
    elif head == "deployments":
        name = rest.removesuffix(".workload.arrival.rate_per_s")
        chat = next(d for d in document["deployments"] if d["name"] == name)
        assert chat["workload"]["arrival"]["rate_per_s"] is not None
        chat["workload"]["arrival"]["rate_per_s"] = value
    elif head == "cluster":
        name = rest.removeprefix("pools.").removesuffix(".nodes")
        next(p for p in document["cluster"]["pools"] if p["name"] == name)["nodes"] = round(value)
    else:
        assert head == "limits"
        document["limits"][rest] = round(value) if rest == "devices" else value
    return codec.from_plain(Scenario, document)


def is_count(change: str) -> bool:
    return change.endswith(".nodes") or change == "limits.devices"


def a_little_less(relaxation: Relaxation) -> float | None:
    """The value 2 % (or one) nearer to the scenario's own; None where that is the scenario's own."""
    before, after = relaxation.from_, relaxation.to
    assert before is not None
    assert after is not None
    if is_count(relaxation.change):
        return after - 1 if after - 1 > before else None
    less = after * 0.98 if after > before else after * 1.02
    return less if (less - before) * (after - before) > 0 else None


def sufficient(name: str) -> list[Relaxation]:
    return [r for r in explained(name).relaxations if r.makes_feasible]


@every_scene
def test_the_answer_is_infeasible_and_says_why(name: str) -> None:
    answer = answer_of(name)
    assert answer.status == "infeasible"
    assert answer.plans == ()
    assert answer.gap is None
    assert explained(name).binding


@every_scene
def test_every_sufficient_change_yields_a_plan(name: str) -> None:
    for relaxation in sufficient(name):
        assert relaxation.to is not None
        found = pipeline.plan(changed(SCENES[name], relaxation.change, relaxation.to))
        assert found.plans, relaxation


@every_scene
def test_two_per_cent_less_of_a_sufficient_change_does_not(name: str) -> None:
    for relaxation in sufficient(name):
        less = a_little_less(relaxation)
        if less is not None:
            assert not pipeline.is_feasible(changed(SCENES[name], relaxation.change, less)), relaxation


@every_scene
def test_no_change_is_told_twice(name: str) -> None:
    changes = [r.change for r in explained(name).relaxations]
    assert len(set(changes)) == len(changes)


def devices_needed(name: str) -> int:
    """Devices the traffic of a scenario takes on as many nodes of one device as it likes."""
    asked = SCENES[name]
    free = replace(
        asked,
        objective="min_devices",
        cluster=replace(
            asked.cluster,
            pools=tuple(replace(p, nodes=None, devices_per_node=8) for p in asked.cluster.pools),
        ),
        limits=Limits(),
    )
    return pipeline.plan(free).plans[0].devices_used


def test_the_smallest_cluster_and_caps_are_those_of_sizing() -> None:
    found = {name: {r.change: r.to for r in sufficient(name)} for name in ("demand", "devices", "money")}
    price = catalog.price_book().rows["h100-sxm"].usd_per_hour
    assert found["demand"]["cluster.pools.h100.nodes"] == -(-devices_needed("demand") // 2)
    assert found["devices"]["limits.devices"] == devices_needed("devices")
    assert found["money"]["limits.usd_per_hour"] == pytest.approx(price * devices_needed("money"))


def test_memory_is_relaxed_to_the_nodes_that_hold_the_weights() -> None:
    """141 GB of weights take two devices of 80 GB, 812 GB at least eleven and in whole nodes of four."""
    found = {name: {r.change: r.to for r in sufficient(name)} for name in ("memory", "memory of a node")}
    assert found["memory"]["cluster.pools.h100.nodes"] == 2
    assert found["memory of a node"]["cluster.pools.h100.nodes"] in (3, 4)


def test_two_limits_that_bind_together_have_no_single_change() -> None:
    """Looser nodes or one looser limit alone cannot help where both limits are out of reach."""
    assert sufficient("both") == []
    assert {"slo.chat.ttft_s", "slo.chat.tpot_s"} == {b.split(":")[0] for b in explained("both").binding}


@pytest.mark.parametrize("limits", [{"devices": 1}, {"usd_per_hour": 5.0}], ids=["devices", "money"])
def test_a_cap_below_one_replica_is_relaxed_to_one_replica(limits: Any) -> None:
    """Llama-3.1-70B in bf16 does not fit one H100: the cap must grow to what the cheapest plan takes."""
    chat = deployment(model=LLAMA_70B, precisions=[{"weights": "bf16"}], rate=0.1)
    site = pool(each=8, price_usd_per_device_hour=3.0)
    uncapped = pipeline.plan(scenario(chat, pools=[site], objective="min_cost")).plans[0]
    found = pipeline.plan(scenario(chat, pools=[site], objective="min_cost", limits=limits)).infeasibility
    assert found is not None
    (name,) = limits
    relaxed = {r.change: r for r in found.relaxations}
    wanted = uncapped.devices_used if name == "devices" else uncapped.cost.usd_per_hour
    assert relaxed[f"limits.{name}"].to == pytest.approx(wanted)
    assert f"limits.{name}" in found.binding


def test_a_power_cap_is_relaxed_to_the_same_value_wherever_it_started() -> None:
    told = []
    for watt in (300.0, 2000.0):
        found = pipeline.plan(busy(30.0, limits={"watt": watt})).infeasibility
        assert found is not None
        told.append(next(r.to for r in found.relaxations if r.change == "limits.watt"))
    assert told[1] is not None
    assert told[0] == pytest.approx(told[1])


def test_a_closed_loop_is_told_to_lower_its_concurrency() -> None:
    chat = deployment(slo={"e2e_s": {"limit_s": 20.0, "percentile": "mean"}})
    chat["workload"]["arrival"] = {"concurrency": 6400}
    found = pipeline.plan(scenario(chat, pools=[pool(each=1)], objective="min_cost")).infeasibility
    assert found is not None
    changes = [r.change for r in found.relaxations]
    assert "deployments.chat.workload.arrival.concurrency" in changes
    assert "deployments.chat.workload.arrival.rate_per_s" not in changes


def test_is_feasible_agrees_with_the_answer() -> None:
    check: Callable[[Scenario], bool] = pipeline.is_feasible
    assert check(busy(5.0, 1))
    assert not check(busy(100.0, 1))
    assert not check(SCENES["memory"])


@pytest.mark.parametrize("name", ["tpot", "memory", "demand"])
def test_an_answer_whose_time_is_up_has_fewer_changes_and_no_fault(name: str) -> None:
    asked = SCENES[name]
    hurried = replace(asked, options=replace(asked.options, time_limit_s=0.001))
    found = pipeline.plan(hurried)
    assert found.status in ("infeasible", "time_limit")
    if found.infeasibility is not None:
        assert len(found.infeasibility.relaxations) <= len(explained(name).relaxations)
