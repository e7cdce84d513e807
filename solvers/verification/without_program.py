"""An answer that came before any program: no configuration met its limits, so there is no plan to check."""

from __future__ import annotations

from typing import Any

from solvers.verification.answer_claims import read_answer
from solvers.verification.reading import Field, Unreadable
from solvers.verification.report import Outcome, Report
from solvers.verification.words import differs

NOTE = "no configuration meets its limits, so there is no program; that rests on the prices alone"


def without_program(answer: dict[str, Any], certificate: dict[str, Any]) -> Report:
    """Check that the answer promises nothing, and that both documents speak of one scenario.

    Raises
    ------
    Unreadable
        A document is not what its schema says.
    """
    try:
        claims = read_answer(Field(answer))
    except Unreadable as error:
        error.document = "answer"
        raise
    found = claims.scenario.sha256()
    hashes = [
        differs(f"scenario_sha256 of the {name}", stated, found)
        for name, stated in (
            ("answer", claims.scenario_sha256), ("certificate", certificate.get("scenario_sha256")),
        )
        if stated != found
    ]  # fmt: skip
    promised = []
    if claims.status != "infeasible":
        promised.append(differs("status", claims.status, "infeasible"))
    if claims.plans or claims.bound is not None:
        promised.append(f"{len(claims.plans)} plans and the bound {claims.bound} come without a program")
    checks = (
        Outcome(name="scenario_hash", says="both documents speak of one scenario", faults=tuple(hashes)),
        Outcome(name="nothing_promised", says="neither plan nor bound is stated", faults=tuple(promised)),
    )  # fmt: skip
    failed = not all(check.passed for check in checks)
    return Report(
        status="rejected" if failed else "partial", note="" if failed else NOTE, sense=claims.sense,
        objective=None, bound=None, proven_bound=None, proven_by=None,
        plans=0, columns=0, rows=0, leaves=0, checks=checks,
    )  # fmt: skip
