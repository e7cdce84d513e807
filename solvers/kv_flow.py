r"""KV caches from prefill to decode workers over shared links: most requests, then least time in transfer.

Sets        s in S              sources: prefill workers or pools, each of one model
            d in D              sinks: decode workers or pools, each of one model
            m in M              models
            e in E              links
            p in P              paths: a source, a sink of the same model, the links crossed (possibly none)
Parameters  rate_s              requests whose caches s hands over, at most [1/s]
            cap_d               requests d takes, at most [1/s]
            lambda_m            requests of m that are asked for [1/s]
            bytes_ep, B_e       bytes one request moves over link e on path p; capacity [B/s]
            t_p                 seconds one cache travels on path p
Variables   z_p >= 0            requests handed over on path p [1/s]
                                an upper bound that cannot bind is set; the proof needs it

    max   sum_p z_p, then   min   sum_p t_p z_p
    s.t.  sum_{p from s} z_p <= rate_s             (source_s)
          sum_{p to d} z_p <= cap_d                (sink_d)
          sum_{p of m} z_p <= lambda_m             (demand_m)
          sum_p bytes_ep z_p <= B_e                (link_e)
          sum_p z_p >= value of the first level    (routed)

A multi-commodity flow: with one model it is a min-cost flow. The dual of link_e in the second level is its
congestion price, seconds of transfer saved per byte of capacity; in the first, requests gained per byte.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from solvers.backends.base import Backend
from solvers.builder import ProgramBuilder
from solvers.csr import Csr, Floats, Ints
from solvers.dual_bound import dual_bound
from solvers.program import Program, Sense
from solvers.result import Result, Status

ROUNDING = 1e-11
"""Share of everything asked for or handed over below which a distance to a bound is rounding."""
NEVER_BINDING = 2.0
"""Factor between the upper bound of a path that follows from its ends and the one set."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KvFlow:
    """One instance; arrays are indexed by source, sink, model, link or path.

    ``moved`` holds the bytes a request of each path moves over each link [links x paths].
    """

    rate_per_s: Floats
    capacity_per_s: Floats
    demand_per_s: Floats
    link_bytes_per_s: Floats
    path_source: Ints
    path_sink: Ints
    path_model: Ints
    path_s: Floats
    moved: Csr

    @property
    def n_paths(self) -> int:
        """Number of paths."""
        return len(self.path_s)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Routing:
    """Requests on every path, both levels with their bounds, and the prices of links.

    ``rate_per_s`` [paths]; ``price_s_per_byte`` and ``price_requests_per_byte`` [links].
    """

    status: Status
    rate_per_s: Floats
    routed_per_s: float
    routed_bound_per_s: float
    transfer_s_per_s: float
    transfer_bound_s_per_s: float
    price_s_per_byte: Floats
    price_requests_per_byte: Floats


def build(flow: KvFlow, routed_per_s: float | None = None) -> Program:
    """Write the program of the first level, or of the second where the first one's value is given."""
    m = ProgramBuilder()
    ends = np.minimum(flow.rate_per_s[flow.path_source], flow.capacity_per_s[flow.path_sink])
    z = m.columns("z", np.zeros(flow.n_paths), NEVER_BINDING * ends)
    m.rows("source", [(flow.path_source, z, 1.0)], -np.inf, flow.rate_per_s)
    m.rows("sink", [(flow.path_sink, z, 1.0)], -np.inf, flow.capacity_per_s)
    m.rows("demand", [(flow.path_model, z, 1.0)], -np.inf, flow.demand_per_s)
    m.rows(
        "link", [(flow.moved.row_of, z[flow.moved.indices], flow.moved.data)], -np.inf, flow.link_bytes_per_s
    )
    if routed_per_s is None:
        return m.finish(Sense.MAX, np.ones(flow.n_paths), name="kv_flow")
    m.rows("routed", [(0, z, 1.0)], routed_per_s, np.inf)
    return m.finish(Sense.MIN, flow.path_s, name="kv_flow")


