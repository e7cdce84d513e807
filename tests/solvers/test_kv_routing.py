"""KV routing: optima of network flow and of a second solver, exact limits, prices against re-solves."""

import json
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solvers import kv_routing
from solvers.backends.registry import BACKENDS
from solvers.errors import InvalidInstance
from solvers.kv_flow import KvFlow, route

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
EXAMPLE = Path(__file__).parents[2] / "examples/kv-routing.json"
WHOLE = st.integers(0, 9)

INSTANCE: dict[str, Any] = {
    "sources": [
        {"name": "p0", "model": "big", "rate_per_s": 4.0},
        {"name": "p1", "model": "small", "rate_per_s": 6.0},
    ],
    "sinks": [
        {"name": "near", "model": "big", "capacity_per_s": 2.0},
        {"name": "far", "model": "big", "capacity_per_s": 5.0},
        {"name": "d1", "model": "small", "capacity_per_s": 9.0},
    ],
    "links": [{"name": "rail", "bytes_per_s": 10.0}],
    "paths": [
        {"from": "p0", "to": "near", "links": [], "seconds": 1.0},
        {"from": "p0", "to": "far", "links": ["rail"], "seconds": 3.0},
        {"from": "p1", "to": "d1", "links": ["rail"], "seconds": 2.0},
    ],
    "kv_bytes": {"big": 2.0, "small": 1.0},
}


def solved(instance: dict[str, Any]) -> dict[str, Any]:
    return kv_routing.solve(kv_routing.parse(instance), gap=1e-7)


@st.composite
def instances(draw: st.DrawFn) -> dict[str, Any]:
    """One or two models, up to three workers a side, three links, any paths between workers of a model."""
    models = ["a", "b"][: draw(st.integers(1, 2))]
    links = [{"name": f"e{i}", "bytes_per_s": float(draw(WHOLE))} for i in range(draw(st.integers(1, 3)))]
    sides: dict[str, list[dict[str, Any]]] = {}
    for side, figure in (("sources", "rate_per_s"), ("sinks", "capacity_per_s")):
        sides[side] = [
            {"name": f"{side}{i}", "model": draw(st.sampled_from(models)), figure: float(draw(WHOLE))}
            for i in range(draw(st.integers(1, 3)))
        ]
    paths = [
        {
            "from": source["name"],
            "to": sink["name"],
            "links": [link["name"] for link in links if draw(st.booleans())],
            "seconds": draw(WHOLE) / 4,
        }
        for source in sides["sources"]
        for sink in sides["sinks"]
        if source["model"] == sink["model"]
        for _ in range(draw(st.integers(0, 2)))
    ]
    kv_bytes = {name: draw(st.integers(0, 4)) / 2 for name in models}
    return {**sides, "links": links, "paths": paths, "kv_bytes": kv_bytes}


def broken(flow: KvFlow, rate: np.ndarray) -> list[str]:
    """Limits that a routing exceeds by more than a rounding of the sums."""
    ends = (("source", flow.path_source, flow.rate_per_s), ("sink", flow.path_sink, flow.capacity_per_s))
    loads = {
        name: (np.bincount(index, weights=rate, minlength=len(limit)), limit) for name, index, limit in ends
    }
    loads["link"] = (flow.moved.dot(rate), flow.link_bytes_per_s)
    return [name for name, (load, limit) in loads.items() if (load > limit * (1 + 1e-12)).any()]


@settings(QUICK, max_examples=20)
@given(instance=instances())
def test_a_second_solver_agrees_and_every_limit_is_kept(instance: dict[str, Any]) -> None:
    flow = kv_routing.parse(instance).flow
    ours, theirs = (
        route(flow, BACKENDS[name], time_limit_s=10.0, gap=1e-7) for name in ("mathopt-highs", "pulp-cbc")
    )
    assert ours.status == "optimal"
    assert ours.routed_per_s == pytest.approx(theirs.routed_per_s, rel=1e-7, abs=1e-9)
    assert ours.transfer_s_per_s == pytest.approx(theirs.transfer_s_per_s, rel=1e-6, abs=1e-6)
    assert ours.routed_per_s <= ours.routed_bound_per_s
    assert ours.transfer_s_per_s >= ours.transfer_bound_s_per_s
    assert (ours.rate_per_s >= 0).all()
    assert broken(flow, ours.rate_per_s) == []


