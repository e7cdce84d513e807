"""Checks of the plans against the program: each is a feasible point with the stated objective."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction

from solvers.verification.answer_claims import GroupClaims
from solvers.verification.case import Case, Check
from solvers.verification.certificate_document import Descriptor, Point
from solvers.verification.program_arrays import ProgramArrays
from solvers.verification.reading import Field
from solvers.verification.words import RELATIVE, close, differs

REPLICAS = "x["
"""How the names of columns that count replicas begin."""


def plans_listed(case: Case) -> Iterator[str]:
    """The certificate holds a point for every plan, and no plan is given twice."""
    seen: set[str] = set()
    for plan in case.answer.plans:
        if plan.id not in case.certificate.points:
            yield differs(plan.id, "a plan", "no point of this name in the certificate")
        if plan.id in seen:
            yield differs(plan.id, "one plan", "two plans of this name")
        seen.add(plan.id)


def descriptors(case: Case) -> Iterator[str]:
    """Every column that counts replicas says what a replica is and how many devices it takes."""
    program = case.certificate.program
    for column, what in case.certificate.groups.items():
        if what.degrees != what.devices:
            yield differs(f"devices of {program.column_name[column]}", what.devices, what.degrees)
        if not program.integer[column]:
            yield differs(program.column_name[column], "a count of replicas", "no integer column")
    for column, name in enumerate(program.column_name):
        if name.startswith(REPLICAS) and column not in case.certificate.groups:
            yield differs(name, "a count of replicas", "no descriptor")


def groups(case: Case) -> Iterator[str]:
    """Every group of a plan is what the certificate says of its column, in every period."""
    for plan, point in case.pairs():
        if len(point.groups) != len(plan.groups):
            yield differs(f"{plan.id}: groups", len(plan.groups), len(point.groups))
        if len(set(point.columns())) != len(point.columns()):
            yield differs(f"{plan.id}: groups", "one column each", "one column for two")
        for i, (group, columns) in enumerate(zip(plan.groups, point.groups, strict=False)):
            where, times = f"{plan.id}: group {i}", max(len(plan.periods), 1)
            if len(columns) != times:
                yield differs(where, f"{times} columns", f"{len(columns)} columns")
            for column in columns:
                what = case.certificate.groups.get(column)
                if what is None:
                    yield differs(where, f"column {column}", "no replicas in this column")
                else:
                    yield from _unlike(where, group, what)


def _unlike(where: str, group: GroupClaims, what: Descriptor) -> Iterator[str]:
    """Words in which a group and a column differ."""
    for word in ("deployment", "role", "pool", "power_level"):
        if getattr(group, word) != getattr(what, word):
            yield differs(f"{where}: {word}", getattr(group, word), getattr(what, word))
    for word in ("parallelism", "precision"):
        claimed, found = _text(getattr(group, word)), _text(getattr(what, word))
        if claimed != found:
            yield differs(f"{where}: {word}", claimed, found)


def replicas(case: Case) -> Iterator[str]:
    """Every group has as many replicas as the point counts, in every period, and there are no others."""
    for plan, point in case.pairs():
        counts = plan.counts()
        for i, (group, columns) in enumerate(zip(plan.groups, point.groups, strict=False)):
            where = f"{plan.id}: group {i}: replicas"
            most = max(count[i] for count in counts)
            if group.replicas < 1 or group.replicas != most:
                yield differs(where, group.replicas, most)
            for t, (count, column) in enumerate(zip(counts, columns, strict=False)):
                found = point.values.get(column, 0.0)
                if count[i] != found:
                    yield differs(
                        f"{where} in {plan.periods[t].name}" if plan.periods else where, count[i], found
                    )
        for column in sorted(set(case.certificate.groups) - set(point.columns())):
            if point.values.get(column, 0.0):
                name = case.certificate.program.column_name[column]
                yield differs(f"{plan.id}: {name}", "no such group", point.values[column])


def integrality(case: Case) -> Iterator[str]:
    """Integer columns have whole values, exactly."""
    program = case.certificate.program
    for plan, point in case.pairs():
        for column, value in point.values.items():
            if program.integer[column] and not value.is_integer():
                yield differs(f"{plan.id}: {program.column_name[column]}", "a whole number", value)


def column_bounds(case: Case) -> Iterator[str]:
    """Every value lies within the bounds of its column, exactly."""
    program = case.certificate.program
    for plan, point in case.pairs():
        for column in range(program.n_cols):
            value, lower, upper = point.values.get(column, 0.0), program.lower[column], program.upper[column]
            if lower is not None and value < lower:
                yield differs(f"{plan.id}: {program.column_name[column]}", f"at least {lower!r}", value)
            if upper is not None and value > upper:
                yield differs(f"{plan.id}: {program.column_name[column]}", f"at most {upper!r}", value)


def rows(case: Case) -> Iterator[str]:
    """Every row holds within 1e-9 of its own magnitude, summed exactly."""
    program = case.certificate.program
    for plan, point in case.pairs():
        values = {column: Fraction(value) for column, value in point.values.items()}
        for row in range(program.n_rows):
            fault = _row_fault(program, row, values)
            if fault:
                yield f"{plan.id}: {fault}"


def objective(case: Case) -> Iterator[str]:
    """The objective of every point, computed exactly, is that of its plan."""
    for plan, point in case.pairs():
        found = _objective(case.certificate.program, point)
        if not close(plan.objective_value, found):
            yield differs(f"{plan.id}: objective_value", plan.objective_value, found)
        if not close(point.objective, found):
            yield differs(f"{plan.id}: objective in the certificate", point.objective, found)


def _objective(program: ProgramArrays, point: Point) -> Fraction:
    terms = (Fraction(value) * Fraction(program.objective[column]) for column, value in point.values.items())
    return Fraction(program.objective_offset) + sum(terms, Fraction(0))


def _row_fault(program: ProgramArrays, row: int, values: dict[int, Fraction]) -> str:
    """What is wrong with a row at a point; magnitude is the sum of its absolute terms, or its limit."""
    terms = [values[column] * Fraction(a) for column, a in program.entries(row) if column in values]
    activity, size = sum(terms, Fraction(0)), sum(map(abs, terms), Fraction(0))
    for limit, sign, word in ((program.row_lower[row], -1, "least"), (program.row_upper[row], 1, "most")):
        if limit is None:
            continue
        slack = RELATIVE * max(size, abs(Fraction(limit)))
        if sign * (activity - Fraction(limit)) > slack:
            return differs(program.row_name[row], f"at {word} {limit!r}", activity)
    return ""


def _text(field: Field) -> str:
    return json.dumps(field.value, sort_keys=True)


CHECKS: tuple[Check, ...] = (
    plans_listed, descriptors, groups, replicas, integrality, column_bounds, rows, objective,
)  # fmt: skip