def route(flow: KvFlow, backend: Backend, *, time_limit_s: float, gap: float) -> Routing:
    """Solve both levels; what comes back fits sources, sinks, demands and links exactly."""
    started = time.perf_counter()
    most = build(flow)
    first = backend.solve_lp(most, time_limit_s=time_limit_s)
    if first.x is None:
        return _nothing(flow, first.status)
    routed_bound_per_s = _bound(most, first)
    left_s = time_limit_s - (time.perf_counter() - started)
    quickest = build(flow, float(_fitted(most, first.x).sum()))
    second = backend.solve_lp(quickest, time_limit_s=left_s)
    rate = _fitted(most, first.x if second.x is None else second.x)
    transfer = float(flow.path_s @ rate)
    bound = 0.0 if second.x is None else min(max(_bound(quickest, second), 0.0), transfer)
    most_per_s = max(float(flow.demand_per_s.sum()), float(flow.rate_per_s.sum()))
    longest_s = float(flow.path_s.max(initial=0.0))
    closed = (
        _is_closed(float(rate.sum()), routed_bound_per_s, gap, most_per_s),
        _is_closed(transfer, bound, gap, most_per_s * longest_s),
    )
    return Routing(
        status=Status.OPTIMAL if all(closed) else Status.FEASIBLE,
        rate_per_s=rate,
        routed_per_s=float(rate.sum()),
        routed_bound_per_s=routed_bound_per_s,
        transfer_s_per_s=transfer,
        transfer_bound_s_per_s=bound,
        price_s_per_byte=_prices(flow, -1.0, second),
        price_requests_per_byte=_prices(flow, 1.0, first),
    )


def _bound(program: Program, result: Result) -> float:
    """Bound on a level from its duals alone; no worse than nothing where there are none."""
    duals = np.zeros(program.n_rows) if result.row_duals is None else result.row_duals
    bound = dual_bound(program, duals)
    return max(bound, result.objective) if program.sense is Sense.MAX else bound


def _is_closed(value: float, bound: float, gap: float, scale: float) -> bool:
    """Whether a bound is within the gap, or within rounding where the value is nearly nothing."""
    return abs(bound - value) <= max(gap * abs(value), ROUNDING * scale)


def _fitted(program: Program, x: Floats) -> Floats:
    """Shrink every path by the tightest of what it passes, so that rounding breaks no limit [paths]."""
    rate = np.maximum(x, 0.0)
    rows = program.rows
    load = rows.dot(rate)
    fits = np.where(load > program.row_ub, program.row_ub / np.where(load > 0, load, 1.0), 1.0)
    shrink = np.ones(len(rate))
    np.minimum.at(shrink, rows.indices, fits[rows.row_of])
    return np.asarray(rate * shrink, dtype=np.float64)


def _prices(flow: KvFlow, sign: float, result: Result) -> Floats:
    """Duals of the link rows, as gains [links]; zero where the level was not solved."""
    if result.row_duals is None:
        return np.zeros(len(flow.link_bytes_per_s))
    first = len(flow.rate_per_s) + len(flow.capacity_per_s) + len(flow.demand_per_s)
    return np.maximum(sign * result.row_duals[first : first + len(flow.link_bytes_per_s)], 0.0)


def _nothing(flow: KvFlow, status: Status) -> Routing:
    """No flow was found before the limit."""
    no_price = np.zeros(len(flow.link_bytes_per_s))
    return Routing(
        status=status,
        rate_per_s=np.zeros(flow.n_paths),
        routed_per_s=float("nan"),
        routed_bound_per_s=float(flow.demand_per_s.sum()),
        transfer_s_per_s=float("nan"),
        transfer_bound_s_per_s=0.0,
        price_s_per_byte=no_price,
        price_requests_per_byte=no_price,
    )
