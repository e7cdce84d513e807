r"""Replicas that share nodes (or racks) are spread over them, so that the loss of one takes few of each kind.

Sets        g in G              pools with a known number of domains
            c in C_g            columns of g whose replicas are smaller than a domain
            d in D_g            numbers of domains they may be spread over, 0 included
Parameters  size_c, rate_c      devices of a replica; requests it sustains [1/s]
            L_g, N_g            devices of a domain; domains
            filled_c            domains that a replica of any other column takes for itself
            ub_c                bound on the count
Variables   x_c                 of the program this is added to
            over_gd in {0,1}    the replicas of C_g are spread over d domains
            each_c >= 0 integer replicas of c in the fullest domain
            kept_jg >= 0        requests carried by channel j after the loss of one such domain [1/s]

    s.t.  sum_d over_gd = 1                                                     (over_g)
          x_c <= ub_c (1 - over_g0)                                             (shared_gc)
          x_c <= d each_c + ub_c (1 - over_gd),  d > 0                          (each_gcd)
          sum_{c in C_g} size_c each_c <= L_g                                   (domain_g)
          sum_d d over_gd + sum_{c on g, not in C_g} filled_c x_c <= N_g        (domains_g)
          sum_{c on s} rate_c x_c - sum_{c in C_g on s} rate_c each_c >= sum_{j through s} kept_jg,
          and the other rows of ``rerouting``                                   (survive_gs ...)

Every domain holds at most each_c replicas of c, and all of them together fit: the placement deals them out
in turn. A domain is taken to hold the most of every column at once.
"""

from __future__ import annotations

import numpy as np

from solvers.builder import ProgramBuilder, Terms
from solvers.csr import Floats, Ints
from solvers.fleet_instance import Fleet, Reserve
from solvers.rerouting import Served, reroute

EVERY_NUMBER = 16
"""Up to this many domains every number of them may be used; beyond, steps of an eighth."""


def add_spread(m: ProgramBuilder, fleet: Fleet, v: Served, bounds: Floats, least_per_s: Floats) -> None:
    """Add the spread of every pool that has columns smaller than a domain."""
    reserve = fleet.reserve
    assert reserve is not None
    sharing = (bounds > 0) & reserve.shares
    for pool in np.unique(reserve.pool_of[sharing]).tolist():
        mine = np.flatnonzero(sharing & (reserve.pool_of == pool))
        each = _each(m, reserve, v, bounds, mine, pool)
        lost: dict[int, Terms] = {}
        for s in np.unique(fleet.supply_of[mine]).tolist():
            on = fleet.supply_of[mine] == s
            lost[s] = [(0, each[on], -fleet.rate_per_s[mine[on]])]
        reroute(m, fleet, v, least_per_s, lost, f"spread {pool}")


def _each(  # noqa: PLR0913
    m: ProgramBuilder, reserve: Reserve, v: Served, bounds: Floats, mine: Ints, pool: int
) -> Ints:
    """(over_g) to (domains_g); return the columns of ``each`` [columns of the pool]."""
    numbers = numbers_of_domains(int(reserve.domains[pool]))
    ub = bounds[mine]
    row = np.arange(len(mine))
    over = m.columns(f"over[{pool}]", np.zeros(len(numbers)), 1.0, integer=True)
    each = m.columns(f"each[{pool}]", np.zeros(len(mine)), ub, integer=True)
    m.rows(f"over[{pool}]", [(0, over, 1.0)], 1.0, 1.0)
    m.rows(f"shared[{pool}]", [(row, v.x[mine], 1.0), (row, over[0], ub)], -np.inf, ub)
    for number, chosen in zip(numbers[1:], over[1:], strict=True):
        terms: Terms = [(row, v.x[mine], 1.0), (row, each, -float(number)), (row, chosen, ub)]
        m.rows(f"each[{pool},{number}]", terms, -np.inf, ub)
    size = reserve.size[mine].astype(float)
    m.rows(f"domain[{pool}]", [(0, each, size)], -np.inf, float(reserve.capacity[pool]))
    alone = (bounds > 0) & ~reserve.shares & (reserve.pool_of == pool)
    taken: Terms = [(0, over, np.array(numbers, dtype=float)), (0, v.x[alone], reserve.filled[alone])]
    m.rows(f"domains[{pool}]", taken, -np.inf, float(reserve.domains[pool]))
    return each


def numbers_of_domains(most: int) -> list[int]:
    """Numbers of domains that replicas may be spread over: 0, all of them, and steps between."""
    numbers, number = [0], 1
    while number < most:
        numbers.append(number)
        number += max(number // 8, 1) if number >= EVERY_NUMBER else 1
    return [*numbers, most]
