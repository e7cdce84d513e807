"""Bounds from multipliers: equal to a second implementation, true against every point, nothing rounded."""

import itertools
import json
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.certificate import program_arrays, program_sha256
from solvers.dual_bound import exact_dual_bound
from solvers.program import Program, Sense
from solvers.verification.program_arrays import ProgramArrays, read_program
from solvers.verification.reading import Field
from solvers.verification.weak_duality import WeakDuality, fine_enough, scaled
from tests.solvers.random_programs import random_program

QUICK = settings(max_examples=40, deadline=None, derandomize=True)


def arrays(program: Program) -> ProgramArrays:
    """The program as it comes out of a file."""
    return read_program(Field(json.loads(json.dumps(program_arrays(program)))))


@given(value=st.floats(allow_nan=False, allow_infinity=False), more=st.integers(0, 80))
def test_doubles_are_scaled_without_rounding(value: float, more: int) -> None:
    power = fine_enough([value, None]) + more
    assert Fraction(scaled(value, power), 2**power) == Fraction(value)


@pytest.mark.parametrize("sense", list(Sense))
@QUICK
@given(
    seed=st.integers(0, 400),
    offset=st.floats(-1e3, 1e3),
    multipliers=st.lists(st.floats(-3, 3), min_size=6, max_size=6),
)
def test_bounds_are_those_of_a_second_implementation(
    seed: int, sense: Sense, offset: float, multipliers: list[float]
) -> None:
    program = replace(random_program(seed, sense), obj_offset=offset)
    duality = WeakDuality(arrays(program))
    found = duality.bound(tuple(enumerate(multipliers)), duality.root())
    assert found == exact_dual_bound(program, np.array(multipliers))
    assert found is not None


@pytest.mark.parametrize("sense", list(Sense))
@QUICK
@given(seed=st.integers(0, 60), multipliers=st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_no_point_beats_a_bound(seed: int, sense: Sense, multipliers: list[float]) -> None:
    program = random_program(seed, sense, n_cols=3, n_rows=3)
    duality = WeakDuality(arrays(program))
    bound = duality.bound(tuple(enumerate(multipliers)), duality.root())
    empty = duality.shows_empty(tuple(enumerate(multipliers)), duality.root())
    values = [
        float(program.obj @ point) + program.obj_offset
        for point in map(np.array, itertools.product(range(6), repeat=3))
        if program.is_feasible(point.astype(float), 1e-9)
    ]
    assert values
    assert not empty
    assert bound is not None
    best = max(values) if sense is Sense.MAX else min(values)
    assert bound >= best - 1e-6 if sense is Sense.MAX else bound <= best + 1e-6


def test_a_missing_side_or_bound_proves_nothing() -> None:
    """max x with x + y <= 2 (no lower side), y free above."""
    program = arrays(
        replace(
            random_program(0, Sense.MAX, n_cols=2, n_rows=1),
            obj=np.array([1.0, 0.0]),
            obj_offset=0.0,
            ub=np.array([5.0, np.inf]),
            rows=type(random_program(0, Sense.MAX).rows).from_dense(np.array([[1.0, 1.0]])),
            row_lb=np.array([-np.inf]),
            row_ub=np.array([2.0]),
        )
    )
    duality = WeakDuality(program)
    assert duality.bound(((0, 1.0),), duality.root()) == 2
    assert duality.bound((), duality.root()) == 5
    # a multiplier of the wrong sign asks for the side that is not there, and counts as 0
    assert duality.bound(((0, -1.0),), duality.root()) == 5
    assert duality.bound(((0, 0.5),), duality.root()) == Fraction(7, 2)
    free = WeakDuality(replace(program, upper=[None, None]))
    assert free.bound(((0, 0.5),), free.root()) is None


def test_the_hash_is_the_one_of_the_solver_side() -> None:
    for seed in range(6):
        program = random_program(seed, list(Sense)[seed % 2])
        assert arrays(program).sha256() == program_sha256(program)
    signed = replace(program, lb=np.full(8, -0.0), row_lb=np.full(6, -np.inf))
    assert arrays(signed).sha256() == program_sha256(signed)


@pytest.mark.parametrize("part", ["objective", "value", "lower", "upper", "row_lower", "row_upper"])
def test_the_hash_sees_the_last_bit(part: str) -> None:
    program = arrays(random_program(3, Sense.MIN))
    numbers = list(getattr(program, part))
    at = next(i for i, n in enumerate(numbers) if n is not None)
    numbers[at] = math.nextafter(numbers[at], math.inf)
    assert replace(program, **{part: numbers}).sha256() != program.sha256()
