"""A trade-off between two objectives: points with a plan and a proof each."""

from dataclasses import replace
from typing import Any

import numpy as np

from models.objective import CompoundObjective
from models.plan import FrontierPoint, Plan
from models.scenario import Scenario
from planner.candidates import Candidates
from planner.certifying import certificate_of, certify
from planner.day import Day
from planner.fleet_program import Translated
from planner.ranking import rank_plans, with_bound
from planner.setting import Site
from solvers import frontier as program
from solvers.result import Status


def trade_off(scenario: Scenario, translated: Translated) -> tuple[program.FrontierPoint, ...]:
    """Points of the trade-off a scenario asks for."""
    asked = scenario.objective
    assert isinstance(asked, CompoundObjective)
    first, second = translated.objectives
    options = scenario.options
    return program.frontier(
        translated.fleet, (first, second), points=asked.points, time_limit_s=options.time_limit_s,
        gap=options.gap,
    )  # fmt: skip


def told_points(  # noqa: PLR0913
    scenario: Scenario, sites: list[Site], candidates: Candidates, translated: Translated,
    found: tuple[program.FrontierPoint, ...], day: Day | None, certificates: list[Any] | None,
) -> tuple[tuple[FrontierPoint, ...], list[Plan]]:  # fmt: skip
    """Points and plans of the answer, in order along the trade-off; ranks number the plans.

    ``certificates`` collects the proof of every point; None: none is asked for.
    """
    points: list[FrontierPoint] = []
    plans: list[Plan] = []
    for point in found:
        ranked = rank_plans(scenario, sites, candidates, translated, point.ranking, day)
        if not ranked:
            continue
        ranking = point.ranking
        if certificates is not None:
            ranking, document = certificate_of(scenario, translated, ranking, ranked)
            certificates.append(document)
            ranked = with_bound(ranked, ranking)
        plan = ranked[0].plan
        if all(plan.id != other.id for other in plans):
            plans.append(_numbered(plan, len(plans) + 1))
        points.append(
            FrontierPoint(
                values=dict(zip(scenario.objectives, point.values, strict=True)),
                level=point.level,
                status="optimal" if ranking.status is Status.OPTIMAL else "feasible",
                bound=float(ranking.bound) if np.isfinite(ranking.bound) else None,
                gap=ranking.gap,
                plan_id=plan.id,
                certificate=certify(ranking, translated, scenario),
            )
        )
    return tuple(points), plans


def _numbered(plan: Plan, rank: int) -> Plan:
    return replace(plan, rank=rank)
