"""MathOpt (OR-Tools): GLOP for linear, HiGHS or SCIP for mixed-integer programs, fed from the arrays.

The program goes over as a ``ModelProto``: no Python expression is ever built. Solver status words are not
trusted: the gap is computed from objective and bound, the solution is rounded and re-checked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from solvers import watch
from solvers.backends import highs_log
from solvers.backends.clean_stdout import clean_stdout
from solvers.csr import Floats
from solvers.program import FEASIBILITY_TOLERANCE, Program, Sense
from solvers.result import Result, Status, relative_gap
from solvers.scaling import Scaling, scaled

GAP_MARGIN = 0.5
"""Share of the asked gap at which the solver may stop, so that the asked one is never exceeded."""
SOLVER_TOLERANCE = 1e-9
"""Absolute feasibility tolerance asked of the solvers, on rows scaled to a largest entry near 1."""
SMALLEST_TIME_LIMIT_S = 1e-3
SMALL_COLUMNS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class MathOptBackend:
    """Backend over one MathOpt mixed-integer solver (``highs`` or ``gscip``) and GLOP.

    ``second`` solves again where a point of the first misses a row by more than the tolerance.
    """

    mip: str = "highs"
    second: str | None = "gscip"

    @property
    def name(self) -> str:
        """Name and version of the solver."""
        return f"{_LABEL[self.mip]} via OR-Tools MathOpt {_version()}"

    def solve(
        self,
        program: Program,
        *,
        time_limit_s: float,
        gap: float,
        hint: Floats | None = None,
        nodes: int | None = None,
    ) -> Result:
        """Solve to a relative gap, to the time limit or to a number of nodes."""
        if not program.integer.any():
            return self.solve_lp(program, time_limit_s=time_limit_s)
        started = time.perf_counter()
        small, scaling = scaled(program)
        parameters = _parameters(self.mip, time_limit_s, gap * GAP_MARGIN)
        if nodes is not None:
            parameters.node_limit = nodes
        if self.mip == "highs" and program.n_cols <= SMALL_COLUMNS:
            # a restart costs more than it gains where the whole search is a fraction of a second
            parameters.highs.bool_options["mip_allow_restart"] = False
        listener = _listener(scaling) if self.mip == "highs" and watch.is_watched() else None
        with clean_stdout():
            point = None if hint is None else scaling.scaled_point(hint)
            answer = _call(small, self.mip, parameters, point, listener)
        if answer is None:
            return self._after_failure(program, time_limit_s - (time.perf_counter() - started), gap)
        x = _point(answer, program, scaling)
        if x is not None:
            x = self._checked(program, x, time_limit_s)
            if x is None and self.second is not None:
                # The point did not survive the check against the arrays: another solver decides.
                other = MathOptBackend(mip=self.second, second=None)
                left_s = time_limit_s - (time.perf_counter() - started)
                return other.solve(program, time_limit_s=left_s, gap=gap)
        bound = _bound(answer, small, scaling)
        return _conclude(program, answer, x, bound, gap=gap, wall_s=time.perf_counter() - started)

    def solve_lp(self, program: Program, *, time_limit_s: float) -> Result:
        """Solve the linear relaxation with GLOP."""
        started = time.perf_counter()
        relaxed = program.relaxed()
        small, scaling = scaled(program)
        answer = _call(small.relaxed(), "glop", _parameters("glop", time_limit_s, 0.0), None)
        if answer is None:
            return Result(status=Status.ERROR, wall_s=time.perf_counter() - started)
        x = _point(answer, relaxed, scaling)
        if x is None or not relaxed.is_feasible(x):
            return _conclude(
                relaxed, answer, None, float("nan"), gap=0.0, wall_s=time.perf_counter() - started
            )
        dual = answer.solutions[0].dual_solution
        duals = np.zeros(program.n_rows)
        duals[np.asarray(dual.dual_values.ids, dtype=np.int64)] = dual.dual_values.values
        duals = scaling.unscaled_row_duals(duals)
        value = relaxed.objective(x)
        status = Status.OPTIMAL if answer.termination.reason == _proto().OPTIMAL else Status.FEASIBLE
        return Result(
            status=status,
            x=x,
            objective=value,
            bound=value if status is Status.OPTIMAL else _no_bound(program),
            row_duals=duals,
            reduced_costs=program.obj - program.rows.transpose_dot(duals),
            wall_s=time.perf_counter() - started,
        )

    def _after_failure(self, program: Program, left_s: float, gap: float) -> Result:
        """The solver gave up with an internal error: the other one decides, if there is one."""
        if self.second is None:
            return Result(status=Status.ERROR, wall_s=0.0)
        other = MathOptBackend(mip=self.second, second=None)
        return other.solve(program, time_limit_s=max(left_s, 0.0), gap=gap)

    def _checked(self, program: Program, x: Floats, time_limit_s: float) -> Floats | None:
        """Round the integers; where the rest no longer fits, solve it again with the integers fixed."""
        rounded = np.where(program.integer, np.round(x), x)
        rounded = np.clip(rounded, program.lb, program.ub)
        if program.is_feasible(rounded, FEASIBILITY_TOLERANCE):
            return rounded
        again = self.solve_lp(program.fixed(program.integer, rounded), time_limit_s=time_limit_s)
        return again.x


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proto:
    """The protocol-buffer modules, imported on first use because that takes a third of a second."""

    model: Any
    sparse: Any
    parameters: Any
    model_parameters: Any
    callback: Any
    highs: Any
    gscip: Any
    solve: Any
    OPTIMAL: int
    INFEASIBLE: int
    UNBOUNDED: int
    INFEASIBLE_OR_UNBOUNDED: int
    NUMERICAL_ERROR: int
    OTHER_ERROR: int


_LABEL = {"highs": "HiGHS", "gscip": "SCIP", "glop": "GLOP"}


@cache
def _version() -> str:
    from importlib.metadata import version

    return version("ortools")


@cache
def _proto() -> _Proto:
    from ortools.math_opt import (
        callback_pb2,
        model_parameters_pb2,
        model_pb2,
        parameters_pb2,
        result_pb2,
        sparse_containers_pb2,
    )
    from ortools.math_opt.core.python import solver
    from ortools.math_opt.solvers import highs_pb2
    from ortools.math_opt.solvers.gscip import gscip_pb2

    return _Proto(
        model=model_pb2,
        sparse=sparse_containers_pb2,
        parameters=parameters_pb2,
        model_parameters=model_parameters_pb2,
        callback=callback_pb2,
        highs=highs_pb2,
        gscip=gscip_pb2,
        solve=solver.solve,
        OPTIMAL=result_pb2.TERMINATION_REASON_OPTIMAL,
        INFEASIBLE=result_pb2.TERMINATION_REASON_INFEASIBLE,
        UNBOUNDED=result_pb2.TERMINATION_REASON_UNBOUNDED,
        INFEASIBLE_OR_UNBOUNDED=result_pb2.TERMINATION_REASON_INFEASIBLE_OR_UNBOUNDED,
        NUMERICAL_ERROR=result_pb2.TERMINATION_REASON_NUMERICAL_ERROR,
        OTHER_ERROR=result_pb2.TERMINATION_REASON_OTHER_ERROR,
    )


def load() -> None:
    """Import what a solve needs, which takes a third of a second the first time."""
    _proto()


def _listener(scaling: Scaling) -> Callable[[list[str]], None]:
    """Hears what HiGHS logs, and tells the watcher in the caller's scale."""

    def hear(lines: list[str]) -> None:
        found = highs_log.best_of(lines)
        if found is not None:
            watch.told(*(None if value is None else value / scaling.objective for value in found))

    return hear


