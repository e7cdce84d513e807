"""Days in periods: two models that peak at different hours share one cluster, and nights are switched off."""

from dataclasses import replace

import pytest

from models.errors import InvalidInput
from models.periods import Period
from models.plan import Plan, RankedPlans
from models.scenario import Scenario
from planner import pipeline
from planner.shortage_by_solving import at_period
from tests.planner.scenes import best, deployment, pool, scenario

FIXED = {"load_bytes_per_s_per_device": 1e9, "fixed_s": 60.0}


def two_shifts(**more: object) -> Scenario:
    """Chat by day, documents by night, one node of eight devices."""
    return scenario(
        deployment("chat", rate=40.0, tokens=(1000, 200)),
        deployment("documents", rate=12.0, tokens=(6000, 100)),
        pools=[pool(nodes=1, each=8)],
        objective="min_cost",
        options={"top_k": 1, "roles": ["aggregated"]},
        periods=[
            {"name": "day", "hours": 14, "rate_scale": {"chat": 1.0, "documents": 0.1}},
            {"name": "night", "hours": 10, "rate_scale": {"chat": 0.05, "documents": 1.0}},
        ],
        starting=FIXED,
        **more,
    )


def first(asked: Scenario) -> tuple[RankedPlans, Plan]:
    answer = pipeline.plan(asked)
    assert answer.status == "optimal"
    return answer, answer.plans[0]


def test_the_cost_of_a_day_is_that_of_its_periods_and_starts() -> None:
    answer, plan = first(two_shifts())
    usd = {g.pool: 2.9 for g in plan.groups}
    size = [g.parallelism.tp * g.parallelism.pp * g.parallelism.cp * g.parallelism.dp for g in plan.groups]
    price = plan.cost.usd_per_hour
    assert price is not None
    running = sum(
        p.hours * n * s * usd[g.pool]
        for p in plan.periods
        for n, s, g in zip(p.replicas, size, plan.groups, strict=True)
    )
    started = sum(
        n * s * usd[g.pool] * (60.0 + g.memory_bytes.weights / 1e9) / 3600.0
        for p in plan.periods
        for n, s, g in zip(p.starts, size, plan.groups, strict=True)
    )
    assert price == pytest.approx((running + started) / 24.0, rel=1e-9)
    assert plan.objective_value == pytest.approx(price, rel=1e-9)
    assert answer.bound == pytest.approx(price, rel=1e-4)


def test_every_period_serves_its_traffic_and_starts_what_it_adds() -> None:
    asked = two_shifts()
    _, plan = first(asked)
    for t, told in enumerate(plan.periods):
        before = plan.periods[t - 1].replicas
        assert told.starts == tuple(max(n - m, 0) for n, m in zip(told.replicas, before, strict=True))
        for d in asked.deployments:
            wanted = d.workload.arrival.rate_per_s or 0.0
            scale = asked.periods[t].scale_of(d.name)
            assert told.request_per_s[d.name] == pytest.approx(wanted * scale, rel=1e-6)
    assert [g.replicas for g in plan.groups] == [
        max(p.replicas[i] for p in plan.periods) for i in range(len(plan.groups))
    ]


def test_sharing_a_cluster_costs_no_more_than_two_peaks_and_no_less_than_each_period_alone() -> None:
    asked = two_shifts()
    _, plan = first(asked)
    always = best(pipeline.plan(replace(asked, periods=())))
    alone = [best(pipeline.plan(at_period(asked, t))) for t in range(2)]
    assert plan.objective_value <= always * (1 + 1e-6)
    assert plan.objective_value >= (14 * alone[0] + 10 * alone[1]) / 24 * (1 - 1e-4)


def test_one_period_is_the_steady_state() -> None:
    steady = scenario(objective="min_cost", options={"top_k": 1})
    timed = replace(steady, periods=(Period(name="all day", hours=24.0),))
    assert best(pipeline.plan(timed)) == pytest.approx(best(pipeline.plan(steady)), rel=1e-6)