@QUICK
@given(
    up=st.lists(st.tuples(WHOLE, WHOLE, WHOLE), min_size=1, max_size=4),
    down=st.lists(st.tuples(WHOLE, WHOLE, WHOLE), min_size=1, max_size=4),
    spine=st.integers(0, 20),
)
def test_one_model_is_a_min_cost_flow(
    up: list[tuple[int, int, int]], down: list[tuple[int, int, int]], spine: int
) -> None:
    """Every source has an uplink and every sink a downlink, and all share a spine: edges of a network."""
    network = nx.DiGraph()
    network.add_edge("in", "out", capacity=spine, weight=0)
    for i, (rate, link, seconds) in enumerate(up):
        network.add_edge("start", f"p{i}", capacity=rate, weight=0)
        network.add_edge(f"p{i}", "in", capacity=link, weight=seconds)
    for j, (capacity, link, seconds) in enumerate(down):
        network.add_edge("out", f"d{j}", capacity=link, weight=seconds)
        network.add_edge(f"d{j}", "end", capacity=capacity, weight=0)
    best = nx.max_flow_min_cost(network, "start", "end")
    answer = solved(
        {
            "sources": [{"name": f"p{i}", "model": "m", "rate_per_s": u[0]} for i, u in enumerate(up)],
            "sinks": [{"name": f"d{j}", "model": "m", "capacity_per_s": d[0]} for j, d in enumerate(down)],
            "links": [
                {"name": "spine", "bytes_per_s": spine},
                *({"name": f"up{i}", "bytes_per_s": u[1]} for i, u in enumerate(up)),
                *({"name": f"down{j}", "bytes_per_s": d[1]} for j, d in enumerate(down)),
            ],
            "paths": [
                {
                    "from": f"p{i}",
                    "to": f"d{j}",
                    "links": [f"up{i}", "spine", f"down{j}"],
                    "seconds": u[2] + d[2],
                }
                for i, u in enumerate(up)
                for j, d in enumerate(down)
            ],
            "kv_bytes": {"m": 1},
        }
    )
    assert answer["solution"]["routed_per_s"] == pytest.approx(sum(best["start"].values()), abs=1e-9)
    assert answer["objective"] == pytest.approx(nx.cost_of_flow(network, best), rel=1e-9, abs=1e-9)


@QUICK
@given(instance=instances(), step=st.sampled_from([0.25, 1.0]))
def test_prices_bracket_what_more_or_less_capacity_does(instance: dict[str, Any], step: float) -> None:
    """More capacity gains at most price times step, less capacity loses at least that."""
    link = instance["links"][0]
    assume(link["bytes_per_s"] >= step)
    answers = [
        solved(instance | {"links": [link | {"bytes_per_s": at}, *instance["links"][1:]]})
        for at in (link["bytes_per_s"] - step, link["bytes_per_s"], link["bytes_per_s"] + step)
    ]
    less, now, more = (answer["solution"]["routed_per_s"] for answer in answers)
    first = answers[1]["solution"]["links"][0]
    assert more - now <= first["price_requests_per_byte"] * step + 1e-6
    assert now - less >= first["price_requests_per_byte"] * step - 1e-6
    if less == pytest.approx(more, abs=1e-9):  # what is routed stays, so times can be compared
        slow, at, quick = (answer["objective"] for answer in answers)
        assert at - quick <= first["price_s_per_byte"] * step + 1e-6
        assert slow - at >= first["price_s_per_byte"] * step - 1e-6


def test_requests_come_before_time_and_the_rest_is_counted() -> None:
    """By hand: small requests take 6 of 10 bytes/s, the big ones 2 near and 2 far over the other 4."""
    answer = solved(INSTANCE)
    assert (answer["status"], answer["objective"]) == ("optimal", pytest.approx(2 * 1 + 2 * 3 + 6 * 2))
    assert answer["solution"]["unrouted_per_s"] == {"big": 0.0, "small": 0.0}
    assert answer["solution"]["router_weights"] == {
        "p0": {"near": pytest.approx(0.5), "far": pytest.approx(0.5)},
        "p1": {"d1": pytest.approx(1.0)},
    }
    tighter = solved(INSTANCE | {"links": [{"name": "rail", "bytes_per_s": 7.0}]})
    assert tighter["solution"]["unrouted_per_s"] == {"big": pytest.approx(1.5), "small": 0.0}
    assert tighter["solution"]["links"] == [
        {
            "name": "rail",
            "load_bytes_per_s": pytest.approx(7.0),
            "load_frac": pytest.approx(1.0),
            "price_s_per_byte": pytest.approx(0.0),
            "price_requests_per_byte": pytest.approx(0.5),  # a byte/s more carries half a big request
        }
    ]
    assert tighter["solution"]["most_loaded_link"] == "rail"


def test_a_congested_short_cut_has_the_price_of_the_detour() -> None:
    short = {"from": "p1", "to": "d1", "links": ["rail"], "seconds": 2.0}
    detour = {"from": "p1", "to": "d1", "links": [], "seconds": 5.0}
    answer = solved(INSTANCE | {"paths": [short, detour], "links": [{"name": "rail", "bytes_per_s": 4.0}]})
    assert answer["objective"] == pytest.approx(4 * 2 + 2 * 5)
    assert answer["solution"]["links"][0]["price_s_per_byte"] == pytest.approx((5 - 2) / 1.0)
    assert [path["rate_per_s"] for path in answer["solution"]["paths"]] == pytest.approx([4.0, 2.0])
    assert answer["solution"]["router_weights"]["p1"] == {"d1": 1.0}
    assert answer["solution"]["router_weights"]["p0"] == {}


