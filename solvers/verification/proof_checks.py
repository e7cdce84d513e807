"""Checks of the bound: that answer and certificate mean the same program, and that its bound is proven."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from solvers.verification.branching_tree import implies
from solvers.verification.case import Case, Check
from solvers.verification.words import close, differs

ROUNDING = 1e-8
"""Gap that doubles alone can leave: a smaller gap counts as none."""
SMALLEST_OBJECTIVE = Fraction(1, 10**12)
"""Objectives smaller than this do not make the gap larger."""
LEAST_GAP = Fraction(1, 10**15)
"""Distance of two gaps that doubles near an objective cannot tell apart."""


def program_hash(case: Case) -> Iterator[str]:
    """The program is the one whose hash stands in certificate and answer."""
    found = case.certificate.program.sha256()
    if found != case.certificate.program_sha256:
        yield differs("program_sha256 of the certificate", case.certificate.program_sha256, found)
    proof = case.answer.proof
    if proof is None and case.answer.plans:
        yield differs("certificate of the answer", f"none for {len(case.answer.plans)} plans", found)
    if proof is not None and found != proof.program_sha256:
        yield differs("program_sha256 of the answer", proof.program_sha256, found)


def scenario_hash(case: Case) -> Iterator[str]:
    """The scenario is the one whose hash stands in answer and certificate."""
    found = case.answer.scenario.sha256()
    if found != case.answer.scenario_sha256:
        yield differs("scenario_sha256 of the answer", case.answer.scenario_sha256, found)
    if found != case.certificate.scenario_sha256:
        yield differs("scenario_sha256 of the certificate", case.certificate.scenario_sha256, found)


def sense(case: Case) -> Iterator[str]:
    """Answer and program optimise in the same direction."""
    if case.answer.sense != case.certificate.program.sense:
        yield differs("objective.sense", case.answer.sense, case.certificate.program.sense)


def lp_bound(case: Case) -> Iterator[str]:
    """The multipliers prove the bound of the linear relaxation, and the answer states the same one."""
    certificate, proof = case.certificate, case.answer.proof
    if proof is not None and proof.lp_bound != certificate.lp_bound:
        yield differs("certificate.lp_bound", proof.lp_bound, certificate.lp_bound)
    claimed = certificate.lp_bound
    if claimed is not None and (case.lp is None or not implies(case.lp, claimed, certificate.program.sense)):
        yield differs("lp.bound", claimed, case.lp)


def lp_duals(case: Case) -> Iterator[str]:
    """The duals of the answer are the multipliers of the certificate."""
    if case.answer.proof is None:
        return
    named = sorted(dual for dual in case.answer.proof.lp_duals.values() if dual)
    held = sorted(y for _, y in case.certificate.lp_multipliers if y)
    if len(named) != len(held):
        yield differs("certificate.lp_duals", f"{len(named)} duals", f"{len(held)} multipliers")
    for claimed, found in zip(named, held, strict=False):
        if claimed != found:
            yield differs("certificate.lp_duals", claimed, found)
            return


def tree(case: Case) -> Iterator[str]:
    """Where there is a tree, it covers the whole space, and every leaf proves what it says."""
    if case.tree is not None:
        yield from case.tree.faults


def bound(case: Case) -> Iterator[str]:
    """Answer and certificate state one bound, no plan is better, and the tree, if any, proves it."""
    claimed, proven = case.certificate.bound, case.proven()
    if case.answer.bound != claimed:
        yield differs("bound", case.answer.bound, claimed)
    for plan in case.answer.plans:
        value = Fraction(plan.objective_value)
        beaten = claimed is not None and not implies(value, claimed, case.answer.sense)
        if claimed is not None and beaten and not close(value, claimed, Fraction(ROUNDING)):
            yield differs(f"{plan.id}: no better than the bound", claimed, value)
    if claimed is None or case.tree is None or case.tree.empty:
        return
    if proven is None or not implies(proven, claimed, case.certificate.program.sense):
        yield differs("bound of the certificate", claimed, proven)


def gap(case: Case) -> Iterator[str]:
    """Every gap is |bound - objective| / |objective|, and that of the answer is its best plan's."""
    best = case.answer.plans[0].gap if case.answer.plans else None
    if case.answer.gap != best:
        yield differs("gap", case.answer.gap, best)
    for plan in case.answer.plans:
        found = _gap(case.answer.bound, plan.objective_value)
        if not _same_gap(plan.gap, found):
            yield differs(f"{plan.id}: gap", plan.gap, found)


def method(case: Case) -> Iterator[str]:
    """Where the method is lp-dual, the linear relaxation alone meets the gap that was asked."""
    proof, plans = case.answer.proof, case.answer.plans
    if proof is None or proof.method != "lp-dual" or not plans:
        return
    found = _gap(proof.lp_bound, plans[0].objective_value)
    if found is None or found > _allowed(case):
        yield differs("certificate.method lp-dual", f"a gap of at most {case.answer.scenario.gap!r}", found)


def status(case: Case) -> Iterator[str]:
    """The status says what plans, gap and proof show."""
    plans, claimed = case.answer.plans, case.answer.status
    if claimed not in ("optimal", "feasible", "infeasible", "time_limit"):
        yield differs("status", claimed, "no such status")
    if bool(plans) != (claimed in ("optimal", "feasible")):
        yield differs("status", claimed, f"{len(plans)} plans")
    if claimed == "optimal" and plans:
        found = _gap(case.answer.bound, plans[0].objective_value)
        if found is None or found > _allowed(case):
            yield differs("status", f"optimal within {case.answer.scenario.gap!r}", found)
    if plans and case.tree is not None and case.tree.empty:
        yield differs("tree", "no point exists", f"{len(plans)} plans")


def order(case: Case) -> Iterator[str]:
    """Plans stand in the order of their objective, ranked from 1."""
    sign = 1 if case.answer.sense == "min" else -1
    plans = case.answer.plans
    for place, plan in enumerate(plans, start=1):
        if plan.rank != place:
            yield differs(f"{plan.id}: rank", plan.rank, place)
    for first, second in zip(plans, plans[1:], strict=False):
        a, b = Fraction(first.objective_value), Fraction(second.objective_value)
        if sign * (b - a) < 0 and not close(a, b, Fraction(ROUNDING)):
            yield differs(f"{second.id}: no better than rank {first.rank}", a, b)


def _gap(bound: float | None, objective: float) -> Fraction | None:
    if bound is None:
        return None
    value = Fraction(objective)
    return abs(Fraction(bound) - value) / max(abs(value), SMALLEST_OBJECTIVE)


def _same_gap(claimed: float | None, found: Fraction | None) -> bool:
    if claimed is None or found is None:
        return claimed is None and found is None
    return close(claimed, found) or abs(Fraction(claimed) - found) <= LEAST_GAP


def _allowed(case: Case) -> Fraction:
    return Fraction(max(case.answer.scenario.gap, ROUNDING))


CHECKS: tuple[Check, ...] = (
    program_hash, scenario_hash, sense, lp_bound, lp_duals, tree, bound, gap, method, status, order,
)  # fmt: skip
