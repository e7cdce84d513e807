"""Solutions of the fleet program to ranked plans: groups, shares, predictions, cost, verdicts."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from models.plan import (
    Evidence,
    Group,
    Placed,
    Plan,
    Predicted,
    SloVerdict,
)
from models.scenario import WHOLE_ROLES, Scenario
from planner.assignments import assignments_of
from planner.candidates import Candidates
from planner.colocated import sm_share
from planner.day import Day
from planner.evidence import band_frac, of_candidate, together
from planner.explanation import explain
from planner.fleet_program import Translated
from planner.group_run import METRICS, GroupRun, run_groups, statistic_name
from planner.operation import Operation, cost_of, operation_of, placed, told_periods
from planner.setting import Site
from planner.stated_rates import STATED_ROLES
from planner.streams import Stream, streams_of
from planner.traffic import traffic_of
from planner.why_not import why_not
from solvers.ranked import RankedSolution, Ranking
from solvers.result import relative_gap

NEAR_MISS_FRAC = 0.1
"""A limit missed by less than this share is a near miss."""


@dataclass(frozen=True, kw_only=True)
class RankedPlan:
    """A plan with the solution it tells, and the column of each of its groups."""

    plan: Plan
    solution: RankedSolution
    columns: tuple[int, ...]


def rank_plans(
    scenario: Scenario,
    sites: list[Site],
    candidates: Candidates,
    translated: Translated,
    ranking: Ranking,
    day: Day | None = None,
) -> list[RankedPlan] | None:
    """Plans in the order of the solutions; None when one of them cannot be packed on its nodes."""
    asked = [a for i, s in enumerate(ranking.solutions) for a in assignments_of(i, s, translated, day)]
    runs = run_groups(translated.columns, asked)
    plans: list[RankedPlan] = []
    for i, solution in enumerate(ranking.solutions):
        mine = sorted((r for r in runs if r.assignment.plan == i), key=_group_order)
        operation = operation_of(translated.columns, mine, day)
        plan = _plan(scenario, sites, i, solution, mine, operation, day)
        if plan is None:
            return None
        # two solutions may differ in replicas that carry nothing: told once
        if all(plan.id != other.plan.id for other in plans):
            columns = tuple(r.assignment.column for r in mine)
            numbered = replace(plan, rank=len(plans) + 1)
            plans.append(RankedPlan(plan=numbered, solution=solution, columns=columns))
    if plans:
        best = plans[0].plan
        reasons = why_not(scenario, sites, candidates, translated, best.objective_value)
        explained = replace(best, explanation=replace(best.explanation, why_not=reasons))
        plans[0] = replace(plans[0], plan=explained)
    return plans


def with_bound(plans: list[RankedPlan], ranking: Ranking) -> list[RankedPlan]:
    """The same plans with their distance to another bound of the ranking."""
    told = []
    for ranked in plans:
        gap = relative_gap(ranked.solution.objective, ranking.bound)
        told.append(replace(ranked, plan=replace(ranked.plan, gap=gap)))
    return told


def _group_order(run: GroupRun) -> tuple[object, ...]:
    setting = run.priced.setting
    devices = int(run.priced.layouts.devices[run.row])
    first = ("encode", "aggregated", "colocated", "prefill")
    role = first.index(run.priced.role) if run.priced.role in first else len(first)
    return (setting.deployment_index, role,
            setting.pool_index, -devices, run.assignment.column)  # fmt: skip


def _plan(  # noqa: PLR0913
    scenario: Scenario, sites: list[Site], rank: int, solution: RankedSolution, runs: list[GroupRun],
    operation: Operation, day: Day | None,
) -> Plan | None:  # fmt: skip
    devices_of = placed(scenario, sites, runs, operation)
    if devices_of is None:
        return None
    groups = tuple(_group(r, runs, streams_of(scenario)) for r in runs)
    used = int(operation.held.max())
    streams = streams_of(scenario)
    predicted = {s.name: _predict(s, i, runs) for i, s in enumerate(streams)}
    total = sum(s.capacity or 0 for s in sites)
    verdicts = {s.name: _verdict(s, predicted[s.name], runs) for s in streams}
    cost = cost_of(scenario, operation, day, predicted)
    return Plan(
        rank=rank + 1,
        id=_plan_id(scenario, groups),
        objective_value=solution.objective,
        gap=solution.gap,
        devices_used=used,
        devices_idle=max(total - used, 0) if all(s.capacity is not None for s in sites) else 0,
        groups=groups,
        placement=tuple(
            Placed(group=g, replica=r, devices=devices) for (g, r), devices in sorted(devices_of.items())
        ),
        predicted=predicted,
        cost=cost,
        slo=verdicts,
        evidence=_evidence(runs),
        explanation=explain(scenario, sites, runs, predicted, cost, used),
        periods=told_periods(scenario, operation, day, runs),
    )


def _plan_id(scenario: Scenario, groups: tuple[Group, ...]) -> str:
    """Short hash of what is deployed: the same plan has the same id in every answer."""
    what = [
        [
            g.deployment,
            g.role_words,
            g.pool,
            g.replicas,
            str(g.parallelism),
            str(g.precision),
            str(g.limits),
            *([g.power_level] if g.power_level else []),
        ]
        for g in groups
    ]
    text = json.dumps([[d.name, str(d.model)] for d in scenario.deployments] + what)
    return "plan-" + hashlib.sha256(text.encode()).hexdigest()[:16]


def _by_class(run: GroupRun, streams: Sequence[Stream]) -> dict[str, float]:
    """Requests per second of every class that a group carries; empty where its deployment has none."""
    found = {}
    for part in run.streams:
        own = streams[part.priced.stream]
        if own.class_index is not None:
            name = own.name.removeprefix(f"{own.deployment.name}/")
            found[name] = part.assignment.weight_per_s
    return found


def _group(run: GroupRun, runs: list[GroupRun], streams: Sequence[Stream]) -> Group:
    setting, assignment = run.priced.setting, run.assignment
    peers = [
        r.assignment.weight_per_s
        for r in runs
        if r.priced.role == run.priced.role and r.priced.setting.deployment_index == setting.deployment_index
    ]
    return Group(
        deployment=setting.deployment.name,
        role=run.priced.role,
        pool=setting.site.pool.name,
        replicas=assignment.replicas,
        parallelism=run.priced.layouts.parallelism(run.row),
        layer_partition=run.layer_partition,
        precision=type(setting.precision)(
            weights=setting.precision.weights,
            moe_weights=setting.precision.experts,
            kv=setting.precision.kv,
        ),
        engine=type(setting.deployment.engine)(
            name=setting.deployment.engine.name,
            version=setting.deployment.engine.version or setting.engine.version,
        ),
        limits=run.limits,
        memory_bytes=run.memory,
        traffic_share=assignment.weight_per_s / max(sum(peers), 1e-300),
        power_level=setting.site.power_level,
        sm_share_frac=sm_share(run.priced.layouts, run.row),
        language_only=run.priced.role != "encode" and _pool_frac(run) > 0.0,
        class_request_per_s=_by_class(run, streams),
    )


def _predict(stream: Stream, number: int, runs: list[GroupRun]) -> Predicted:
    """A stream's latencies: means weighted by traffic, percentiles of the slowest path.

    Every group holds the SLO on its own; the slowest path's percentile is an upper estimate of the mix.
    """
    mine = [r for r in runs if r.priced.setting.deployment_index == stream.deployment_index]
    devices = sum(r.assignment.replicas * int(r.priced.layouts.devices[r.row]) for r in mine)
    mine = [part for r in mine for part in r.streams if part.priced.stream == number]
    by_role: dict[str, list[GroupRun]] = defaultdict(list)
    for run in mine:
        by_role[run.priced.role].append(run)
    whole = [r for role in WHOLE_ROLES for r in by_role[role]]
    rate = sum(r.assignment.weight_per_s for r in whole + by_role["prefill"])
    paths: list[_Path] = []
    for frac in dict.fromkeys(_pool_frac(r) for r in whole + by_role["prefill"]):
        encode = [r for r in by_role["encode"] if _pool_frac(r) == frac]
        first = [r for r in by_role["prefill"] if _pool_frac(r) == frac]
        served = [(r.assignment.weight_per_s, r.latency_s) for r in whole if _pool_frac(r) == frac]
        if first and by_role["decode"]:
            served.append(_pair(first, by_role["decode"]))
        paths += [_after_encode(encode, path) for path in served]
    latency = {m: _mixed([(w, latency[m]) for w, latency in paths]) for m in METRICS}
    tokens = rate * traffic_of(stream.deployment.workload).output_tokens
    return Predicted(
        ttft_s=latency["ttft_s"], tpot_s=latency["tpot_s"], e2e_s=latency["e2e_s"],
        request_per_s=rate, output_tokens_per_s=tokens,
        output_tokens_per_s_per_device=tokens / max(devices, 1),
    )  # fmt: skip


_Path = tuple[float, dict[str, dict[str, float]]]
"""Requests per second of a path, and its latencies by metric and statistic."""


def _pool_frac(run: GroupRun) -> float:
    """Share of the first token that an encode pool takes on the path of this group; 0 without one."""
    images = run.priced.setting.images
    return 0.0 if images is None else images.pool_frac


def _after_encode(encode: list[GroupRun], path: _Path) -> _Path:
    """The path after its encode groups: their time comes before the first token."""
    if not encode:
        return path
    weight, latency = path
    ahead = _mixed([(r.assignment.weight_per_s, r.latency_s["ttft_s"]) for r in encode])
    later = {m: {s: latency[m][s] + ahead[s] for s in ahead} for m in ("ttft_s", "e2e_s")}
    return weight, {**latency, **later}


def _pair(first: list[GroupRun], second: list[GroupRun]) -> _Path:
    """Prefill and decode groups as one path: first token from one side, the others from the other."""
    ttft = _mixed([(r.assignment.weight_per_s, r.latency_s["ttft_s"]) for r in first])
    tpot = _mixed([(r.assignment.weight_per_s, r.latency_s["tpot_s"]) for r in second])
    rest = _mixed([(r.assignment.weight_per_s, r.latency_s["e2e_s"]) for r in second])
    e2e = {s: ttft[s] + rest[s] for s in ttft}
    return sum(r.assignment.weight_per_s for r in first), {"ttft_s": ttft, "tpot_s": tpot, "e2e_s": e2e}


def _mixed(parts: list[tuple[float, Mapping[str, float]]]) -> dict[str, float]:
    total = sum(w for w, _ in parts)
    names = parts[0][1] if parts else {}
    return {
        s: sum(w * v[s] for w, v in parts) / max(total, 1e-300)
        if s == "mean"
        else max(v[s] for _, v in parts)
        for s in names
    }


def _verdict(stream: Stream, predicted: Predicted, runs: list[GroupRun]) -> SloVerdict:
    """Met when the whole error band meets, near miss when only the point does or misses narrowly."""
    margins: dict[str, float] = {}
    worst = 0
    mine = [r for r in runs if r.priced.setting.deployment_index == stream.deployment_index]
    for metric, limit in stream.deployment.slo.limits().items():
        value = getattr(predicted, metric)[statistic_name(limit.percentile)]
        margins[metric] = (limit.limit_s - value) / limit.limit_s
        if value * max(band_frac(r.priced.replica.model, r.row, metric)[1] for r in mine) <= limit.limit_s:
            level = 0
        else:
            level = 1 if margins[metric] > -NEAR_MISS_FRAC else 2
        worst = max(worst, level)
    names = ("met", "near_miss", "missed")
    return SloVerdict(status=names[worst], margins_frac=margins)  # type: ignore[arg-type]


def _evidence(runs: list[GroupRun]) -> Evidence:
    """What the plan rests on, the factors that were stated included."""
    found = together([of_candidate(r.priced.replica.model, r.row) for r in runs])
    stated = (r.priced.setting.rate_factors for r in runs if r.priced.role in STATED_ROLES)
    words = dict.fromkeys(factors.words() for factors in stated if factors is not None)
    return replace(found, sources=(*found.sources, *words))
