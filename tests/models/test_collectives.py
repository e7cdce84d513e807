"""Collectives by the alpha-beta law on two tiers of links."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import catalog
from models.cost.base import CollectiveKind, Span
from models.cost.collectives import LinkSpeeds, collective_seconds
from models.cost.registry import COST_SOURCES

QUICK = settings(max_examples=50, deadline=None, derandomize=True)
LINKS = LinkSpeeds(
    up_bytes_per_s=400e9,
    up_base_s=3e-6,
    up_step_s=1e-6,
    out_bytes_per_s=50e9,
    out_base_s=10e-6,
    out_step_s=2e-6,
)
KINDS: tuple[CollectiveKind, ...] = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send")
every_kind = pytest.mark.parametrize("kind", KINDS)
PAYLOAD = st.floats(1.0, 1e10)


def seconds(
    kind: CollectiveKind,
    payload: float,
    members: float,
    inside: float | None = None,
    links: LinkSpeeds = LINKS,
) -> float:
    span = Span(members=np.array([members]), inside=np.array([members if inside is None else inside]))
    return float(collective_seconds(kind, np.array([payload]), span, links)[0])


@every_kind
def test_a_group_of_one_says_nothing(kind: CollectiveKind) -> None:
    assert seconds(kind, 1e9, 1) == 0.0


@QUICK
@given(payload=PAYLOAD, members=st.sampled_from([2, 4, 8]))
def test_an_all_reduce_moves_the_payload_twice_but_for_its_own_part(payload: float, members: int) -> None:
    floor = 3e-6 + 1e-6 * np.log2(members)
    expected = floor + 2 * (members - 1) / members * payload / 400e9
    assert seconds("all_reduce", payload, members) == pytest.approx(expected)


@QUICK
@given(payload=PAYLOAD, members=st.sampled_from([2, 4, 8]))
def test_an_all_reduce_is_a_scatter_and_a_gather_with_one_start(payload: float, members: int) -> None:
    parts = seconds("reduce_scatter", payload, members) + seconds("all_gather", payload, members)
    whole = seconds("all_reduce", payload, members)
    assert whole == pytest.approx(parts - (3e-6 + 1e-6 * np.log2(members)))


@every_kind
@QUICK
@given(payload=PAYLOAD, factor=st.floats(1.0, 100.0), members=st.sampled_from([2, 8, 16, 64]))
def test_more_bytes_never_take_less_time(
    kind: CollectiveKind, payload: float, factor: float, members: int
) -> None:
    inside = min(members, 8)
    assert seconds(kind, payload * factor, members, inside) >= seconds(kind, payload, members, inside)


@every_kind
@QUICK
@given(payload=PAYLOAD, members=st.sampled_from([2, 8, 16, 64]), factor=st.floats(1.0, 10.0))
def test_faster_links_never_take_more_time(
    kind: CollectiveKind, payload: float, members: int, factor: float
) -> None:
    inside = min(members, 8)
    base = seconds(kind, payload, members, inside)
    for name in ("up_bytes_per_s", "out_bytes_per_s"):
        quicker = replace(LINKS, **{name: getattr(LINKS, name) * factor})
        assert seconds(kind, payload, members, inside, quicker) <= base * (1 + 1e-12)


@every_kind
@QUICK
@given(payload=PAYLOAD)
def test_leaving_the_domain_costs(kind: CollectiveKind, payload: float) -> None:
    assert seconds(kind, payload, 8, 1) > seconds(kind, payload, 8, 8)
    if kind != "send":
        assert seconds(kind, payload, 16, 8) > seconds(kind, payload, 8, 8)


def test_two_levels_send_only_a_part_between_domains() -> None:
    flat, two = seconds("all_reduce", 1e9, 16, 1), seconds("all_reduce", 1e9, 16, 8)
    assert two < flat / 4


def test_an_all_to_all_sends_the_share_of_other_domains_over_the_network() -> None:
    total = seconds("all_to_all", 1e9, 16, 8)
    inside = 3e-6 + 3e-6 + 7 / 8 * 1e9 / 400e9
    outside = 10e-6 + 2e-6 + 1 / 2 * 1e9 / 50e9
    assert total == pytest.approx(inside + outside)


def test_a_send_uses_the_tier_it_crosses() -> None:
    assert seconds("send", 1e6, 2, 2) == pytest.approx(3e-6 + 1e6 / 400e9)
    assert seconds("send", 1e6, 2, 1) == pytest.approx(10e-6 + 1e6 / 50e9)


def test_a_mesh_gives_two_devices_one_link_and_all_of_them_all() -> None:
    mesh = replace(LINKS, up_bytes_per_s=448e9, peer_bytes_per_s=64e9)
    assert float(mesh.inside_bytes_per_s(np.array(2.0))) == 64e9
    assert float(mesh.inside_bytes_per_s(np.array(8.0))) == 448e9
    assert seconds("all_gather", 1e9, 2, links=mesh) > 3 * seconds("all_gather", 1e9, 2)


@pytest.mark.parametrize(("device", "busbw_bytes_per_s"), [("h100-sxm", 364e9), ("b200-sxm", 609e9)])
def test_the_fitted_all_reduce_has_the_measured_bus_bandwidth(device: str, busbw_bytes_per_s: float) -> None:
    """NCCL on eight devices: 364 GB/s on H100, 609 GB/s on B200, large messages."""
    payload = np.array([4e9])
    span = Span(members=np.array([8.0]), inside=np.array([8.0]))
    took_s = float(
        COST_SOURCES["fitted"].collective_s(catalog.device(device), "all_reduce", payload, span)[0]
    )
    assert 2 * 7 / 8 * 4e9 / took_s == pytest.approx(busbw_bytes_per_s, rel=0.05)


def small_s(kind: CollectiveKind, device: str = "h100-sxm") -> float:
    """A kilobyte over eight devices of one domain, by the fitted source."""
    span = Span(members=np.array([8.0]), inside=np.array([8.0]))
    priced = COST_SOURCES["fitted"].serving("vllm", None)
    return float(priced.collective_s(catalog.device(device), kind, np.array([1e3]), span)[0])


def test_a_small_collective_costs_its_latency() -> None:
    """Published terms of NCCL for eight ranks lie between 7 and 27 microseconds.

    The all-reduce kernels that engines bring along take 3.2-5.7 (graph mode, aiconfigurator 0.12.0 tables).
    """
    assert 7e-6 < small_s("all_gather") < 27e-6
    assert 7e-6 < small_s("reduce_scatter") < 27e-6
    assert 3e-6 < small_s("all_reduce") < 27e-6


def test_engines_bring_their_own_all_reduce_for_switched_fabrics_only() -> None:
    """Cards on PCIe reduce by NCCL: no cheaper than a gather of the same size."""
    assert small_s("all_reduce") < small_s("all_gather")
    assert small_s("all_reduce", "l40s") >= small_s("all_gather", "l40s")
