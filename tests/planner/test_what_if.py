"""Changes by name, differences between proven answers, and what more of a pool brings."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import codec
from models.errors import InvalidInput
from models.plan import RankedPlans
from models.scenario import Scenario
from models.what_if import Change, WhatIfAnswer
from planner import pipeline
from planner.changes import changed
from planner.what_if import what_if
from tests.planner.scenes import best, deployment, pool, scenario

AGGREGATED = {"top_k": 1, "roles": ["aggregated"]}


def asked(objective: str = "min_devices", **more: Any) -> Scenario:
    return scenario(
        deployment("chat.eu", rate=30.0, tokens=(1000, 200)),
        pools=[pool("h100.a", nodes=2, each=2), pool("b", device="l40s", nodes=1, each=2)],
        objective=objective,
        options={**AGGREGATED, **more},
    )


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("slo.chat.eu.ttft_s.limit_s", 3.5, lambda s: s.deployments[0].slo.ttft_s.limit_s),
        ("deployments.chat.eu.slo.e2e_s.limit_s", 9.0, lambda s: s.deployments[0].slo.e2e_s.limit_s),
        ("workload.chat.eu.arrival.rate_per_s", 2.0, lambda s: s.deployments[0].workload.arrival.rate_per_s),
        ("cluster.pools.h100.a.nodes", 7, lambda s: s.cluster.pools[0].nodes),
        ("cluster.pools.1.nodes", 3, lambda s: s.cluster.pools[1].nodes),
        ("limits.watt", 5000.0, lambda s: s.limits.watt),
        ("reserve.failure", "node", lambda s: s.reserve.failure),
        ("objective", "min_cost", lambda s: s.objective),
    ],
)
def test_a_field_is_changed_by_the_name_of_relaxations(name: str, value: Any, read: Any) -> None:
    before = asked()
    after, (made,) = changed(before, [Change(change=name, to=value)])
    assert read(after) == value
    assert made.to == value
    if made.from_ is not None:
        restored, _ = changed(after, [Change(change=name, to=made.from_)])
        assert restored == before
    assert codec.from_plain(Scenario, codec.to_plain(after)) == after


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slo.nobody.ttft_s.limit_s", 1.0), ("cluster.pools.x.nodes", 1), ("limits", "much"),
        ("limits.wat", 1), ("cluster.pools.h100.a.nodes", 0), ("cluster.pools.h100.a.nodes.more", 1),
        ("slo.chat.eu.e2e_s.limits", 1.0), ("slo", {}),
    ],
)  # fmt: skip
def test_a_change_that_leads_nowhere_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput):
        changed(asked(), [Change(change=name, to=value)])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    name=st.text(alphabet="abcdefghilmnoprstuw._0123456789", max_size=40),
    value=st.none() | st.integers() | st.text(),
)
def test_no_name_breaks_the_reader(name: str, value: Any) -> None:
    before = asked()
    plain = codec.to_plain(before)
    with suppress(InvalidInput):
        changed(before, [Change(change=name or "x", to=value)])
    assert codec.to_plain(before) == plain


def test_the_difference_is_that_of_two_plans() -> None:
    before = asked()
    change = Change(change="slo.chat.eu.tpot_s.limit_s", to=0.012)
    answer = what_if(before, [change])
    tighter, _ = changed(before, [change])
    assert answer.proven
    assert answer.before.objective_value == pytest.approx(best(pipeline.plan(before)))
    assert answer.after.objective_value == pytest.approx(best(pipeline.plan(tighter)))
    assert answer.difference["devices_used"] == answer.after.devices_used - answer.before.devices_used  # type: ignore[operator]
    assert "slo.chat.eu.tpot_s.limit_s from 0.05 to 0.012" in answer.statement
    assert codec.from_plain(WhatIfAnswer, codec.to_plain(answer)) == answer


def test_what_is_left_when_nothing_is_feasible_is_said() -> None:
    answer = what_if(asked(), [Change(change="slo.chat.eu.tpot_s.limit_s", to=1e-5)])
    assert answer.after.status == "infeasible"
    assert answer.statement.endswith("no plan is left")


def test_one_more_device_brings_what_a_larger_pool_brings() -> None:
    whole = asked("max_goodput", sensitivity=True)
    answer = pipeline.plan(whole)
    told = {(s.change, s.to - s.from_): s for s in answer.sensitivities}
    assert set(told) == {
        ("cluster.pools.h100.a.devices", 1.0), ("cluster.pools.h100.a.devices", 2.0),
        ("cluster.pools.b.devices", 1.0), ("cluster.pools.b.devices", 2.0),
    }  # fmt: skip
    larger, _ = changed(asked("max_goodput"), [Change(change="cluster.pools.h100.a.nodes", to=3)])
    step = told["cluster.pools.h100.a.devices", 2.0]
    assert step.objective_value == pytest.approx(-best(pipeline.plan(larger)), rel=1e-3)
    assert step.proven
    assert step.statement.startswith("one more node of 2 of h100.a adds ")
    for s in answer.sensitivities:
        assert s.objective_value >= answer.plans[0].objective_value * (1 - 1e-9)
        assert s.bound >= s.objective_value * (1 - 1e-9)


def test_sensitivities_are_asked_for() -> None:
    answer: RankedPlans = pipeline.plan(asked("max_goodput"))
    assert answer.sensitivities == ()
