"""One certificate, or one for every point of a trade-off: each is verified on its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solvers.verification.reading import Unreadable
from solvers.verification.report import Report
from solvers.verification.verify import verify
from solvers.verification.without_program import without_program


def verify_all(
    answer: dict[str, Any], certificate: dict[str, Any], *, domains: Mapping[str, int] | None = None
) -> list[Report]:
    """Check an answer against its certificate, a trade-off point by point.

    Raises
    ------
    Unreadable
        A document is not what its schema says, or the two do not hold the same number of points.
    """
    if certificate.get("program", certificate) is None:
        return [without_program(answer, certificate)]
    if "frontier" not in certificate:
        return [verify(answer, certificate, domains=domains)]
    proofs, points = _listed(certificate, "certificate"), _listed(answer, "answer")
    if len(proofs) != len(points):
        raise _fault(f"holds {len(proofs)} points, the answer {len(points)}", "certificate")
    return [
        verify(_answer_of(answer, point), proof, domains=domains)
        for point, proof in zip(points, proofs, strict=True)
    ]


def _listed(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    points = document.get("frontier")
    if not isinstance(points, list) or not points or not all(isinstance(p, dict) for p in points):
        raise _fault("is no list of points", name)
    return points


def _answer_of(answer: dict[str, Any], point: dict[str, Any]) -> dict[str, Any]:
    """The answer as if it had this point alone; its plan is the one the point names."""
    plans = answer.get("plans")
    named = [p for p in plans if isinstance(p, dict)] if isinstance(plans, list) else []
    mine = [p for p in named if p.get("id") == point.get("plan_id")]
    told = {key: point.get(key) for key in ("status", "bound", "gap", "certificate")}
    return {**answer, **told, "plans": [{**p, "gap": point.get("gap"), "rank": 1} for p in mine]}


def _fault(message: str, document: str) -> Unreadable:
    error = Unreadable(message, "/frontier")
    error.document = document
    return error
