"""Classes of traffic on shared replicas: one class is the plain deployment, and sharing never costs more."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from api.render.plan_table import plan_table
from models import codec
from models.errors import InvalidInput
from models.plan import RankedPlans
from planner import pipeline
from planner.check import check
from planner.requirements import requirements
from planner.streams import streams_of, tiers_of
from tests.planner.scenes import deployment, pool, scenario
from tests.solvers.test_class_split import most_of_two

ROLES = {"roles": ["aggregated"], "top_k": 3}
SHORT = {"name": "short", "input_tokens": 500, "output_tokens": 200}
LONG = {"name": "long", "input_tokens": 6000, "output_tokens": 300}
TIGHT = {"ttft_s": {"limit_s": 0.4, "percentile": 0.95}, "tpot_s": {"limit_s": 0.015, "percentile": 0.95}}
LOOSE = {"ttft_s": {"limit_s": 20.0, "percentile": 0.95}}


def one_class(kind: Any, share: float = 1.0, **more: Any) -> Any:
    return {**kind, "share": share, **more}


def planned(*classes: Any, objective: str = "max_goodput", rate: float = 40.0, **more: Any) -> RankedPlans:
    options = {**ROLES, **more.pop("options", {})}
    asked = scenario(
        deployment(rate=rate, classes=list(classes), **more.pop("deployment", {})),
        objective=objective, options=options, **more,
    )  # fmt: skip
    return pipeline.plan(asked)


def plain(kind: Any, objective: str = "max_goodput", rate: float = 40.0, **more: Any) -> RankedPlans:
    options = {**ROLES, **more.pop("options", {})}
    tokens = (kind["input_tokens"], kind["output_tokens"])
    asked = scenario(deployment(rate=rate, tokens=tokens, slo=kind.get("slo")), objective=objective,
                     options=options, **more)  # fmt: skip
    return pipeline.plan(asked)


@cache
def mixed() -> RankedPlans:
    return planned(
        one_class(SHORT, 3), one_class(LONG, 1), objective="min_devices", pools=[pool(nodes=3)], rate=90.0
    )


@pytest.mark.parametrize("objective", ["max_goodput", "min_devices"])
@pytest.mark.parametrize("roles", [None, ["aggregated"]])
def test_one_class_is_the_plain_deployment(objective: str, roles: Any) -> None:
    options = {"roles": roles, "top_k": 2}
    tight = {**SHORT, "slo": TIGHT}
    one = planned(one_class(tight), objective=objective, options=options)
    alone = plain(tight, objective=objective, options=options)
    for mine, theirs in zip(one.plans, alone.plans, strict=True):
        assert [replace(g, class_request_per_s={}) for g in mine.groups] == list(theirs.groups)
        assert mine.objective_value == theirs.objective_value
        assert mine.predicted == {"chat/short": theirs.predicted["chat"]}
        assert mine.slo == {"chat/short": theirs.slo["chat"]}


def test_a_class_cut_into_two_alike_changes_nothing() -> None:
    halves = planned(one_class(SHORT, 2), one_class({**SHORT, "name": "again"}, 5))
    assert halves.plans[0].objective_value == pytest.approx(plain(SHORT).plans[0].objective_value, rel=1e-6)


def test_goodput_lies_between_that_of_the_classes_alone() -> None:
    values = [
        planned(one_class(SHORT, 1.0), one_class(LONG, share)).plans[0].objective_value
        for share in (1e-6, 0.1, 1.0, 1e6)
    ]
    assert all(one > other for one, other in pairwise(values))
    assert values[0] == pytest.approx(plain(SHORT).plans[0].objective_value, rel=1e-3)
    assert values[-1] == pytest.approx(plain(LONG).plans[0].objective_value, rel=1e-3)


def test_sharing_needs_no_more_devices_than_replicas_of_its_own_for_each_class() -> None:
    apart = sum(
        plain(kind, objective="min_devices", rate=rate, pools=[pool(nodes=3)]).plans[0].objective_value
        for kind, rate in ((SHORT, 67.5), (LONG, 22.5))
    )
    assert mixed().plans[0].objective_value <= apart


def test_the_best_plan_is_the_best_split_of_the_best_counts() -> None:
    asked = scenario(deployment(classes=[one_class(SHORT, 3), one_class(LONG)]), options=ROLES)
    translated = pipeline._translate(pipeline.price(asked))[0]
    fleet = translated.fleet
    assert fleet.classes is not None
    rates = np.zeros((fleet.n_columns, 2))
    rates[fleet.classes.column, fleet.classes.demand] = fleet.classes.rate_per_s
    size = translated.columns.devices.astype(int)
    found = [0.0]

    def extend(counts: np.ndarray, first: int, left: int) -> None:
        found.append(most_of_two(counts, rates, fleet.demand_per_s))
        for c in range(first, len(size)):
            if size[c] <= left:
                extend(counts + (np.arange(len(size)) == c), c, left - size[c])

    extend(np.zeros(len(size)), 0, 4)
    value = pipeline.plan(asked).plans[0].objective_value
    assert value == pytest.approx(max(found) * fleet.demand_per_s.sum(), rel=1e-6)


def test_what_groups_carry_fits_their_time_and_adds_up() -> None:
    answer = mixed()
    for plan in answer.plans:
        assert sum(g.traffic_share for g in plan.groups) == pytest.approx(1.0)
        assert set(plan.predicted) == set(plan.slo) == {"chat/short", "chat/long"}
        for name, rate in (("short", 67.5), ("long", 22.5)):
            assert plan.predicted[f"chat/{name}"].request_per_s == pytest.approx(rate)
            carried = sum(g.class_request_per_s.get(name, 0.0) for g in plan.groups)
            assert carried == pytest.approx(rate)
        for group in plan.groups:
            assert group.limits.max_model_len == (6300 if group.class_request_per_s.get("long") else 700)
            busy = 0.0
            for kind in (SHORT, LONG):
                tokens = (kind["input_tokens"], kind["output_tokens"])
                alone = scenario(deployment(rate=1.0, tokens=tokens), options=ROLES)
                told = check(alone, codec.to_plain(group) | {"deployment": None, "pool": None, "replicas": 1})
                best = told["groups"][0]["request_per_s"]
                busy += group.class_request_per_s.get(str(kind["name"]), 0.0) / best
            # alone each class would have the token budget that suits it best
            assert busy <= group.replicas * (1 + 1e-6)


def test_tiers_hold_what_their_classes_ask() -> None:
    fast, batch = one_class(SHORT, 3, slo=TIGHT), one_class(LONG, 1, slo=LOOSE)
    asked = scenario(deployment(rate=40.0, classes=[fast, batch]))
    tiers = tiers_of(streams_of(asked), 0)
    assert [tier.members for tier in tiers] == [(0, 1), (1,)]
    answer = planned(fast, batch)
    tight = planned(one_class(SHORT, 3, slo=TIGHT), one_class(LONG, 1, slo=TIGHT))
    limits = {s.name: s.deployment.slo.limits() for s in streams_of(asked)}
    for plan in answer.plans:
        for name, asked_limits in limits.items():
            for metric, limit in asked_limits.items():
                assert getattr(plan.predicted[name], metric)["p95"] <= limit.limit_s * (1 + 1e-6)
    assert tight.plans == () or tight.plans[0].objective_value <= answer.plans[0].objective_value
    loose = planned(one_class(SHORT, 3, slo=LOOSE), one_class(LONG, 1, slo=LOOSE))
    assert loose.plans[0].objective_value >= answer.plans[0].objective_value


def test_incomparable_limits_have_a_tier_that_keeps_both() -> None:
    first = {"ttft_s": {"limit_s": 0.5}, "tpot_s": {"limit_s": 0.1}}
    second = {"ttft_s": {"limit_s": 2.0}, "tpot_s": {"limit_s": 0.02}}
    asked = scenario(deployment(classes=[one_class(SHORT, slo=first), one_class(LONG, slo=second)]))
    tiers = tiers_of(streams_of(asked), 0)
    assert [tier.members for tier in tiers] == [(0, 1), (0,), (1,)]
    limits = tiers[0].slo.limits()
    assert [limits[m].limit_s for m in ("ttft_s", "tpot_s")] == [0.5, 0.02]


def test_every_role_beside_another_deployment() -> None:
    classes = [one_class(SHORT, 3), one_class(LONG, slo=LOOSE)]
    asked = scenario(
        deployment("other", rate=2.0), deployment(rate=20.0, classes=classes), deployment("last", rate=1.0),
        pools=[pool(nodes=2), pool("small", "l40s", each=2)], options={"top_k": 1, "time_limit_s": 10},
    )  # fmt: skip
    plan = pipeline.plan(asked).plans[0]
    rates = {name: p.request_per_s for name, p in plan.predicted.items()}
    assert list(rates) == ["other", "chat/short", "chat/long", "last"]
    assert sum(rates.values()) == pytest.approx(plan.objective_value, rel=1e-6)
    assert rates["chat/short"] == pytest.approx(3 * rates["chat/long"])


def test_limits_that_no_layout_meets_are_told_by_class() -> None:
    hard = {"ttft_s": {"limit_s": 0.001, "percentile": 0.95}}
    answer = planned(one_class(SHORT, 3), one_class(LONG, slo=hard), options={"time_limit_s": 5})
    assert answer.infeasibility is not None
    assert "slo.chat/long.ttft_s.limit_s" in [
        r.change for r in answer.infeasibility.relaxations if r.makes_feasible
    ]


def test_too_little_hardware_is_told_with_the_class() -> None:
    answer = planned(
        one_class(SHORT, 3),
        one_class(LONG),
        objective="min_devices",
        rate=4000.0,
        options={"time_limit_s": 5},
    )
    assert answer.infeasibility is not None
    told = [r.change for r in answer.infeasibility.relaxations]
    assert "cluster.pools.h100.nodes" in told


def test_the_table_names_the_classes_of_a_group() -> None:
    table = plan_table(mixed())
    cells = [str(cell) for column in table.columns for cell in column.cells]
    assert any("aggregated (short, long)" in cell or "aggregated (long" in cell for cell in cells)
    assert any("chat/short: TTFT" in cell for cell in cells)


@pytest.mark.parametrize(
    ("pointer", "change"),
    [
        ("/deployments/0/classes/1/name", {"classes": [one_class(SHORT), one_class(SHORT)]}),
        ("/deployments/0/classes/0/name", {"classes": [one_class({**SHORT, "name": "a/b"})]}),
        ("/deployments/0/classes/0/share", {"classes": [one_class(SHORT, 0.0)]}),
        (
            "/deployments/0/workload/arrival/concurrency",
            {"workload": {"arrival": {"concurrency": 4}, "input_tokens": 9, "output_tokens": 9},
             "classes": [one_class(SHORT)]},
        ),
        (
            "/deployments/0/classes/1/slo/ttft_s/percentile",
            {"classes": [one_class(SHORT), one_class(LONG, slo={"ttft_s": {"limit_s": 1.0}})]},
        ),
    ],
)  # fmt: skip
def test_classes_that_make_no_sense_are_refused(pointer: str, change: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        scenario(deployment(**change))
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    ("pointer", "more"),
    [
        ("/objective", {"objective": "min_power"}),
        ("/objective", {"objective": {"minimize": ["min_cost", "min_ttft"]}}),
        ("/periods", {"periods": [{"name": "day", "hours": 24}]}),
        ("/reserve", {"reserve": {"failure": "node"}}),
    ],
)
def test_what_is_not_covered_with_classes_is_refused(pointer: str, more: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        scenario(deployment(classes=[one_class(SHORT), one_class(LONG)]), **more)
    assert caught.value.pointer == pointer


def test_questions_about_one_traffic_refuse_classes() -> None:
    asked = scenario(deployment(classes=[one_class(SHORT), one_class(LONG)]))
    group = {"role": "aggregated", "replicas": 1, "parallelism": {"tp": 1}}
    with pytest.raises(InvalidInput, match="classes of chat"):
        check(asked, [group])
    with pytest.raises(InvalidInput, match="classes of chat"):
        requirements(asked)
