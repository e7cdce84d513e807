"""The whole verification on one page: read both documents, prove the bound, run every check, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from solvers.verification import placement_checks, plan_checks, point_checks, proof_checks
from solvers.verification.answer_claims import read_answer
from solvers.verification.branching_tree import implies
from solvers.verification.case import Case, Check, make_case
from solvers.verification.certificate_document import read_certificate
from solvers.verification.reading import Field, Unreadable
from solvers.verification.report import Outcome, Report
from solvers.verification.words import as_double

T = TypeVar("T")

CHECKS: tuple[Check, ...] = (
    *proof_checks.CHECKS,
    *point_checks.CHECKS,
    *plan_checks.CHECKS,
    *placement_checks.CHECKS,
)


def verify(
    answer: dict[str, Any], certificate: dict[str, Any], *, domains: Mapping[str, int] | None = None
) -> Report:
    """Check an answer against its certificate; no solver, no rounding.

    Parameters
    ----------
    answer
        A ``shardwright.plans/1`` document.
    certificate
        A ``shardwright.certificate/1`` document with one program.
    domains
        Devices of a scale-up domain by device name, for pools that do not state theirs.

    Raises
    ------
    Unreadable
        A document is not what its schema says; names the document and the field.
    """
    case = make_case(
        _read(read_answer, answer, "answer"),
        _read(read_certificate, certificate, "certificate"),
        domains or {},
    )
    outcomes = tuple(_outcome(check, case) for check in CHECKS)
    note = _not_proven(case)
    failed = not all(outcome.passed for outcome in outcomes)
    proven = case.proven()
    by_tree = case.tree is not None and case.tree.holds() and case.tree.bound is not None
    program, best = case.certificate.program, case.answer.plans[:1]
    return Report(
        status="rejected" if failed else "partial" if note else "accepted",
        note=note,
        sense=program.sense,
        objective=best[0].objective_value if best else None,
        bound=case.certificate.bound,
        proven_bound=as_double(proven),
        proven_by=None if proven is None else "tree" if by_tree and proven != case.lp else "lp",
        plans=len(case.answer.plans),
        columns=program.n_cols,
        rows=program.n_rows,
        leaves=0 if case.certificate.tree is None else len(case.certificate.tree.leaves),
        checks=outcomes,
    )


def _read(reader: Callable[[Field], T], document: dict[str, Any], name: str) -> T:
    try:
        return reader(Field(document))
    except Unreadable as error:
        error.document = name
        raise


def _outcome(check: Check, case: Case) -> Outcome:
    says = (check.__doc__ or "").strip().splitlines()[0]
    return Outcome(name=check.__name__, says=says, faults=tuple(check(case)))


def _not_proven(case: Case) -> str:
    """What the certificate leaves unproven, in words; empty where nothing is claimed beyond the proof."""
    certificate = case.certificate
    if case.answer.status == "infeasible":
        empty = case.tree is not None and case.tree.empty
        return "" if empty else "that no plan exists is not proven: the certificate holds no tree for it"
    if case.tree is not None:
        return ""
    claimed = certificate.bound
    if claimed is None or (case.lp is not None and implies(case.lp, claimed, certificate.program.sense)):
        return ""
    limit = certificate.max_leaves
    why = (
        "the certificate holds no tree" if limit is None else f"the tree was left out above {limit:,} leaves"
    )
    return f"{'only lp_bound' if certificate.lp_bound is not None else 'no bound'} is proven: {why}"
