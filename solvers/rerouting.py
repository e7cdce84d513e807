"""Requests find other ways after a failure: one copy of the flows, over what each supply still sustains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solvers.builder import ProgramBuilder, Terms
from solvers.csr import Floats, Ints
from solvers.fleet_instance import Fleet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Served:
    """Variables of the program that failures refer to: counts, flows, the multiple asked (None: 1)."""

    x: Ints
    f: Ints
    alpha: int | None
    flow_bound: Floats


def reroute(  # noqa: PLR0913
    m: ProgramBuilder, fleet: Fleet, v: Served, least_per_s: Floats, changes: Mapping[int, Terms], name: str,
) -> None:  # fmt: skip
    """(survive_ks), (keep_kw), (reroute_ke): the demands that pass a changed supply are still served.

    ``changes`` holds, for every supply that loses something, what comes to its full capacity.
    """
    touched = {
        int(fleet.channel_demand[j]) for j, on in enumerate(fleet.channel_supplies) if set(on) & set(changes)
    }
    moved = np.flatnonzero(np.isin(fleet.channel_demand, sorted(touched)))
    kept = m.columns(f"kept[{name}]", np.zeros(len(moved)), v.flow_bound[moved])
    column_of = dict(zip(moved.tolist(), kept.tolist(), strict=True))
    for s in sorted({s for j in moved.tolist() for s in fleet.channel_supplies[j]}):
        through = [column_of[j] for j in moved.tolist() if s in fleet.channel_supplies[j]]
        on = fleet.supply_of == s
        full: Terms = [(0, v.x[on], fleet.rate_per_s[on]), (0, np.array(through), -1.0)]
        m.rows(f"survive[{name},{s}]", [*full, *changes.get(s, [])], 0.0, np.inf)
    for w in sorted(touched):
        carried = np.array([column_of[j] for j in moved.tolist() if fleet.channel_demand[j] == w])
        asked: Terms = [] if v.alpha is None else [(0, v.alpha, -float(fleet.demand_per_s[w]))]
        least = 0.0 if v.alpha is not None else float(least_per_s[w])
        m.rows(f"keep[{name},{w}]", [(0, carried, 1.0), *asked], least, np.inf)
    moving = fleet.link_bytes_per_request
    if moving.n_rows:
        column = v.f.copy()
        column[moved] = kept
        terms: Terms = [(moving.row_of, column[moving.indices], moving.data)]
        m.rows(f"reroute[{name}]", terms, -np.inf, fleet.link_bytes_per_s)
