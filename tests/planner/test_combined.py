"""Scenarios that combine what is rarely combined: every answer keeps its promises and proves its bound."""

import json
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from models import codec
from models.plan import Plan, RankedPlans
from models.scenario import Scenario
from planner import pipeline
from planner.fleet_program import failure_domain
from planner.setting import settings
from solvers.verification.several import verify_all
from tests.planner.combined_scenes import combined

SEEDS = (1, 22, 26, 28, 42, 44, 46, 59, 62)
"""Seeds whose scenarios differ most: silent periods, spares, racks, sized pools, trade-offs without a plan."""
each_seed = pytest.mark.parametrize("seed", SEEDS)
ROUNDING = 1e-6


@cache
def solved(seed: int) -> tuple[Scenario, RankedPlans, dict[str, Any]]:
    asked = codec.from_plain(Scenario, combined(seed))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "certificate.json"
        answer = pipeline.plan(asked, certificate_path=path)
        return asked, answer, json.loads(path.read_text())


def held(plan: Plan) -> list[list[int]]:
    """Replicas of every group, period by period."""
    return [list(p.replicas) for p in plan.periods] or [[g.replicas for g in plan.groups]]


def test_the_seeds_cover_what_they_should() -> None:
    asked = [combined(seed) for seed in SEEDS]
    assert any(a["periods"] and a["reserve"]["failure"] for a in asked)
    assert any("pareto" in a["objective"] for a in asked)
    assert any(p["nodes"] is None for a in asked for p in a["cluster"]["pools"])
    assert {solved(seed)[1].status for seed in SEEDS} >= {"optimal", "infeasible"}


@each_seed
def test_the_certificate_is_not_rejected(seed: int) -> None:
    _, answer, certificate = solved(seed)
    document = json.loads(json.dumps(codec.to_plain(answer)))
    for report in verify_all(document, certificate):
        assert report.failures() == []


@each_seed
def test_status_bound_and_plans_agree(seed: int) -> None:
    _, answer, _ = solved(seed)
    assert bool(answer.plans) == (answer.status in ("optimal", "feasible"))
    assert (answer.infeasibility is not None) == (answer.status == "infeasible")
    sign = 1.0 if answer.objective.sense == "min" else -1.0
    for plan in () if answer.frontier else answer.plans:
        assert answer.bound is not None
        assert sign * answer.bound <= sign * plan.objective_value + ROUNDING * abs(plan.objective_value)


@each_seed
def test_every_period_keeps_to_caps_and_serves_its_traffic(seed: int) -> None:
    asked, answer, _ = solved(seed)
    serves = not {"max_goodput", "max_attainment"} & set(asked.objectives)
    for plan in answer.plans:
        for counts in held(plan):
            used = sum(n * g.parallelism.devices for n, g in zip(counts, plan.groups, strict=True))
            assert used <= (asked.limits.devices or used)
        for told, wanted in zip(plan.periods, asked.periods, strict=True):
            assert told.usd_per_hour is None or told.usd_per_hour >= 0
            for d in asked.deployments if serves else ():
                rate = d.workload.arrival.rate_per_s
                if rate is not None:
                    assert told.request_per_s[d.name] >= rate * wanted.scale_of(d.name) * (1 - ROUNDING)


@each_seed
def test_no_device_is_given_twice_and_no_failure_takes_more_than_the_spread_allows(seed: int) -> None:
    asked, answer, _ = solved(seed)
    sites = settings(asked)[0]
    number = {site.pool.name: g for g, site in enumerate(sites)}
    for plan in answer.plans:
        devices = [d for p in plan.placement for d in p.devices]
        assert len(devices) == len(set(devices))
        failure = asked.reserve.failure
        if failure is None:
            continue
        lost: Counter[tuple[str, int]] = Counter()
        for placed in plan.placement:
            pool = placed.devices[0][0]
            site = sites[number[pool]]
            size = failure_domain(site, failure, number[pool])
            each = site.pool.devices_per_node
            domains = {(node * each + device) // size for _, node, device in placed.devices}
            lost.update((pool, domain) for domain in domains)
            if site.capacity is None:
                continue
            assert len(placed.devices) < size or len(domains) == -(-len(placed.devices) // size)
        # of a pool that is sized to the plan every replica has domains of its own
        open_pools = {site.pool.name for site in sites if site.capacity is None}
        assert all(n == 1 for (pool, _), n in lost.items() if pool in open_pools)