def _call(
    program: Program,
    solver: str,
    parameters: Any,
    hint: Floats | None,
    listener: Callable[[list[str]], None] | None = None,
) -> Any:
    """Hand the arrays to one solver and return its ``SolveResultProto``; None after an internal error."""
    p = _proto()
    kind = {"highs": p.parameters.SOLVER_TYPE_HIGHS, "gscip": p.parameters.SOLVER_TYPE_GSCIP}
    start = p.model_parameters.ModelSolveParametersProto()
    if hint is not None:
        point = p.sparse.SparseDoubleVectorProto(ids=range(program.n_cols), values=hint.tolist())
        start.solution_hints.append(p.model_parameters.SolutionHintProto(variable_values=point))
    try:
        return p.solve(
            _model(program),
            kind.get(solver, p.parameters.SOLVER_TYPE_GLOP),
            p.parameters.SolverInitializerProto(),
            parameters,
            start,
            listener,
            p.callback.CallbackRegistrationProto(),
            None,
            None,
        )
    except Exception as error:
        # the binding's own exception type cannot be imported by name in every build
        if type(error).__name__ != "StatusNotOk":
            raise
        return None


def _model(program: Program) -> Any:
    """Write the arrays into a ``ModelProto``."""
    p = _proto()
    ids = np.arange(program.n_cols)
    row_ids = np.arange(program.n_rows)
    rows = program.rows
    used = np.flatnonzero(program.obj)
    return p.model.ModelProto(
        name=program.name,
        variables=p.model.VariablesProto(
            ids=ids.tolist(),
            lower_bounds=program.lb.tolist(),
            upper_bounds=program.ub.tolist(),
            integers=program.integer.tolist(),
        ),
        objective=p.model.ObjectiveProto(
            maximize=program.sense is Sense.MAX,
            offset=program.obj_offset,
            linear_coefficients=p.sparse.SparseDoubleVectorProto(
                ids=used.tolist(), values=program.obj[used].tolist()
            ),
        ),
        linear_constraints=p.model.LinearConstraintsProto(
            ids=row_ids.tolist(),
            lower_bounds=program.row_lb.tolist(),
            upper_bounds=program.row_ub.tolist(),
        ),
        linear_constraint_matrix=p.sparse.SparseDoubleMatrixProto(
            row_ids=rows.row_of.tolist(), column_ids=rows.indices.tolist(), coefficients=rows.data.tolist()
        ),
    )


