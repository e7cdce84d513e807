r"""Replicas that start and stop from period to period: a day in hours, down to nothing at night.

Sets        c in C              columns: a configuration in one period, the periods form a circle
            g in G              resources of one period (the program's own, one block per period)
Parameters  prev(c), next(c)    the same configuration one period earlier, later
            use_gc, limit_g     as in the program this is added to
            start_c             price of one start (added to the objective)
Variables   x_c                 replicas (of the program this is added to)
            on_c >= 0           replicas that start at the beginning of the period of c

    s.t.  on_c >= x_c - x_prev(c)                                        (start_c)
          sum_{c of the period} use_gc (x_c + on_next(c)) <= limit_g     (inventory_g of the program, widened)

A replica loads its weights before its period begins: it holds its devices while those it replaces still
serve. Whole counts make on_c whole at its least value, so it needs no integrality of its own.
"""

from __future__ import annotations

import numpy as np

from solvers.builder import ProgramBuilder, Terms
from solvers.csr import Csr, Floats, Ints
from solvers.fleet_instance import Switching
from solvers.tiling import Tiling


def add_starts(m: ProgramBuilder, switching: Switching, x: Ints, bounds: Floats) -> Ints:
    """Add the starts of every column and the rows that define them; return their columns [columns]."""
    on = m.columns("on", np.zeros(len(x)), bounds)
    each = np.arange(len(x))
    rises: Terms = [(each, on, 1.0), (each, x, -1.0), (each, x[switching.previous()], 1.0)]
    m.rows("start", rises, np.zeros(len(x)), np.inf)
    return on


def loading(switching: Switching, uses: Csr, on: Ints) -> Terms:
    """Resources of the period before that starting replicas hold while they load, as inventory entries."""
    held_before = np.full(len(on), -1, dtype=np.int64)
    held_before[switching.previous()] = np.arange(len(on))
    # the entry of (g, c) also holds for the replicas of the same configuration that start after c's period
    return [(uses.row_of, on[held_before[uses.indices]], uses.data)]


def with_loading(switching: Switching, tiling: Tiling) -> Tiling:
    """Tile the replicas that load beside those that still serve: columns x, then columns on."""
    before = switching.previous()
    return Tiling(
        pool_of=np.concatenate((tiling.pool_of, tiling.pool_of[before])),
        size=np.concatenate((tiling.size, tiling.size)),
        bins=tiling.bins,
    )


def starts_of(switching: Switching, x: Ints) -> Ints:
    """Replicas of every column that start with its period [columns]."""
    started: Ints = np.maximum(x - x[switching.previous()], 0)
    return started
