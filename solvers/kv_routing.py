"""Which decode workers a prefill worker hands its KV caches to, over links of limited capacity.

Pools are fixed; the program is that of ``kv_flow``. The answer has the requests on every path, the router
weights that follow (share of a source's requests per sink), and what every link carries and is worth.
Requests that do not fit are left out and counted: that is no failure.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from solvers.answer import answer
from solvers.backends.registry import default_backend
from solvers.kv_flow import Routing, route
from solvers.kv_instance import NAME, SCHEMA, KvRouting, parse

__all__ = ["NAME", "SCHEMA", "KvRouting", "parse", "solve"]

ROUNDING = 1e-9
"""Share of a rate below which a rest is rounding."""


def solve(problem: KvRouting, *, time_limit_s: float = 10.0, gap: float = 1e-4) -> dict[str, Any]:
    """Route most requests, then in least time: paths, router weights, loads and prices of links."""
    started = time.perf_counter()
    routing = route(problem.flow, default_backend(), time_limit_s=time_limit_s, gap=gap)
    found = np.isfinite(routing.routed_per_s)
    return answer(
        routing.status,
        wall_s=time.perf_counter() - started,
        objective=routing.transfer_s_per_s if found else None,
        bound=routing.transfer_bound_s_per_s,
        solution=_solution(problem, routing) if found else {},
    )


def _solution(problem: KvRouting, routing: Routing) -> dict[str, Any]:
    flow, rate = problem.flow, routing.rate_per_s
    routed = np.bincount(flow.path_model, weights=rate, minlength=len(problem.models))
    rest = flow.demand_per_s - routed
    rest = np.where(rest > ROUNDING * flow.demand_per_s, rest, 0.0)
    links = _links(problem, routing)
    return {
        "routed_per_s": routing.routed_per_s,
        "routed_bound_per_s": routing.routed_bound_per_s,
        "unrouted_per_s": dict(zip(problem.models, rest.tolist(), strict=True)),
        "paths": [
            {
                "from": problem.sources[flow.path_source[p]],
                "to": problem.sinks[flow.path_sink[p]],
                "links": list(problem.path_links[p]),
                "rate_per_s": float(rate[p]),
            }
            for p in _used(problem, routing)
        ],
        "router_weights": _weights(problem, routing),
        "links": links,
        "link_prices": "lp-dual",
        "most_loaded_link": max(links, key=lambda link: link["load_frac"])["name"] if links else None,
    }


def _used(problem: KvRouting, routing: Routing) -> list[int]:
    """Paths that carry more than rounding."""
    rate, from_s = routing.rate_per_s, problem.flow.rate_per_s[problem.flow.path_source]
    return [int(p) for p in np.flatnonzero(rate > ROUNDING * from_s)]


def _weights(problem: KvRouting, routing: Routing) -> dict[str, dict[str, float]]:
    """Share of every source's requests that goes to each sink, over all paths between the two."""
    flow, sent = problem.flow, np.zeros((len(problem.sources), len(problem.sinks)))
    used = _used(problem, routing)
    np.add.at(sent, (flow.path_source[used], flow.path_sink[used]), routing.rate_per_s[used])
    return {
        source: {
            sink: float(share / row.sum())
            for sink, share in zip(problem.sinks, row, strict=True)
            if share > 0
        }
        for source, row in zip(problem.sources, sent, strict=True)
    }


def _links(problem: KvRouting, routing: Routing) -> list[dict[str, Any]]:
    """What every link carries, the share of its capacity, and what a byte of capacity more would gain."""
    carried, capacity = problem.flow.moved.dot(routing.rate_per_s), problem.flow.link_bytes_per_s
    return [
        {
            "name": name,
            "load_bytes_per_s": float(carried[e]),
            "load_frac": float(carried[e] / capacity[e]) if capacity[e] > 0 else 0.0,
            "price_s_per_byte": float(routing.price_s_per_byte[e]),
            "price_requests_per_byte": float(routing.price_requests_per_byte[e]),
        }
        for e, name in enumerate(problem.links)
    ]
