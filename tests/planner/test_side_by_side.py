"""Work split over two processes gives what one process gives."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from planner import candidates, pipeline, side_by_side
from planner.side_by_side import side_by_side as split
from tests.planner.scenes import QWEN_MOE, deployment, pool, scenario


@dataclass(frozen=True)
class Shared:
    """Something both processes have."""

    name: str


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "_processors", lambda: 2)


def test_results_keep_their_order_and_shared_objects_stay_the_same() -> None:
    shared = [Shared("a"), Shared("b"), Shared("c")]
    here = os.getpid()

    def work(i: int) -> tuple[int, Shared, bool]:
        return i, shared[i % 3], os.getpid() == here

    found = split(range(7), work, sizes=[float(i) for i in range(7)], shared=shared, worth=1.0)
    assert [i for i, _, _ in found] == list(range(7))
    assert all(one is shared[i % 3] for i, one, _ in found)
    assert {mine for _, _, mine in found} == {True, False}


def test_little_work_stays_in_one_process() -> None:
    assert split([1, 2], lambda _: os.getpid(), sizes=[1.0, 1.0], shared=[], worth=3.0) == [os.getpid()] * 2


def test_what_a_child_cannot_do_is_done_here() -> None:
    here = os.getpid()

    def work(i: int) -> int:
        if os.getpid() != here:
            os._exit(3)
        return i * i

    assert split([1, 2, 3], work, sizes=[1.0] * 3, shared=[], worth=1.0) == [1, 4, 9]


def test_two_processes_price_what_one_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = scenario(
        deployment(), deployment("moe", QWEN_MOE), pools=[pool(), pool("cheap", "l40s")], objective="min_cost"
    )
    one = pipeline._price(asked, pipeline._silent).candidates
    monkeypatch.setattr(candidates, "SECOND_PROCESS_FROM", 1)
    two = pipeline._price(asked, pipeline._silent).candidates
    assert (two.looked_at, two.valid, two.dropped) == (one.looked_at, one.valid, one.dropped)
    assert two.unloaded == one.unloaded
    assert len(two.priced) == len(one.priced)
    for mine, theirs in zip(two.priced, one.priced, strict=True):
        assert (mine.role, mine.hand_over) == (theirs.role, theirs.hand_over)
        for values, others in ((mine.load, theirs.load), (mine.state.rate_per_s, theirs.state.rate_per_s)):
            assert np.array_equal(values, others)
        again: Any = mine.replica.state(mine.load)
        assert np.array_equal(again.rate_per_s, theirs.state.rate_per_s)
