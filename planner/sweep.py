"""Sweeps: from axes to combinations, and from one combination to its outcome."""

from dataclasses import replace
from math import prod
from typing import Any

from models import codec
from models.errors import InvalidInput, TooLarge
from models.plan import RankedPlans
from models.scenario import Scenario
from models.sweep import Axes, Axis, PointPrediction, SweepPoint
from models.what_if import Change
from planner import pipeline
from planner.changes import changed
from planner.what_if import outcome


def total(axes: tuple[Axis, ...]) -> int:
    """How many combinations there are."""
    return prod(len(axis.values) for axis in axes)


def changes_at(axes: tuple[Axis, ...], number: int) -> tuple[Change, ...]:
    """The combination of a number from 0; the last axis varies fastest."""
    made: list[Change] = []
    for axis in reversed(axes):
        number, i = divmod(number, len(axis.values))
        made.append(Change(change=axis.change, to=axis.values[i]))
    return tuple(reversed(made))


def told_changes(axes: list[dict[str, Any]], number: int) -> dict[str, Any]:
    """The combination of a number, by name, from axes as plain data."""
    read = codec.from_plain(Axes, {"axes": axes}).axes
    return {change.change: change.to for change in changes_at(read, number)}


def check(scenario: Scenario, axes: tuple[Axis, ...], most: int) -> None:
    """Refuse what can be refused before anything is solved: every value by itself, and their number.

    Raises
    ------
    InvalidInput
        With the pointer of the axis or of the value.
    """
    if total(axes) > most:
        raise TooLarge(
            f"{total(axes):,} combinations, more than {most:,}",
            pointer="/axes",
            hint="Maybe fewer values, or several sweeps.",
        )
    seen: set[str] = set()
    for i, axis in enumerate(axes):
        if axis.change in seen:
            raise InvalidInput(f"{axis.change} is an axis already", pointer=f"/axes/{i}/change")
        seen.add(axis.change)
        for j, value in enumerate(axis.values):
            _check_value(scenario, axis, value, i, j)


def _check_value(scenario: Scenario, axis: Axis, value: Any, i: int, j: int) -> None:
    try:
        other, _ = changed(scenario, [Change(change=axis.change, to=value)])
        pipeline.validate(other)
    except InvalidInput as error:
        where = f"/axes/{i}/change" if error.pointer == "/changes/0/change" else f"/axes/{i}/values/{j}"
        raise InvalidInput(error.message, pointer=where, hint=error.hint) from None


def scenario_at(scenario: Scenario, changes: tuple[Change, ...]) -> Scenario:
    """The scenario of one combination; only its best plan is asked for."""
    other, _ = changed(scenario, changes)
    return replace(other, options=replace(other.options, top_k=1))


def solve_point(scenario: Scenario, axes: tuple[Axis, ...], number: int) -> SweepPoint:
    """The outcome of one combination; one that cannot be is an outcome too."""
    changes = changes_at(axes, number)
    told = {change.change: change.to for change in changes}
    try:
        answer = pipeline.plan(scenario_at(scenario, changes))
    except InvalidInput as error:
        reason = f"{error.pointer}: {error.message}" if error.pointer else error.message
        return SweepPoint(number=number, changes=told, status="invalid", reason=reason)
    return SweepPoint(
        number=number,
        changes=told,
        status=answer.status,
        outcome=outcome(answer),
        predicted=_predicted(answer),
    )


def _predicted(answer: RankedPlans) -> dict[str, PointPrediction] | None:
    """Means of the best plan by deployment."""
    if not answer.plans:
        return None
    return {
        name: PointPrediction(
            ttft_s=each.ttft_s.get("mean"),
            tpot_s=each.tpot_s.get("mean"),
            e2e_s=each.e2e_s.get("mean"),
            request_per_s=each.request_per_s,
            output_tokens_per_s=each.output_tokens_per_s,
        )
        for name, each in answer.plans[0].predicted.items()
    }
