"""What if? The scenario is changed and solved again: every difference is between two proven answers."""

from collections.abc import Iterable
from dataclasses import replace

from models.errors import InvalidInput
from models.plan import Plan, RankedPlans
from models.scenario import Scenario
from models.what_if import Change, MadeChange, Outcome, WhatIfAnswer
from planner import pipeline
from planner.changes import changed

FIGURES = ("objective_value", "devices_used", "usd_per_hour", "watt")


def what_if(scenario: Scenario, changes: Iterable[Change], before: RankedPlans | None = None) -> WhatIfAnswer:
    """Answer before and after the changes; ``before`` spares the first solve where it is known.

    Raises
    ------
    InvalidInput
        A change that leads nowhere, or that the scenario may not have.
    """
    other, made = changed(scenario, changes)
    if not made:
        raise InvalidInput("no change is given", pointer="/changes", hint="Maybe limits.devices: 8.")
    first = before if before is not None else pipeline.plan(_one_plan(scenario))
    second = pipeline.plan(_one_plan(other))
    one, two = outcome(first), outcome(second)
    return WhatIfAnswer(
        changes=made,
        objective=second.objective,
        before=one,
        after=two,
        difference=_difference(one, two),
        proven=first.status in ("optimal", "infeasible") and second.status in ("optimal", "infeasible"),
        statement=_statement(made, second.objective.unit, one, two),
        answer=second,
    )


def _one_plan(scenario: Scenario) -> Scenario:
    return replace(scenario, options=replace(scenario.options, top_k=1))


def outcome(answer: RankedPlans) -> Outcome:
    """An answer in a few figures."""
    plan = answer.plans[0] if answer.plans else None
    return Outcome(
        status=answer.status,
        objective_value=None if plan is None else plan.objective_value,
        bound=answer.bound,
        gap=answer.gap,
        plan_id=None if plan is None else plan.id,
        devices_used=None if plan is None else plan.devices_used,
        usd_per_hour=None if plan is None else plan.cost.usd_per_hour,
        watt=None if plan is None else plan.cost.watt,
        groups=() if plan is None else _groups(plan),
    )


def _groups(plan: Plan) -> tuple[str, ...]:
    return tuple(
        f"{g.deployment}: {g.replicas} x {g.parallelism.short()} {g.role_words} on {g.pool}"
        for g in plan.groups
    )


def _difference(before: Outcome, after: Outcome) -> dict[str, float]:
    """After minus before, of the figures that both have."""
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in FIGURES}
    return {
        name: float(new) - float(old)
        for name, (old, new) in pairs.items()
        if old is not None and new is not None
    }


def _statement(made: tuple[MadeChange, ...], unit: str, before: Outcome, after: Outcome) -> str:
    """One sentence a person can repeat."""
    what = ", ".join(f"{c.change} from {_told(c.from_)} to {_told(c.to)}" for c in made)
    if after.objective_value is None:
        return f"{what}: no plan is left" if before.objective_value is not None else f"{what}: still no plan"
    if before.objective_value is None:
        return f"{what}: makes it feasible, {after.objective_value:.4g} {unit}"
    parts = [f"{before.objective_value:.4g} to {after.objective_value:.4g} {unit}"]
    if before.devices_used is not None and after.devices_used is not None:
        saved = before.devices_used - after.devices_used
        if saved:
            noun = "device" if abs(saved) == 1 else "devices"
            parts.append(f"{'saves' if saved > 0 else 'takes'} {abs(saved)} {noun}")
    if before.usd_per_hour is not None and after.usd_per_hour is not None:
        money = before.usd_per_hour - after.usd_per_hour
        if abs(money) >= 0.005:
            parts.append(f"{'saves' if money > 0 else 'costs'} {abs(money):.2f} USD/h")
    return f"{what}: {', '.join(parts)}"


def _told(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
