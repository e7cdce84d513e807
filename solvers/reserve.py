r"""What is served survives the loss of any one failure domain (N-1): a device, a node, a rack.

Sets        k in K              failures: a pool g and a supply s with columns C_k on both
            J_k, W_k            demands that pass s, and all their channels
            l in L_k            levels of loss: the different values of rate_c lost_c over C_k, and 0
Parameters  lost_c              replicas of column c in one failure domain of its pool, at least 1
            ub_c, rate_c        bound on its count, requests one replica sustains [1/s]
            v_kl                requests lost at level l [1/s]; l(c) is the level of column c
            M_k                 largest sum of rate_c x_c over C_k [1/s]
Variables   x_c, f_j            of the program this is added to
            top_kl in {0,1}     the worst column in use has level l
            gone_k in {0,1}     all that pool g sustains on s is lost
            left_k >= 0         requests that pool g still sustains on s [1/s]
            kept_jk >= 0        requests carried by channel j after failure k [1/s]

    s.t.  sum_l top_kl = 1                                                 (level_k)
          x_c <= ub_c sum_{l >= l(c)} top_kl,  c in C_k                    (used_kc)
          left_k <= sum_{c in C_k} rate_c x_c - sum_l v_kl top_kl + max_l v_kl gone_k     (left_k)
          left_k <= M_k (1 - gone_k)                                       (gone_k)
          left_k + sum_{c on s, not in C_k} rate_c x_c >= sum_{j through s} kept_jk       (survive_ks)
          sum_{c on s'} rate_c x_c >= sum_{j through s'} kept_jk           (survive_ks)
          sum_{j of w} kept_jk >= alpha lambda_w, or lambda_w,  w in W_k   (keep_kw)
          sum_{j in J_k} bytes_ej kept_jk + sum_{j not in J_k} bytes_ej f_j <= B_e        (reroute_ke)

A domain that holds replicas of several columns loses a mean of what it would lose full of each, and what can
be served is concave in the loss: checking full domains covers mixed ones. Requests take other ways at once;
nothing is restarted. Demands that the failure does not touch keep their ways.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.builder import ProgramBuilder, Terms
from solvers.csr import Bools, Floats, Ints
from solvers.fleet_instance import Fleet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Served:
    """Variables of the program that failures refer to: counts, flows, the multiple asked (None: 1)."""

    x: Ints
    f: Ints
    alpha: int | None
    flow_bound: Floats


def add_reserve(m: ProgramBuilder, fleet: Fleet, v: Served, bounds: Floats, least_per_s: Floats) -> None:
    """Add one copy of the flows for every failure, over a program with counts ``x`` and flows ``f``."""
    reserve = fleet.reserve
    if reserve is None:
        return
    counted = bounds > 0
    pairs = np.unique(np.column_stack([reserve.domain_of, fleet.supply_of])[counted], axis=0)
    for pool, supply in pairs.tolist():
        mine = counted & (reserve.domain_of == pool) & (fleet.supply_of == supply)
        name = f"{pool},{supply}"
        left = _left(m, fleet, v, bounds, mine, name)
        _reroute(m, fleet, v, least_per_s, int(supply), mine, left, name)


def _left(  # noqa: PLR0913
    m: ProgramBuilder, fleet: Fleet, v: Served, bounds: Floats, mine: Bools, name: str
) -> int:
    """(level_k), (used_kc), (left_k), (gone_k): what a pool still sustains on a supply; return its column."""
    assert fleet.reserve is not None
    members = np.flatnonzero(mine)
    rate = fleet.rate_per_s[members]
    lost, level = np.unique(rate * fleet.reserve.lost[members], return_inverse=True)
    largest, whole = float(lost[-1]), float(rate @ bounds[members])
    # the first level is that of no loss: nothing is in use
    top = m.columns(f"top[{name}]", np.zeros(len(lost) + 1), 1.0, integer=True)
    gone = int(m.columns(f"gone[{name}]", 0.0, 1.0, integer=True)[0])
    left = int(m.columns(f"left[{name}]", 0.0, whole)[0])
    m.rows(f"level[{name}]", [(0, top, 1.0)], 1.0, 1.0)
    each = np.arange(len(members))
    row, above = np.nonzero(np.arange(len(lost))[None, :] >= level[:, None])
    used: Terms = [(each, v.x[members], 1.0), (row, top[above + 1], -bounds[members][row])]
    m.rows(f"used[{name}]", used, -np.inf, np.zeros(len(each)))
    kept: Terms = [(0, v.x[members], rate), (0, top[1:], -lost), (0, gone, largest), (0, left, -1.0)]
    m.rows(f"left[{name}]", kept, 0.0, np.inf)
    m.rows(f"gone[{name}]", [(0, left, 1.0), (0, gone, whole)], -np.inf, whole)
    return left


def _reroute(  # noqa: PLR0913
    m: ProgramBuilder,
    fleet: Fleet,
    v: Served,
    least_per_s: Floats,
    supply: int,
    mine: Bools,
    left: int,
    name: str,
) -> None:
    """(survive_ks), (keep_kw), (reroute_ke): the demands that pass the supply find other ways."""
    touched = {int(fleet.channel_demand[j]) for j, s in enumerate(fleet.channel_supplies) if supply in s}
    moved = np.flatnonzero(np.isin(fleet.channel_demand, sorted(touched)))
    kept = m.columns(f"kept[{name}]", np.zeros(len(moved)), v.flow_bound[moved])
    column_of = dict(zip(moved.tolist(), kept.tolist(), strict=True))
    for s in sorted({s for j in moved.tolist() for s in fleet.channel_supplies[j]}):
        through = [column_of[j] for j in moved.tolist() if s in fleet.channel_supplies[j]]
        standing = (fleet.supply_of == s) & ~mine
        terms: Terms = [(0, v.x[standing], fleet.rate_per_s[standing]), (0, np.array(through), -1.0)]
        m.rows(f"survive[{name},{s}]", [*terms, *([(0, left, 1.0)] if s == supply else [])], 0.0, np.inf)
    for w in sorted(touched):
        carried = np.array([column_of[j] for j in moved.tolist() if fleet.channel_demand[j] == w])
        asked: Terms = [] if v.alpha is None else [(0, v.alpha, -float(fleet.demand_per_s[w]))]
        least = 0.0 if v.alpha is not None else float(least_per_s[w])
        m.rows(f"keep[{name},{w}]", [(0, carried, 1.0), *asked], least, np.inf)
    moving = fleet.link_bytes_per_request
    if moving.n_rows:
        column = v.f.copy()
        column[moved] = kept
        m.rows(
            f"reroute[{name}]",
            [(moving.row_of, column[moving.indices], moving.data)],
            -np.inf,
            fleet.link_bytes_per_s,
        )