def test_demand_limits_what_sources_may_hand_over_and_may_exceed_it() -> None:
    less = solved(INSTANCE | {"demand_per_s": {"small": 1.0}})
    assert less["solution"]["routed_per_s"] == pytest.approx(4.0 + 1.0)
    more = solved(INSTANCE | {"demand_per_s": {"small": 8.0}})
    assert more["solution"]["unrouted_per_s"]["small"] == pytest.approx(2.0)


@pytest.mark.parametrize(
    "change",
    [
        {"paths": []},
        {"sources": [], "paths": []},
        {"sinks": [], "paths": []},
        {"links": [{"name": "rail", "bytes_per_s": 0}], "paths": INSTANCE["paths"][1:]},
        {"demand_per_s": {"big": 0, "small": 0}},
    ],
)
def test_nothing_to_route_is_an_answer(change: dict[str, Any]) -> None:
    answer = solved(INSTANCE | change)
    assert (answer["status"], answer["objective"], answer["gap"]) == ("optimal", 0.0, 0.0)
    assert answer["solution"]["paths"] == []
    assert all(weights == {} for weights in answer["solution"]["router_weights"].values())


def test_a_cache_of_no_bytes_loads_no_link() -> None:
    answer = solved(INSTANCE | {"kv_bytes": {"big": 0, "small": 0}})
    assert answer["solution"]["links"][0]["load_frac"] == 0.0
    assert answer["solution"]["routed_per_s"] == pytest.approx(10.0)


def test_order_changes_no_value() -> None:
    turned = {k: v[::-1] if isinstance(v, list) else v for k, v in INSTANCE.items()}
    assert solved(turned)["objective"] == pytest.approx(solved(INSTANCE)["objective"])


def test_the_example_leaves_large_caches_out_where_the_rail_is_full() -> None:
    solution = solved(json.loads(EXAMPLE.read_text()))["solution"]
    assert solution["most_loaded_link"] == "rail"
    spare = 12e9 - 30 * 393e6  # bytes/s that the small caches leave on the rail
    assert solution["unrouted_per_s"]["llama-70b"] == pytest.approx(3.0 - spare / 983e6)


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in INSTANCE.items() if name != key}


def changed(key: str, index: int, **changes: Any) -> dict[str, Any]:
    rows = list(INSTANCE[key])
    rows[index] = rows[index] | changes
    return INSTANCE | {key: rows}


@pytest.mark.parametrize(
    ("instance", "pointer"),
    [
        ([INSTANCE], ""),
        (without("sources"), "/sources"),
        (without("kv_bytes"), "/kv_bytes"),
        (INSTANCE | {"kv_bytes": {"big": 1}}, "/kv_bytes/small"),
        (INSTANCE | {"kv_bytes": {"big": 1, "small": -1}}, "/kv_bytes/small"),
        (INSTANCE | {"sources": INSTANCE["sources"] * 2}, "/sources/2/name"),
        (INSTANCE | {"links": INSTANCE["links"] * 2}, "/links/1/name"),
        (changed("sources", 0, rate_per_s="4"), "/sources/0/rate_per_s"),
        (changed("sinks", 1, capacity_per_s=float("nan")), "/sinks/1/capacity_per_s"),
        (changed("links", 0, bytes_per_s=-1), "/links/0/bytes_per_s"),
        (changed("links", 0, bytes_per_s=1e308), "/links/0/bytes_per_s"),
        (changed("paths", 0, to="d1"), "/paths/0/to"),
        (changed("paths", 0, to="nowhere"), "/paths/0/to"),
        (changed("paths", 2, **{"from": 7}), "/paths/2/from"),
        (changed("paths", 1, links=["rial"]), "/paths/1/links/0"),
        (changed("paths", 1, links="rail"), "/paths/1/links"),
        (changed("paths", 1, seconds=-0.1), "/paths/1/seconds"),
        (INSTANCE | {"demand_per_s": {"huge": 1}}, "/demand_per_s/huge"),
        (INSTANCE | {"demand_per_s": {"big": True}}, "/demand_per_s/big"),
    ],
)
def test_wrong_fields_are_refused_by_name(instance: Any, pointer: str) -> None:
    with pytest.raises(InvalidInstance) as refusal:
        kv_routing.parse(instance)
    assert refusal.value.pointer == pointer
    assert refusal.value.hint == "" or refusal.value.hint.startswith("Maybe")
