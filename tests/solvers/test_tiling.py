"""Replicas must fit bins one by one, not only by count: checked against exhaustive packing."""

from dataclasses import replace
from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.backends.registry import default_backend
from solvers.fleet import build, max_goodput, min_cost
from solvers.ranked import k_best
from solvers.tiling import Bins, Tiling, nest, pack, patterns

from .tiny_fleets import fleet_of


def packs(sizes: list[int], bins: list[int]) -> bool:
    """Exhaustive search: the largest replica tries every bin."""
    if not sizes:
        return True
    largest, *rest = sorted(sizes, reverse=True)
    tried = set()
    for i, room in enumerate(bins):
        if room >= largest and room not in tried:
            tried.add(room)
            if packs(rest, [*bins[:i], room - largest, *bins[i + 1 :]]):
                return True
    return False


def test_patterns_are_the_maximal_multisets() -> None:
    assert set(patterns((2, 3), 8) or ()) == {(4, 0), (2, 1), (1, 2)}
    assert set(patterns((3,), 8) or ()) == {(2,)}


def test_nesting_sizes_need_no_rows() -> None:
    assert nest([1, 2, 4], 8)
    assert not nest([1, 2, 4], 6)
    assert not nest([2, 3], 6)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(1, 7), st.integers(1, 3), min_size=1, max_size=3),
    st.integers(7, 9),
    st.integers(1, 3),
)
def test_pack_agrees_with_exhaustive_search(counts: dict[int, int], length: int, number: int) -> None:
    found = pack(counts, Bins(kinds=((length, number),)), default_backend())
    sizes = [s for s, n in counts.items() for _ in range(n)]
    assert (found is not None) == packs(sizes, [length] * number)
    if found is not None:
        assert sum(n for _, _, n in found) <= number
        for size, wanted in counts.items():
            assert sum(content.get(size, 0) * n for _, content, n in found) >= wanted


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True),
    st.data(),
    st.integers(4, 7),
    st.integers(2, 3),
)
def test_best_goodput_is_that_of_the_packings(
    sizes: list[int], data: st.DataObject, length: int, number: int
) -> None:
    sizes = [s for s in sizes if s <= length] or [length]
    rates = data.draw(
        st.lists(st.integers(1, 30).map(float), min_size=len(sizes), max_size=len(sizes)), label="rates"
    )
    plain = fleet_of(sizes, [0] * len(sizes), rates, limit=length * number, demand=1.0)
    tiled = replace(
        plain,
        tiling=Tiling(
            pool_of=np.zeros(len(sizes), dtype=np.int64),
            size=np.array(sizes, dtype=np.int64),
            bins=(Bins(kinds=((length, number),)),),
        ),
    )
    best = k_best(tiled, (max_goodput(),), k=1).solutions[0].objective
    most = [length * number // s for s in sizes]
    oracle = max(
        sum(n * r for n, r in zip(counts, rates, strict=True))
        for counts in product(*(range(m + 1) for m in most))
        if packs([s for s, n in zip(sizes, counts, strict=True) for _ in range(n)], [length] * number)
    )
    assert abs(best - oracle) <= 1e-6 * max(1.0, oracle)


def test_wide_replicas_take_whole_bins() -> None:
    """A replica of 12 on bins of 8 leaves no room for one of 3 in two bins."""
    fleet = fleet_of([12, 3], [0, 0], [10.0, 1.0], limit=16, demand=1.0)
    bins = Bins(kinds=((8, 2),))
    tiling = Tiling(pool_of=np.zeros(2, dtype=np.int64), size=np.array([12, 3]), bins=(bins,))
    best = k_best(replace(fleet, tiling=tiling), (max_goodput(),), k=1).solutions[0]
    assert best.x.tolist() == [1, 0]


def test_the_formulation_names_its_rows() -> None:
    fleet = fleet_of([3, 2], [0, 0], [1.0, 1.0], limit=16, demand=1.0)
    tiling = Tiling(pool_of=np.zeros(2, dtype=np.int64), size=np.array([3, 2]), bins=(Bins(kinds=((8, 2),)),))
    program, _ = build(replace(fleet, tiling=tiling), (min_cost(fleet.tie_break),))
    names = {program.row_name(i).split("[")[0] for i in range(program.n_rows)}
    assert {"tiles", "bins"} <= names
