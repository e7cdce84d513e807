r"""What is served survives the loss of any one failure domain (N-1): a device, a node, a rack.

Sets        k in K              failures that take one replica: a pool g and a supply s, with the columns C_k
                                on both whose replicas share no domain with others: they fill whole ones, or
                                the number of domains is open and every replica gets its own
            j in J_k, W_k       demands that pass s, and all their channels
            l in L_k            levels of loss: the different values of rate_c over C_k, and 0
Parameters  ub_c, rate_c        bound on its count, requests one replica sustains [1/s]
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

Replicas that share domains are spread over them: :mod:`solvers.spread`. Requests take other ways at once,
nothing is restarted, and demands that the failure does not touch keep their ways.
"""

from __future__ import annotations

import numpy as np

from solvers.builder import ProgramBuilder, Terms
from solvers.csr import Bools, Floats
from solvers.fleet_instance import Fleet
from solvers.rerouting import Served, reroute
from solvers.spread import add_spread


def add_reserve(m: ProgramBuilder, fleet: Fleet, v: Served, bounds: Floats, least_per_s: Floats) -> None:
    """Add one copy of the flows for every failure, over a program with counts ``x`` and flows ``f``."""
    reserve = fleet.reserve
    if reserve is None:
        return
    alone = (bounds > 0) & ~reserve.shares
    for pool, supply in np.unique(
        np.column_stack([reserve.pool_of, fleet.supply_of])[alone], axis=0
    ).tolist():
        mine = alone & (reserve.pool_of == pool) & (fleet.supply_of == supply)
        name = f"{pool},{supply}"
        left = _left(m, fleet, v, bounds, mine, name)
        # what the pool sustains with these columns is replaced by what is left of it
        change: Terms = [(0, left, 1.0), (0, v.x[mine], -fleet.rate_per_s[mine])]
        reroute(m, fleet, v, least_per_s, {int(supply): change}, name)
    add_spread(m, fleet, v, bounds, least_per_s)


def _left(  # noqa: PLR0913
    m: ProgramBuilder, fleet: Fleet, v: Served, bounds: Floats, mine: Bools, name: str
) -> int:
    """(level_k), (used_kc), (left_k), (gone_k): what a pool still sustains on a supply; return its column."""
    assert fleet.reserve is not None
    members = np.flatnonzero(mine)
    rate = fleet.rate_per_s[members]
    lost, level = np.unique(rate, return_inverse=True)
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
