"""The outcome of a verification as lines: the verdict, what is proven, and every fault."""

from collections.abc import Iterator

from api.render.quantities import amount, count, percent
from solvers.verification.report import Report

MAX_SHOWN = 10
"""Faults shown of one check; the others are counted."""


def report_lines(report: Report) -> Iterator[str]:
    """A verdict, the bound beside the objective, then one line per check that passed or fault found."""
    yield _verdict(report)
    if report.objective is not None:
        yield _bound(report)
    for check in report.checks:
        if check.passed:
            yield f"  ok      {check.name}: {check.says}"
        yield from (f"  FAILED  {check.name}: {fault}" for fault in check.faults[:MAX_SHOWN])
        if len(check.faults) > MAX_SHOWN:
            yield f"  FAILED  {check.name}: and {count(len(check.faults) - MAX_SHOWN)} more"


def _verdict(report: Report) -> str:
    if report.status == "rejected":
        failed = sum(not check.passed for check in report.checks)
        return f"rejected: {count(failed)} of {count(len(report.checks))} checks failed"
    if report.status == "partial":
        return f"accepted as far as proven: {report.note}"
    if report.plans == 0:
        return "accepted: it is proven that no plan exists in the model"
    return f"accepted: every plan ({count(report.plans)}) is feasible in the program, and the bound is proven"


def _bound(report: Report) -> str:
    words = {"tree": f"a tree of {count(report.leaves)} leaves", "lp": "the linear relaxation"}
    text = f"{report.sense}imum: objective {amount(report.objective)}, bound {amount(report.bound)}"
    if report.proven_by is None or report.objective is None or report.proven_bound is None:
        return f"{text}, nothing proven"
    gap = abs(report.proven_bound - report.objective) / max(abs(report.objective), 1e-12)
    return f"{text}; proven: {amount(report.proven_bound)} by {words[report.proven_by]}, gap {percent(gap)}"
