"""Tables between their knots."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.cost_sources.step_table import StepTable
from tests.measured.formulas import close

knots = st.lists(st.floats(1.0, 1e6), min_size=2, max_size=6, unique=True).map(
    lambda found: np.array(sorted(round(k, 3) for k in found))
).filter(lambda found: bool((np.diff(found) > 1e-3 * found[:-1]).all()))  # fmt: skip
anything = st.floats(allow_nan=True, allow_infinity=True)


@st.composite
def tables(draw: st.DrawFn) -> StepTable:
    """One layout, times that rise along both axes."""
    first, second = draw(knots), draw(knots)
    count = len(first) * len(second)
    growth = draw(st.lists(st.floats(0.0, 5.0), min_size=count, max_size=count))
    rises = np.array(growth).reshape(1, len(first), len(second))
    return StepTable(first=first, second=second, seconds=1e-3 + rises.cumsum(axis=1).cumsum(axis=2))


def at(table: StepTable, x: float, y: float) -> float:
    return float(table.at(np.array([0]), np.array([x]), np.array([y]))[0][0])


@given(tables())
def test_knots_are_met_exactly(table: StepTable) -> None:
    x, y = np.meshgrid(table.first, table.second, indexing="ij")
    found, outside = table.at(np.zeros(x.size, dtype=int), x.ravel(), y.ravel())
    assert close(found, table.seconds[0].ravel())
    assert not outside.any()


@given(tables(), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_rising_data_keep_rising(table: StepTable, a: float, b: float, c: float, d: float) -> None:
    def point(axis: object, share: float) -> float:
        knots = np.asarray(axis)
        return float(knots[0] * 0.5 * (4.0 * knots[-1] / knots[0]) ** share)

    low = at(table, point(table.first, min(a, b)), point(table.second, min(c, d)))
    high = at(table, point(table.first, max(a, b)), point(table.second, max(c, d)))
    assert low <= high * (1.0 + 1e-12)


@given(tables(), anything, anything)
def test_there_always_is_a_time_within_the_table(table: StepTable, x: float, y: float) -> None:
    found, outside = table.at(np.array([0]), np.array([x]), np.array([y]))
    assert table.seconds.min() * (1 - 1e-12) <= found[0] <= table.seconds.max() * (1 + 1e-12)
    inside = table.first[0] <= x <= table.first[-1] and table.second[0] <= y <= table.second[-1]
    assert bool(outside[0]) is not inside


@given(st.floats(-1.0, 2.0), st.floats(-1.0, 2.0), st.floats(1.0, 100.0), st.floats(1.0, 100.0))
def test_power_laws_are_exact(p: float, q: float, x: float, y: float) -> None:
    axis = np.array([1.0, 7.0, 100.0])
    table = StepTable(first=axis, second=axis, seconds=(axis[:, None] ** p * axis[None, :] ** q)[None])
    assert at(table, x, y) == pytest.approx(x**p * y**q, rel=1e-9)


def test_outside_the_nearest_edge_counts() -> None:
    axis = np.array([2.0, 4.0])
    table = StepTable(first=axis, second=axis, seconds=np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    assert at(table, 1.0, 1.0) == pytest.approx(1.0)
    assert at(table, 1e9, 2.0) == pytest.approx(3.0)
    assert at(table, 1e9, 1e9) == pytest.approx(4.0)


def test_every_candidate_reads_its_own_layout() -> None:
    axis = np.array([1.0, 2.0])
    table = StepTable(first=axis, second=axis, seconds=np.array([np.full((2, 2), 5.0), np.full((2, 2), 7.0)]))
    found, _ = table.at(np.array([1, 0, 1]), np.full(3, 1.5), np.full(3, 1.5))
    assert found == pytest.approx([7.0, 5.0, 7.0])
