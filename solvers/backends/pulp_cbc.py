"""CBC through PuLP: an independent second solver fed from the same arrays, and the LP and MPS writer.

PuLP says "Optimal" even at a time limit, so objective and bound are read from the numbers and CBC's own log.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from solvers.csr import Floats
from solvers.program import Program, Sense
from solvers.result import Result, Status, relative_gap

GAP_MARGIN = 0.5
"""Share of the asked gap at which CBC may stop."""
MEASURED_GAP = 1e-9
"""Gap below which a solution counts as optimal whatever was asked."""
SMALLEST_TIME_LIMIT_S = 0.01
SMALLEST_IMPROVEMENT = 1e-9
"""By how much CBC asks a new solution to be better; its default would hide small ones."""
_NUMBER = r"([-+0-9.eE]+)"
_BOUNDS = (re.compile(rf"Lower bound:\s+{_NUMBER}"), re.compile(rf"best possible {_NUMBER}"))
_COMPLETED = re.compile(r"Result - Optimal solution found\s*\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class PulpCbcBackend:
    """Backend over the CBC that PuLP bundles."""

    @property
    def name(self) -> str:
        """Name and version of the solver."""
        return f"CBC via PuLP {_version()}"

    def solve(
        self,
        program: Program,
        *,
        time_limit_s: float,
        gap: float,
        hint: Floats | None = None,
        nodes: int | None = None,
    ) -> Result:
        """Solve to a relative gap or to the time limit; CBC ignores the hint."""
        if not program.integer.any():
            return self.solve_lp(program, time_limit_s=time_limit_s)
        started = time.perf_counter()
        problem, variables = _problem(program, minimised=True)
        log = _run(problem, time_limit_s=time_limit_s, gap=gap * GAP_MARGIN)
        x = _point(program, problem, variables)
        wall_s = time.perf_counter() - started
        if x is None:
            return Result(status=_without_point(problem), wall_s=wall_s)
        value = program.objective(x)
        bound = _bound(program, log, value, gap * GAP_MARGIN)
        close = relative_gap(value, bound) <= max(gap, MEASURED_GAP)
        status = Status.OPTIMAL if close else Status.FEASIBLE
        return Result(status=status, x=x, objective=value, bound=bound, wall_s=wall_s)

    def solve_lp(self, program: Program, *, time_limit_s: float) -> Result:
        """Solve the linear relaxation with CLP."""
        started = time.perf_counter()
        relaxed = program.relaxed()
        problem, variables = _problem(relaxed, minimised=True)
        _run(problem, time_limit_s=time_limit_s, gap=0.0)
        x = _point(relaxed, problem, variables)
        wall_s = time.perf_counter() - started
        if x is None:
            return Result(status=_without_point(problem), wall_s=wall_s)
        sign = -1.0 if program.sense is Sense.MAX else 1.0
        duals = np.zeros(program.n_rows)
        for constraint in problem.constraints():
            duals[int(constraint.name.split("_")[1])] += sign * (constraint.pi or 0.0)
        value = relaxed.objective(x)
        return Result(
            status=Status.OPTIMAL,
            x=x,
            objective=value,
            bound=value,
            row_duals=duals,
            reduced_costs=program.obj - program.rows.transpose_dot(duals),
            wall_s=wall_s,
        )


def write_lp(program: Program, path: Path) -> None:
    """Write the program in the LP text format, with its own names."""
    _problem(program, minimised=False, named=True)[0].writeLP(str(path))


def write_mps(program: Program, path: Path) -> None:
    """Write the program in the MPS format, with its own names."""
    _problem(program, minimised=False, named=True)[0].writeMPS(str(path))


@cache
def _version() -> str:
    from importlib.metadata import version

    return version("pulp")


def _problem(program: Program, *, minimised: bool, named: bool = False) -> tuple[Any, list[Any]]:
    """Write the arrays as a PuLP problem; a row with two bounds becomes two constraints."""
    import pulp

    flip = minimised and program.sense is Sense.MAX
    maximise = program.sense is Sense.MAX and not flip
    problem = pulp.LpProblem(program.name, pulp.LpMaximize if maximise else pulp.LpMinimize)
    variables = [
        problem.add_variable(
            program.column_name(j) if named else f"c_{j}",
            program.lb[j] if np.isfinite(program.lb[j]) else None,
            program.ub[j] if np.isfinite(program.ub[j]) else None,
            cat=pulp.LpInteger if program.integer[j] else pulp.LpContinuous,
        )
        for j in range(program.n_cols)
    ]
    sign = -1.0 if flip else 1.0
    problem += pulp.LpAffineExpression(
        [(variables[j], sign * program.obj[j]) for j in range(program.n_cols)], sign * program.obj_offset
    )
    for i in range(program.n_rows):
        span = slice(int(program.rows.indptr[i]), int(program.rows.indptr[i + 1]))
        entries = zip(program.rows.indices[span], program.rows.data[span], strict=True)
        terms = [(variables[j], float(value)) for j, value in entries]
        for suffix, kind, limit in _sides(program, i):
            label = f"{program.row_name(i)}{suffix}" if named else f"r_{i}{suffix}"
            problem += pulp.LpConstraint(pulp.LpAffineExpression(terms), kind, label, limit)
    return problem, variables


def _sides(program: Program, row: int) -> list[tuple[str, int, float]]:
    """Give (name suffix, PuLP sense, right-hand side) of each finite side of a row."""
    low, high = float(program.row_lb[row]), float(program.row_ub[row])
    if low == high:
        return [("", 0, low)]
    if np.isfinite(low) and np.isfinite(high):
        return [("_low", 1, low), ("_high", -1, high)]
    return [("", 1, low)] if np.isfinite(low) else [("", -1, high)] if np.isfinite(high) else []


def _run(problem: Any, *, time_limit_s: float, gap: float) -> str:
    """Run CBC in its own process and return its log."""
    from pulp import COIN_CMD
    from pulp.apis.coin_api import pulp_cbc_path

    handle, path = tempfile.mkstemp(suffix=".log")
    os.close(handle)
    try:
        solver = COIN_CMD(
            path=pulp_cbc_path,
            msg=False,
            timeLimit=max(time_limit_s, SMALLEST_TIME_LIMIT_S),
            gapRel=gap,
            gapAbs=0.0,
            options=[f"increment {SMALLEST_IMPROVEMENT:g}"],
            logPath=path,
        )
        problem.solve(solver)
        return Path(path).read_text()
    finally:
        os.unlink(path)


def _point(program: Program, problem: Any, variables: list[Any]) -> Floats | None:
    """Read the solution, round its integers and keep it only if it meets the arrays."""
    if problem.sol_status not in (1, 2):  # PuLP: optimal, integer feasible
        return None
    x = np.array([v.value() or 0.0 for v in variables])
    x = np.clip(np.where(program.integer, np.round(x), x), program.lb, program.ub)
    return x if program.is_feasible(x) else None


def _without_point(problem: Any) -> Status:
    """Status of a solve that gave no point."""
    words = {-1: Status.INFEASIBLE, -2: Status.UNBOUNDED}
    return words.get(problem.sol_status if problem.sol_status in words else problem.status, Status.TIME_LIMIT)


def _bound(program: Program, log: str, value: float, gap: float) -> float:
    """Read the proven bound from CBC's log.

    A completed search still cut off what was within the gap of its best, so it proves the value less the gap.
    """
    sign = -1.0 if program.sense is Sense.MAX else 1.0
    best = sign * value
    if _COMPLETED.search(log):
        return sign * (best - gap * abs(best))
    for pattern in _BOUNDS:
        found = pattern.findall(log)
        if found:  # CBC leaves the constant out of what it logs
            return sign * min(float(found[-1]) + sign * program.obj_offset, best)
    return sign * -np.inf