def test_nothing_runs_when_nothing_is_asked_for() -> None:
    asked = scenario(
        objective="min_cost", options={"top_k": 1},
        periods=[{"name": "day", "hours": 12}, {"name": "night", "hours": 12, "rate_scale": 0.0}],
    )  # fmt: skip
    _, plan = first(asked)
    assert sum(plan.periods[1].replicas) == 0
    assert plan.periods[1].devices_used == 0
    assert plan.cost.usd_per_hour == pytest.approx(plan.objective_value)


def test_a_day_that_does_not_fit_names_its_period_and_the_way_out() -> None:
    asked = scenario(
        deployment(rate=400.0), pools=[pool(nodes=1, each=2)], objective="min_cost",
        options={"top_k": 1, "roles": ["aggregated"], "time_limit_s": 20},
        periods=[{"name": "quiet", "rate_scale": 0.01}, {"name": "rush", "rate_scale": 1.0}],
    )  # fmt: skip
    answer = pipeline.plan(asked)
    assert answer.status == "infeasible"
    assert answer.infeasibility is not None
    assert any("rush" in b for b in answer.infeasibility.binding)
    assert not any("quiet" in b for b in answer.infeasibility.binding)
    assert any(r.makes_feasible for r in answer.infeasibility.relaxations)


@pytest.mark.parametrize(
    ("periods", "pointer"),
    [
        ([{"name": "a"}, {"name": "a"}], "/periods/1/name"),
        ([{"name": "a", "rate_scale": {"chatt": 1.0}}], "/periods/0/rate_scale/chatt"),
        ([{"name": "a", "rate_scale": 0.0}], "/periods/0/rate_scale"),
        ([{"name": "a", "hours": 0}], "/periods/0/hours"),
    ],
)
def test_bad_periods_name_the_field(periods: object, pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        scenario(periods=periods)
    assert pointer in [f.pointer for f in caught.value.faults]


def test_the_best_goodput_of_a_day_says_what_is_full() -> None:
    answer, plan = first(
        scenario(
            pools=[pool(nodes=1, each=2)],
            options={"top_k": 1, "roles": ["aggregated"]},
            periods=[{"name": "day", "hours": 10}, {"name": "night", "hours": 14, "rate_scale": 0.2}],
        )
    )
    assert answer.objective.name == "max_goodput"
    assert "pool h100: all 2 devices are used" in plan.explanation.binding
    assert not any(word.startswith("only ") for word in plan.explanation.why_not)


def test_devices_of_different_hours_are_not_counted_together() -> None:
    """Two models that never run at the same time share the devices: the pool is never full."""
    _, plan = first(
        scenario(
            deployment("a", rate=1.0, tokens=(500, 50)),
            deployment("b", rate=1.0, tokens=(500, 50)),
            pools=[pool(nodes=1, each=2)],
            objective="min_devices",
            options={"top_k": 1, "roles": ["aggregated"]},
            periods=[
                {"name": "day", "rate_scale": {"b": 0.0}},
                {"name": "gap", "rate_scale": 0.0},
                {"name": "night", "rate_scale": {"a": 0.0}},
                {"name": "rest", "rate_scale": 0.0},
            ],
        )
    )
    assert sum(g.replicas for g in plan.groups) == 2
    assert not any("devices are used" in word for word in plan.explanation.binding)


def test_an_hour_without_any_traffic_does_not_stop_the_explanation() -> None:
    answer = pipeline.plan(
        scenario(
            deployment(rate=400.0), pools=[pool(nodes=1, each=1)], objective="min_cost",
            options={"top_k": 1, "roles": ["aggregated"], "time_limit_s": 5},
            periods=[{"name": "rush"}, {"name": "silence", "rate_scale": 0.0}],
        )
    )  # fmt: skip
    assert answer.infeasibility is not None
    assert any("rush" in b for b in answer.infeasibility.binding)
    assert not any("silence" in b for b in answer.infeasibility.binding)
