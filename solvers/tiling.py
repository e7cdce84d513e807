r"""Replicas into bins: which counts of which sizes fit nodes (or scale-up domains) without crossing one.

Sets        g in G              pools that need it: their sizes do not nest
            t in T_g            kinds of bins of pool g (full domains, and the rest of a cut one)
            s in S_g            sizes of replicas below a bin
            p in P_gt           patterns: maximal multisets of sizes that fit one bin of kind t
Parameters  size_c              devices of one replica of column c
            L_t, n_t            devices of a bin of kind t; bins of that kind
            tiles_ps            replicas of size s in pattern p
            whole_c             full bins a replica wider than a bin takes, ceil(size_c / L)
Variables   x_c                 replicas of c (of the program this is added to)
            q_p in {0..n_t}     bins tiled with pattern p

    s.t.  sum_{c of size s} x_c <= sum_p tiles_ps q_p               (tiles_gs)
          sum_{c wider} whole_c x_c [full bins only] + sum_{p of t} q_p <= n_t    (bins_gt)

Sizes that nest (each divides the next, the largest divides the bin) always fit when the devices suffice;
pools with such sizes need no rows. One-level cutting stock (Gilmore and Gomory 1961).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from solvers.backends.base import Backend
from solvers.builder import ProgramBuilder
from solvers.csr import Floats, Ints
from solvers.program import Sense

MAX_PATTERNS = 3000
"""Above this many patterns a pool is left untiled; the caller checks the packing afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Bins of one pool: (devices of a bin, number of bins) per kind, full domains first."""

    kinds: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tiling:
    """Pool and size of every column [columns], and the bins of every pool; None: nothing to tile."""

    pool_of: Ints
    size: Ints
    bins: tuple[Bins | None, ...]

    def take(self, columns: Ints) -> Tiling:
        """Keep these columns only, in this order."""
        return replace(self, pool_of=self.pool_of[columns], size=self.size[columns])


def nest(sizes: list[int], bin_size: int) -> bool:
    """Whether each size divides the next larger one and the bin."""
    chain = [*sorted(set(sizes)), bin_size]
    return all(b % a == 0 for a, b in zip(chain, chain[1:], strict=False))


@lru_cache(maxsize=256)
def patterns(sizes: tuple[int, ...], bin_size: int) -> tuple[tuple[int, ...], ...] | None:
    """Maximal multisets of ``sizes`` in a bin, as counts per size; None when there are too many."""
    if not sizes:  # a node of one device more holds none of the larger replicas
        return ()
    found: list[tuple[int, ...]] = []
    smallest = min(sizes)
    order = sorted(range(len(sizes)), key=lambda i: -sizes[i])

    def extend(k: int, left: int, counts: list[int]) -> bool:
        if k == len(order):
            if left < smallest:
                found.append(tuple(counts))
            return len(found) <= MAX_PATTERNS
        size = sizes[order[k]]
        for n in range(left // size, -1, -1):
            counts[order[k]] = n
            if not extend(k + 1, left - n * size, counts):
                return False
        counts[order[k]] = 0
        return True

    complete = extend(0, bin_size, [0] * len(sizes))
    return tuple(found) if complete else None


def add_tiling(m: ProgramBuilder, tiling: Tiling, x: Ints) -> None:
    """Add variables and rows of every pool that needs them to a program over ``x``."""
    for pool, bins in enumerate(tiling.bins):
        if bins is None:
            continue
        mine = tiling.pool_of == pool
        full = bins.kinds[0][0]
        sizes = tuple(int(s) for s in np.unique(tiling.size[mine & (tiling.size <= full)]))
        if sizes and not nest(list(sizes), full):
            _add_pool(m, tiling, x, mine, sizes, bins)


def _add_pool(  # noqa: PLR0913
    m: ProgramBuilder, tiling: Tiling, x: Ints, mine: Ints, sizes: tuple[int, ...], bins: Bins
) -> None:
    by_kind = [patterns(tuple(s for s in sizes if s <= length), length) for length, _ in bins.kinds]
    if any(p is None for p in by_kind):
        return
    terms = [
        (np.full(int(np.sum(mine & (tiling.size == s))), k), x[mine & (tiling.size == s)], 1.0)
        for k, s in enumerate(sizes)
    ]
    full = bins.kinds[0][0]
    wide = mine & (tiling.size > full)
    whole = np.ceil(tiling.size[wide] / full)
    bin_terms = [(np.zeros(int(wide.sum()), dtype=np.int64), x[wide], whole)]
    for t, ((_, count), found) in enumerate(zip(bins.kinds, by_kind, strict=True)):
        if not found or not count:
            continue
        q = m.columns("q", np.zeros(len(found)), np.full(len(found), float(count)), integer=True)
        tiles = np.array(found, dtype=float)
        for k in range(tiles.shape[1]):
            used = np.flatnonzero(tiles[:, k])
            terms.append((np.full(len(used), k), q[used], -tiles[used, k]))
        bin_terms.append((np.full(len(q), t), q, 1.0))
    m.rows("tiles", terms, np.full(len(sizes), -np.inf), np.zeros(len(sizes)))
    counts = np.array([float(n) for _, n in bins.kinds])
    m.rows("bins", bin_terms, np.full(len(counts), -np.inf), counts)


def pack(
    counts: dict[int, int], bins: Bins, backend: Backend, *, time_limit_s: float = 5.0
) -> list[tuple[int, dict[int, int], int]] | None:
    """Find patterns that hold ``counts`` replicas per size: (kind of bin, replicas per size, bins).

    None where there is no such packing (or none was found in time). Sizes must not exceed a full bin.
    """
    sizes = tuple(sorted(counts))
    m = ProgramBuilder()
    chosen: list[tuple[int, tuple[int, ...], tuple[int, ...]]] = []
    terms, bin_terms = [], []
    for t, (length, number) in enumerate(bins.kinds):
        small = tuple(s for s in sizes if s <= length)
        found = patterns(small, length) if small else ()
        if found is None:
            return None
        q = m.columns("q", np.zeros(len(found)), np.full(len(found), float(number)), integer=True)
        for p, j in zip(found, q, strict=True):
            chosen.append((t, small, p))
            terms += [
                (np.array([sizes.index(s)]), np.array([j]), float(n))
                for s, n in zip(small, p, strict=True)
                if n
            ]
        bin_terms.append((np.full(len(q), t), q, 1.0))
    m.rows("tiles", terms, np.array([float(counts[s]) for s in sizes]), np.full(len(sizes), np.inf))
    m.rows("bins", bin_terms, np.full(len(bins.kinds), -np.inf), np.array([float(n) for _, n in bins.kinds]))
    program = m.finish(Sense.MIN, np.ones(m.n_cols), name="packing")
    result = backend.solve(program, time_limit_s=time_limit_s, gap=1.0)
    if result.x is None:
        return None
    used: Floats = np.round(result.x)
    return [
        (t, dict(zip(small, p, strict=True)), int(n))
        for (t, small, p), n in zip(chosen, used, strict=True)
        if n > 0
    ]
