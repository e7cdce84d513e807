"""What every check looks at: the answer, its certificate, and what the certificate proves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from solvers.verification import branching_tree
from solvers.verification.answer_claims import AnswerClaims, PlanClaims
from solvers.verification.branching_tree import TreeProof
from solvers.verification.certificate_document import CertificateDocument, Point
from solvers.verification.weak_duality import WeakDuality


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One answer and one certificate; ``lp`` and ``tree`` are proven, everything else is claimed.

    Parameters
    ----------
    domains
        Devices that share a scale-up fabric, by device name, where a pool does not say.
    lp
        Bound that the multipliers of the linear relaxation prove; None where they prove none.
    tree
        What the tree proves; None where there is no tree.
    """

    answer: AnswerClaims
    certificate: CertificateDocument
    domains: Mapping[str, int]
    lp: Fraction | None
    tree: TreeProof | None

    def pairs(self) -> Iterator[tuple[PlanClaims, Point]]:
        """Go through the plans that the certificate holds, each with its point."""
        for plan in self.answer.plans:
            point = self.certificate.points.get(plan.id)
            if point is not None:
                yield plan, point

    def proven(self) -> Fraction | None:
        """Tightest proven bound on the objective; None where there is none."""
        known = [self.lp] if self.lp is not None else []
        if self.tree is not None and self.tree.holds() and self.tree.bound is not None:
            known.append(self.tree.bound)
        if not known:
            return None
        return min(known) if self.certificate.program.sense == "max" else max(known)


Check = Callable[[Case], Iterator[str]]
"""Gives one line per fault; its docstring says what holds where there is none."""


def make_case(answer: AnswerClaims, certificate: CertificateDocument, domains: Mapping[str, int]) -> Case:
    """Evaluate the multipliers and the tree of a certificate."""
    duality = WeakDuality(certificate.program)
    tree = certificate.tree
    return Case(
        answer=answer,
        certificate=certificate,
        domains=domains,
        lp=duality.bound(certificate.lp_multipliers, duality.root()),
        tree=None if tree is None else branching_tree.prove(tree),
    )
