"""The port every solver backend satisfies."""

from __future__ import annotations

from typing import Protocol

from solvers.csr import Floats
from solvers.program import Program
from solvers.result import Result


class Backend(Protocol):
    """A solver of mixed-integer and linear programs.

    Obligations: the program is not modified; ``objective`` and ``bound`` are measured, never inferred from a
    status word; a returned ``x`` has exact integers and was re-checked against the arrays; no exception for
    infeasible, unbounded or timed-out programs; equal calls that meet no time limit give equal answers.
    """

    @property
    def name(self) -> str:
        """Name and version of the solver, as shown in a certificate."""
        ...

    def solve(
        self,
        program: Program,
        *,
        time_limit_s: float,
        gap: float,
        hint: Floats | None = None,
        nodes: int | None = None,
    ) -> Result:
        """Solve to a relative gap or to a limit, starting from ``hint`` [columns] where given.

        ``nodes`` bounds the branch-and-bound nodes: a limit that, unlike time, gives equal answers on every
        machine. A backend may ignore it.
        """
        ...

    def solve_lp(self, program: Program, *, time_limit_s: float) -> Result:
        """Solve the linear relaxation, with row duals and reduced costs."""
        ...
