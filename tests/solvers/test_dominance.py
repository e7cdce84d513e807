"""Dominance drops exactly what the definition allows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.csr import Csr
from solvers.dominance import undominated
from solvers.fleet import Fleet, column_bounds, max_goodput, min_latency
from tests.solvers.tiny_fleets import fleet_of


def plain_definition(fleet: Fleet, latency_s: np.ndarray, k: int) -> set[int]:
    """Columns kept by the definition, pair by pair."""
    uses = fleet.uses.to_dense()
    room = column_bounds(fleet, capped_by_demand=False)
    better = np.vstack([uses, latency_s, fleet.tie_break, -fleet.rate_per_s])
    columns = [c for c in range(fleet.n_columns) if room[c] > 0]

    def dominates(d: int, c: int) -> bool:
        comparable = fleet.supply_of[c] == fleet.supply_of[d] and ((uses[:, c] > 0) == (uses[:, d] > 0)).all()
        no_worse = (better[:, d] <= better[:, c]).all()
        strict = (better[:, d] < better[:, c]).any() or d < c
        return bool(d != c and comparable and no_worse and strict)

    kept = set()
    for c in columns:
        above = {int(fleet.identity_of[d]) for d in columns if dominates(d, c)}
        if fleet.identity_of[c] not in above and len(above) < k:
            kept.add(c)
    return kept


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 1), st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(0, 5)
        ),
        min_size=1,
        max_size=25,
    ),
    k=st.integers(1, 3),
)
def test_kept_columns_are_those_of_the_definition(rows: list[tuple[int, ...]], k: int) -> None:
    supplies, devices, rates, latency, identity = (list(column) for column in zip(*rows, strict=True))
    fleet = fleet_of(devices, supplies, [float(rate) for rate in rates], limit=2)
    fleet = Fleet(
        **{name: getattr(fleet, name) for name in Fleet.__slots__}
        | {"identity_of": np.array([10 * s + i for s, i in zip(supplies, identity, strict=True)])}
    )
    latency_s = np.array(latency, dtype=float)
    result = undominated(fleet, (max_goodput(), min_latency(latency_s)), k=k)
    assert set(result.columns.tolist()) == plain_definition(fleet, latency_s, k)


def test_a_dropped_column_names_one_that_dominates_it() -> None:
    fleet = fleet_of([1, 1, 2], [0, 0, 0], [2.0, 1.0, 3.0])
    result = undominated(fleet, (max_goodput(),))
    assert result.keep.tolist() == [True, False, True]
    assert result.dominator.tolist() == [-1, 0, -1]


def test_a_column_of_limited_count_stands_in_for_no_other() -> None:
    fleet = fleet_of([1, 1], [0, 0], [2.0, 1.0])
    limited = Fleet(
        **{name: getattr(fleet, name) for name in Fleet.__slots__} | {"max_replicas": np.array([1.0, np.inf])}
    )
    assert undominated(limited, (max_goodput(),)).keep.all()


def test_columns_that_hold_other_resources_are_not_compared() -> None:
    fleet = fleet_of([1, 1], [0, 0], [2.0, 1.0])
    apart = Fleet(
        **{name: getattr(fleet, name) for name in Fleet.__slots__}
        | {"uses": Csr.from_dense([[1, 0], [0, 1]]), "limit": np.array([4.0, 4.0])}
    )
    assert undominated(apart, (max_goodput(),)).keep.all()


@pytest.mark.parametrize("k", [1, 5])
def test_many_columns_leave_few(k: int) -> None:
    rng = np.random.default_rng(0)
    n = 3000
    devices = rng.choice([1, 2, 4, 8], n)
    fleet = fleet_of(
        devices.tolist(), rng.integers(0, 3, n).tolist(), (devices * rng.random(n)).tolist(), limit=64
    )
    assert undominated(fleet, (max_goodput(),), k=k).keep.sum() <= 3 * 4 * k