def _parameters(solver: str, time_limit_s: float, gap: float) -> Any:
    """Solver settings: time, gap, one thread, fixed seed, tight feasibility."""
    p = _proto()
    limit_s = max(time_limit_s, SMALLEST_TIME_LIMIT_S)
    settings = p.parameters.SolveParametersProto()
    settings.time_limit.seconds, settings.time_limit.nanos = int(limit_s), int(limit_s % 1 * 1e9)
    if solver == "glop":
        settings.glop.primal_feasibility_tolerance = SOLVER_TOLERANCE
        settings.glop.dual_feasibility_tolerance = SOLVER_TOLERANCE
        return settings
    settings.relative_gap_tolerance = gap
    settings.absolute_gap_tolerance = 0.0
    if solver == "highs":
        # `threads` of MathOpt is refused for HiGHS; its own options carry it.
        settings.highs.double_options["mip_feasibility_tolerance"] = SOLVER_TOLERANCE
        settings.highs.double_options["primal_feasibility_tolerance"] = SOLVER_TOLERANCE
        settings.highs.string_options["parallel"] = "off"
        return settings
    settings.threads = 1
    settings.random_seed = 0
    settings.gscip.real_params["numerics/feastol"] = SOLVER_TOLERANCE
    return settings


def _point(answer: Any, program: Program, scaling: Scaling) -> Floats | None:
    """Read the best primal solution, if any."""
    for solution in answer.solutions:
        if solution.HasField("primal_solution"):
            values = solution.primal_solution.variable_values
            x = np.zeros(program.n_cols)
            x[np.asarray(values.ids, dtype=np.int64)] = values.values
            return scaling.unscaled_point(x)
    return None


def _no_bound(program: Program) -> float:
    return -np.inf if program.sense is Sense.MIN else np.inf


def _is_bounded(program: Program) -> bool:
    """Whether the column bounds alone keep the objective finite."""
    gain = program.obj if program.sense is Sense.MAX else -program.obj
    return bool(np.isfinite(program.ub[gain > 0]).all() and np.isfinite(program.lb[gain < 0]).all())


def _bound(answer: Any, program: Program, scaling: Scaling) -> float:
    """Read the proven bound on the optimum."""
    bound = answer.termination.objective_bounds.dual_bound
    return float(bound) / scaling.objective if np.isfinite(bound) else _no_bound(program)


def _conclude(
    program: Program, answer: Any, x: Floats | None, bound: float, *, gap: float, wall_s: float
) -> Result:
    """Turn point and bound into a status: what was measured decides, not the solver's word."""
    p, reason = _proto(), answer.termination.reason
    if x is None or reason == p.UNBOUNDED:
        words = {
            p.INFEASIBLE: Status.INFEASIBLE,
            p.UNBOUNDED: Status.UNBOUNDED,
            p.INFEASIBLE_OR_UNBOUNDED: Status.INFEASIBLE if _is_bounded(program) else Status.UNBOUNDED,
            p.NUMERICAL_ERROR: Status.ERROR,
            p.OTHER_ERROR: Status.ERROR,
        }
        return Result(status=words.get(reason, Status.TIME_LIMIT), bound=bound, wall_s=wall_s)
    value = program.objective(x)
    # A bound a hair on the wrong side of the objective is rounding: the optimum is then the objective.
    bound = max(bound, value) if program.sense is Sense.MAX else min(bound, value)
    close = relative_gap(value, bound) <= max(gap, SOLVER_TOLERANCE)
    return Result(
        status=Status.OPTIMAL if close else Status.FEASIBLE,
        x=x,
        objective=value,
        bound=bound,
        wall_s=wall_s,
    )
