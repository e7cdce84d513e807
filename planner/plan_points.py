"""Ranked plans as points: how fast one user is served against what a device yields."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from models.plan import Plan, RankedPlans
from planner.streams import streams_of

Kind = Literal["aggregated", "disaggregated", "colocated", "mixed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPoint:
    """One plan for one deployment: output tokens per second of a user (1 / mean TPOT), and of a device.

    ``is_best`` tells that no other plan is at least as good in both and better in one.
    """

    rank: int
    deployment: str
    user_tokens_per_s: float
    device_tokens_per_s: float
    devices: int
    kind: Kind
    is_best: bool


def plan_points(answer: RankedPlans) -> list[PlanPoint]:
    """A point for every plan and deployment; plans that make no output tokens have none."""
    found: list[PlanPoint] = []
    for name in dict.fromkeys(name for plan in answer.plans for name in plan.predicted):
        rows = [
            (plan, 1.0 / p.tpot_s["mean"], p.output_tokens_per_s_per_device)
            for plan in answer.plans
            if (p := plan.predicted.get(name)) is not None and p.tpot_s.get("mean", 0.0) > 0
        ]
        best = _unbeaten([(x, y) for _, x, y in rows])
        found += [
            PlanPoint(
                rank=plan.rank, deployment=name, user_tokens_per_s=x, device_tokens_per_s=y,
                devices=plan.devices_used, kind=kind_of(plan, name), is_best=(x, y) in best,
            )
            for plan, x, y in rows
        ]  # fmt: skip
    return found


def kind_of(plan: Plan, stream: str) -> Kind:
    """How a deployment, or a class of it (deployment/class), is served: phases together, apart, or both."""
    roles = {g.role for g in plan.groups if stream in (g.deployment, *_classes(g.deployment, stream))}
    whole = roles & {"aggregated", "colocated"}
    if "prefill" in roles:
        return "mixed" if whole else "disaggregated"
    return "mixed" if len(whole) > 1 else "colocated" if "colocated" in roles else "aggregated"


def slowest_user_tokens_per_s(answer: RankedPlans) -> dict[str, float]:
    """Tokens per second that a user gets at the TPOT limit, by deployment; those without one are left out."""
    return {
        s.name: 1.0 / s.deployment.slo.tpot_s.limit_s
        for s in streams_of(answer.scenario)
        if s.deployment.slo.tpot_s is not None
    }


def _classes(deployment: str, stream: str) -> tuple[str, ...]:
    return (stream,) if stream.startswith(f"{deployment}/") else ()


def _unbeaten(points: Sequence[tuple[float, float]]) -> set[tuple[float, float]]:
    return {
        p for p in points if not any(q != p and q[0] >= p[0] and q[1] >= p[1] for q in points)
    }  # fmt: skip
