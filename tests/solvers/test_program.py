"""Sparse arrays, names, scaling and feasibility of programs."""

import numpy as np
import pytest

from solvers.builder import ProgramBuilder
from solvers.csr import Csr
from solvers.program import Sense
from solvers.result import relative_gap
from solvers.scaling import scaled
from tests.solvers.random_programs import random_program

DENSE = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [0.0, 3.0, -1.0]])


def test_sparse_and_dense_agree() -> None:
    matrix, x = Csr.from_dense(DENSE), np.array([1.0, 2.0, 3.0])
    assert np.array_equal(matrix.to_dense(), DENSE)
    assert np.array_equal(matrix.dot(x), DENSE @ x)
    assert np.array_equal(matrix.transpose_dot(x), DENSE.T @ x)
    assert np.array_equal(matrix.take_columns(np.array([2, 0, 2])).to_dense(), DENSE[:, [2, 0, 2]])
    assert np.array_equal(matrix.row_max_abs(), [2.0, 0.0, 3.0])


def test_equal_positions_add_up_and_zeros_are_dropped() -> None:
    matrix = Csr.from_triplets([0, 0, 1], [1, 1, 0], [2.0, -2.0, 5.0], (2, 2))
    assert matrix.data.tolist() == [5.0]
    assert matrix.to_dense().tolist() == [[0.0, 0.0], [5.0, 0.0]]


def test_builder_names_members_of_families_and_scalars() -> None:
    m = ProgramBuilder()
    x = m.columns("x", np.zeros(2), 5.0, integer=True)
    z = m.columns("z", 0.0, np.inf)
    m.rows("cap", [(np.array([0, 1]), x, 2.0)], -np.inf, np.array([4.0, 6.0]))
    m.rows("link", [(0, x, 1.0), (0, z, -1.0)], 0.0, 0.0)
    program = m.finish(Sense.MAX, np.array([1.0]), name="demo")
    assert [program.column_name(j) for j in range(program.n_cols)] == ["x[0]", "x[1]", "z"]
    assert [program.row_name(i) for i in range(program.n_rows)] == ["cap[0]", "cap[1]", "link"]
    assert program.rows.to_dense().tolist() == [[2, 0, 0], [0, 2, 0], [1, 1, -1]]
    assert program.obj.tolist() == [1.0, 0.0, 0.0]


def test_scaling_changes_units_but_no_digit() -> None:
    program = random_program(4, Sense.MIN)
    small, scaling = scaled(program)
    x = np.arange(8) / 8.0
    y = scaling.scaled_point(x)
    assert np.array_equal(scaling.unscaled_point(y), x)
    assert small.objective(y) == program.objective(x) * scaling.objective
    assert np.array_equal(small.rows.dot(y), program.rows.dot(x) * scaling.row)
    assert (scaling.column[program.integer] == 1.0).all()
    assert (small.rows.row_max_abs() < 2.0).all()


def test_violation_is_relative_to_the_size_of_the_row() -> None:
    m = ProgramBuilder()
    x = m.columns("x", np.zeros(1), 1e9, integer=True)
    m.rows("row", [(0, x, 1.0)], 1e6, np.inf)
    program = m.finish(Sense.MIN, np.ones(1), name="demo")
    assert program.is_feasible(np.array([1e6]))
    assert program.violation(np.array([1e6 - 1])) == pytest.approx(1e-6)
    assert not program.is_feasible(np.array([1e6 - 10]))
    assert not program.is_feasible(np.array([1e6 + 0.5]))
    assert not program.is_feasible(np.array([-1.0]))


def test_gap_is_relative_to_the_objective() -> None:
    assert relative_gap(-4.0, -5.0) == 0.25
    assert relative_gap(0.0, 0.0) == 0.0
