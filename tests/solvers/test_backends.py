"""Every backend answers alike: the same optima, statuses and honest gaps."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from solvers.backends.base import Backend
from solvers.backends.pulp_cbc import write_lp, write_mps
from solvers.backends.registry import BACKENDS, default_backend
from solvers.csr import Csr
from solvers.dual_bound import dual_bound
from solvers.program import Program, Sense
from solvers.result import Status
from tests.solvers.random_programs import random_program

LIMIT_S = 20.0


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Backend:
    chosen: Backend = BACKENDS[request.param]
    return chosen


def one_column(sense: Sense, low: float, high: float, *, ub: float = 10.0, integer: bool = True) -> Program:
    """x with 0 <= x <= ub and low <= 2 x <= high."""
    return Program(
        sense=sense,
        obj=np.ones(1),
        lb=np.zeros(1),
        ub=np.array([ub]),
        integer=np.array([integer]),
        rows=Csr.from_dense([[2.0]]),
        row_lb=np.array([low]),
        row_ub=np.array([high]),
    )


@pytest.mark.parametrize("sense", list(Sense))
@pytest.mark.parametrize("seed", range(6))
def test_all_backends_agree_with_the_default(backend: Backend, seed: int, sense: Sense) -> None:
    program = random_program(seed, sense)
    expected = default_backend().solve(program, time_limit_s=LIMIT_S, gap=1e-7)
    result = backend.solve(program, time_limit_s=LIMIT_S, gap=1e-7)
    assert result.status is Status.OPTIMAL
    assert result.x is not None
    assert program.is_feasible(result.x)
    assert (result.x[program.integer] == np.round(result.x[program.integer])).all()
    assert result.objective == pytest.approx(expected.objective, rel=1e-5, abs=1e-5)
    assert result.objective == pytest.approx(program.objective(result.x))
    assert result.gap <= 1e-6


@pytest.mark.parametrize("sense", list(Sense))
@pytest.mark.parametrize("seed", range(4))
def test_linear_relaxation_comes_with_duals_that_prove_it(backend: Backend, seed: int, sense: Sense) -> None:
    program = random_program(seed, sense)
    result = backend.solve_lp(program, time_limit_s=LIMIT_S)
    assert result.status is Status.OPTIMAL
    assert result.row_duals is not None
    assert dual_bound(program, result.row_duals) == pytest.approx(result.objective, rel=1e-5, abs=1e-5)


def test_infeasible_is_a_status(backend: Backend) -> None:
    result = backend.solve(one_column(Sense.MIN, 3.0, 3.0), time_limit_s=LIMIT_S, gap=0.0)
    assert result.status is Status.INFEASIBLE
    assert result.x is None


def test_infeasible_relaxation_is_a_status(backend: Backend) -> None:
    result = backend.solve_lp(one_column(Sense.MIN, 30.0, 40.0), time_limit_s=LIMIT_S)
    assert result.status is Status.INFEASIBLE


def test_unbounded_is_a_status(backend: Backend) -> None:
    program = one_column(Sense.MAX, 0.0, math.inf, ub=math.inf)
    assert backend.solve(program, time_limit_s=LIMIT_S, gap=0.0).status is Status.UNBOUNDED


def test_the_program_is_left_as_it_was(backend: Backend) -> None:
    program = random_program(1, Sense.MIN)
    before = [array.copy() for array in (program.obj, program.lb, program.ub, program.rows.data)]
    backend.solve(program, time_limit_s=LIMIT_S, gap=0.0)
    after = [program.obj, program.lb, program.ub, program.rows.data]
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def test_equal_calls_give_equal_answers(backend: Backend) -> None:
    program = random_program(2, Sense.MAX)
    one, other = (backend.solve(program, time_limit_s=LIMIT_S, gap=0.0) for _ in range(2))
    assert one.x is not None
    assert np.array_equal(one.x, other.x)


def test_the_unit_of_the_objective_does_not_matter(backend: Backend) -> None:
    program = random_program(3, Sense.MIN)
    small = replace(program, obj=program.obj * 1e-6, obj_offset=program.obj_offset * 1e-6)
    one = backend.solve(program, time_limit_s=LIMIT_S, gap=1e-6)
    other = backend.solve(small, time_limit_s=LIMIT_S, gap=1e-6)
    assert other.objective == pytest.approx(one.objective * 1e-6, rel=1e-5)


def test_a_hint_changes_no_optimum(backend: Backend) -> None:
    program = random_program(4, Sense.MAX)
    first = backend.solve(program, time_limit_s=LIMIT_S, gap=1e-7)
    again = backend.solve(program, time_limit_s=LIMIT_S, gap=1e-7, hint=first.x)
    assert again.status is Status.OPTIMAL
    assert again.objective == pytest.approx(first.objective)


def test_every_backend_names_its_solver(backend: Backend) -> None:
    assert any(word in backend.name for word in ("HiGHS", "SCIP", "CBC"))
    assert any(digit in backend.name for digit in "0123456789")


def test_lp_and_mps_files_carry_the_names(tmp_path: Path) -> None:
    program = replace(
        one_column(Sense.MAX, 1.0, 7.0), column_name="replicas_{}".format, row_name="devices_{}".format
    )
    for name, write in (("program.lp", write_lp), ("program.mps", write_mps)):
        write(program, tmp_path / name)
        text = (tmp_path / name).read_text()
        assert "replicas_0" in text
        assert "devices_0" in text
    assert "Maximize" in (tmp_path / "program.lp").read_text()


def test_a_time_limit_is_kept_and_the_gap_is_measured() -> None:
    """A market split program cannot be closed in so little time; nothing claims that it was."""
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 100, size=(6, 60)).astype(float)
    half = np.floor(matrix.sum(axis=1) / 2)
    program = Program(
        sense=Sense.MIN,
        obj=np.concatenate((np.zeros(60), np.ones(12))),
        lb=np.zeros(72),
        ub=np.concatenate((np.ones(60), np.full(12, 1e4))),
        integer=np.concatenate((np.ones(60), np.zeros(12))).astype(bool),
        rows=Csr.from_dense(np.hstack([matrix, np.eye(6), -np.eye(6)])),
        row_lb=half,
        row_ub=half,
    )
    result = default_backend().solve(program, time_limit_s=0.5, gap=1e-4)
    if result.x is None:
        assert result.status is Status.TIME_LIMIT
    else:
        assert result.status is Status.FEASIBLE
        assert result.gap > 1e-4
        assert program.is_feasible(result.x)
