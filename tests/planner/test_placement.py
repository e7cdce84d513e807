"""Devices of replicas: each used once, inside a domain or on whole ones."""

from collections import Counter
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models import catalog
from models.scenario import Scenario
from planner.placement import Want, place
from planner.setting import Site, resolve_site
from tests.planner.scenes import deployment, pool, scenario

QUICK = settings(max_examples=60, deadline=None, derandomize=True)


def site_of(nodes: int | None, each: int, device: str = "h100-sxm") -> Site:
    asked: Scenario = scenario(deployment(), pools=[pool("p", device, nodes, each)])
    return resolve_site(asked.cluster.pools[0], catalog.price_book(), "/cluster/pools/0")


def wants_of(sizes: list[int]) -> list[Want]:
    return [
        Want(group=i, pool=0, replicas=n, devices=size) for i, (size, n) in enumerate(Counter(sizes).items())
    ]


def fits(sizes: list[int], bins: list[int]) -> bool:
    """Whether replicas fit bins, by trying every bin for every replica."""
    if not sizes:
        return True
    first, *rest = sorted(sizes, reverse=True)
    tried = set()
    for i, room in enumerate(bins):
        if room >= first and room not in tried:
            tried.add(room)
            if fits(rest, [*bins[:i], room - first, *bins[i + 1 :]]):
                return True
    return False


@QUICK
@given(
    nodes=st.integers(1, 4), each=st.integers(1, 8), sizes=st.lists(st.integers(1, 8), min_size=1, max_size=9)
)
def test_a_packing_is_found_exactly_where_one_exists(nodes: int, each: int, sizes: list[int]) -> None:
    assume(all(size <= each for size in sizes))
    placed = place([site_of(nodes, each)], wants_of(sizes))
    assert (placed is not None) == fits(sizes, [each] * nodes)
    if placed is None:
        return
    assert Counter(len(devices) for devices in placed.values()) == Counter(sizes)
    every = [d for devices in placed.values() for d in devices]
    assert len(set(every)) == len(every)
    assert set(every) <= set(product(["p"], range(nodes), range(each)))
    assert all(len({node for _, node, _ in devices}) == 1 for devices in placed.values())


def test_a_wide_replica_takes_whole_nodes_and_the_rest_fill_others() -> None:
    placed = place([site_of(4, 8)], wants_of([16, 8, 5, 3]))
    assert placed is not None
    wide = next(d for d in placed.values() if len(d) == 16)
    assert Counter(node for _, node, _ in wide) == {0: 8, 1: 8}
    assert {n for devices in placed.values() for _, n, _ in devices if len(devices) < 16} == {2, 3}


def test_a_rack_is_one_domain_over_many_nodes() -> None:
    rack = site_of(18, 4, "gb200")
    assert rack.domain == 72
    placed = place([rack], wants_of([32, 32, 8]))
    assert placed is not None
    assert sum(len(devices) for devices in placed.values()) == 72


def test_a_domain_is_capped_by_its_pool() -> None:
    assert site_of(2, 4, "gb200").domain == 8


def test_a_pool_to_be_sized_has_room_for_all() -> None:
    placed = place([site_of(None, 8)], wants_of([8, 6, 6, 3]))
    assert placed is not None
    assert all(len({node for _, node, _ in devices}) == 1 for devices in placed.values())


def test_too_many_devices_cannot_be_placed() -> None:
    assert place([site_of(1, 8)], wants_of([8, 1])) is None
    assert place([site_of(2, 8)], wants_of([6, 6, 4])) is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_pools_are_filled_apart(order: tuple[int, int]) -> None:
    sites = [site_of(1, 4), site_of(1, 8)]
    wants = [
        Want(group=0, pool=order[0], replicas=2, devices=2),
        Want(group=1, pool=order[1], replicas=1, devices=4),
    ]
    placed = place(sites, wants)
    assert placed is not None
    assert len(placed) == 3
