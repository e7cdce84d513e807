"""From priced candidates to the fleet program of ``solvers``: columns, supplies, channels, limits.

One column per candidate and load. A supply is what one role of a deployment offers; a request of a
deployment passes one supply of a whole role (aggregated, colocated), or a prefill supply and the decode
supply its cache is sent to (equal cache format); before either of them an encode supply where an encode pool
takes its images. Resources are the devices of each pool and the caps; replicas are tiled into the scale-up
domains of their pool.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.errors import InvalidInput
from models.periods import Failure
from models.scenario import ROLES, WHOLE_ROLES, Scenario
from planner.columns import Columns, joined
from planner.layouts import plainness
from planner.objectives import objective, offered
from planner.placement import site_bins
from planner.pricing import Priced
from planner.setting import Site
from planner.streams import streams_of
from planner.traffic import Traffic
from solvers import fleet as program
from solvers.csr import Csr
from solvers.fleet_instance import Reserve
from solvers.tiling import Tiling

SupplyKey = tuple[int, str, str, int, int, int]
"""Deployment, role, cache format, pool, pool that is sent to (-1 where none), tier of limits.

Roles of an encode pool and of the replicas behind it carry the pool's share of the first token:
``encode@0.25`` feeds ``aggregated@0.25`` and ``prefill@0.25``, whose limits add up to the deployment's.
"""


@dataclass(frozen=True, kw_only=True)
class Translated:
    """The program with the meaning of its rows.

    Over several ``periods`` rows and columns come once for each, in order; ``columns`` are those of one.
    """

    fleet: program.Fleet
    objectives: tuple[program.Objective, ...]
    columns: Columns
    channels: tuple[tuple[SupplyKey, ...], ...]
    supplies: tuple[SupplyKey, ...]
    resources: tuple[str, ...]
    demands: tuple[str, ...]
    links: tuple[tuple[int, int], ...]
    periods: tuple[str, ...] = ()

    def take(self, kept: np.ndarray) -> "Translated":
        """The program over the chosen columns."""
        return replace(
            self,
            fleet=self.fleet.take(kept),
            objectives=tuple(o.take(kept) for o in self.objectives),
            columns=self.columns.take(kept),
        )

    def tiling_columns(self, sites: list[Site]) -> np.ndarray:
        """Columns whose replicas tile their domain without rest, or fill whole domains."""
        domain = np.array([sites[p.setting.pool_index].domain for p in self.columns.priced])[
            self.columns.block
        ]
        n = np.maximum(self.columns.devices.astype(int), 1)
        power = (n & (n - 1)) == 0
        return np.flatnonzero(np.where(n <= domain, (domain % n == 0) & power, n % domain == 0))


def supply_key(priced: Priced) -> SupplyKey:
    """The supply all candidates of one setting and role fill."""
    to_pool = priced.hand_over.to_pool if priced.hand_over else -1
    images, role = priced.setting.images, str(priced.role)
    if images is not None and images.pool_frac > 0.0:
        role = f"{role}@{images.pool_frac:g}"
    cache = priced.setting.precision.cache if priced.role in ("prefill", "decode") else ""
    # replicas of a whole role are one supply in all pools, unless embeddings have to reach theirs
    pool = priced.setting.pool_index if role not in WHOLE_ROLES else -1
    return (priced.setting.deployment_index, role, cache, pool, to_pool, priced.tier)


def translate(
    scenario: Scenario, sites: list[Site], traffic: list[Traffic], demand_per_s: np.ndarray, columns: Columns
) -> Translated:
    """The whole program of a scenario."""
    keys = [supply_key(p) for p in columns.priced]
    supplies = tuple(dict.fromkeys(keys))
    supply_of = np.array([supplies.index(k) for k in keys], dtype=np.int64)[columns.block]
    served = served_streams(columns)
    ways = _channels(supplies)
    channels = tuple(way for way in ways for _ in _common(way, served))
    demand_of = [w for way in ways for w in _common(way, served)]
    names, uses, limit = _resources(scenario, sites, columns)
    links, link_bytes, link_limit = _links(columns, channels, demand_of)
    rates = joined([p.state.rate_per_s for p in columns.priced])
    shared = {key for key, streams in served.items() if len(streams) > 1}
    fleet = program.Fleet(
        rate_per_s=rates,
        supply_of=supply_of,
        max_replicas=np.full(len(columns), np.inf),
        identity_of=_identities(columns),
        uses=Csr.from_dense(uses),
        limit=limit,
        channel_supplies=tuple(tuple(supplies.index(k) for k in c) for c in channels),
        channel_demand=np.array(demand_of, dtype=np.int64),
        demand_per_s=demand_per_s,
        link_bytes_per_request=Csr.from_dense(link_bytes) if len(links) else Csr.empty(0, len(channels)),
        link_bytes_per_s=link_limit,
        tie_break=joined([plainness(p.layouts) for p in columns.priced]),
        tiling=_tiling(sites, columns),
        reserve=_reserve(scenario, sites, columns),
        classes=class_rates(columns, shared) if shared else None,
    )
    what = offered(scenario, traffic, demand_per_s)
    objectives = tuple(objective(weights, columns, what) for weights in scenario.levels)
    if not scenario.periods:
        # nothing starts in a steady state: the time of a start tells no columns apart
        objectives = tuple(replace(level, starting=None) for level in objectives)
    return Translated(
        fleet=fleet, objectives=objectives, columns=columns, channels=channels, supplies=supplies,
        resources=names, demands=tuple(s.name for s in streams_of(scenario)), links=links,
    )  # fmt: skip


def served_streams(columns: Columns) -> dict[SupplyKey, tuple[int, ...]]:
    """Streams that some column of each supply serves, in order."""
    found: dict[SupplyKey, set[int]] = {}
    for p in columns.priced:
        mine = found.setdefault(supply_key(p), set())
        mine.update(w for w, rates in p.by_stream() if (rates > 0.0).any())
    return {key: tuple(sorted(streams)) for key, streams in found.items()}


def _common(way: tuple[SupplyKey, ...], served: Mapping[SupplyKey, tuple[int, ...]]) -> list[int]:
    """Streams that every supply of a way serves."""
    return [w for w in served[way[0]] if all(w in served[supply] for supply in way[1:])]


def class_rates(columns: Columns, shared: set[SupplyKey]) -> program.ClassRates:
    """Rates of every stream on the columns of supplies that several streams share."""
    parts: list[tuple[np.ndarray, int, np.ndarray]] = []
    for i, p in enumerate(columns.priced):
        if supply_key(p) not in shared:
            continue
        mine = np.flatnonzero(columns.block == i)
        for w, rates in p.by_stream():
            own = rates[columns.row[mine]]
            parts.append((mine[own > 0.0], w, own[own > 0.0]))
    return program.ClassRates(
        column=joined([at for at, _, _ in parts]).astype(np.int64),
        demand=joined([np.full(len(at), w) for at, w, _ in parts]).astype(np.int64),
        rate_per_s=joined([rates for _, _, rates in parts]),
    )


def _channels(supplies: tuple[SupplyKey, ...]) -> tuple[tuple[SupplyKey, ...], ...]:
    """Ways of a request: a whole role, or prefill and the decode pool it sends to; encode before them."""
    found: list[tuple[SupplyKey, ...]] = [(s,) for s in supplies if s[1].partition("@")[0] in WHOLE_ROLES]
    for first in supplies:
        if not first[1].startswith("prefill"):
            continue
        second = (first[0], "decode", first[2], first[4], -1, first[5])
        if second in supplies:
            found.append((first, second))
    return tuple(path for way in found for path in _with_encode(way, supplies))


def _with_encode(way: tuple[SupplyKey, ...], supplies: tuple[SupplyKey, ...]) -> list[tuple[SupplyKey, ...]]:
    """The way itself, or after each encode supply that feeds its first pool at its share."""
    deployment, role, _, pool, _, _ = way[0]
    _, behind, frac = role.partition("@")
    if not behind:
        return [way]
    return [(s, *way) for s in supplies if (s[0], s[1], s[4]) == (deployment, f"encode@{frac}", pool)]


def _identities(columns: Columns) -> np.ndarray:
    """One number per (deployment, role, pool, precision, parallelism); limits and SM shares make no other."""
    rows = np.zeros((len(columns), 11), dtype=np.int64)
    for i, p in enumerate(columns.priced):
        mine = columns.block == i
        degrees = [p.layouts.tp, p.layouts.pp, p.layouts.cp, p.layouts.dcp, p.layouts.dp, p.layouts.ep]
        role = ROLES.index(p.role)
        levels = (None, *(level.name for level in p.setting.site.pool.power_levels))
        power = levels.index(p.setting.site.power_level)
        head = [p.setting.deployment_index, role, p.setting.pool_index, p.setting.precision_index, power]
        rows[mine] = np.column_stack([*(np.full(len(p), h) for h in head), *degrees])
    _, identity = np.unique(rows, axis=0, return_inverse=True)
    return identity.ravel().astype(np.int64)


def _resources(
    scenario: Scenario, sites: list[Site], columns: Columns
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names, use per column and limits: devices of pools, and caps."""
    pool_of = columns.pool_of
    names: list[str] = []
    uses: list[np.ndarray] = []
    limits: list[float] = []

    def add(name: str, use: np.ndarray, limit: float) -> None:
        names.append(name)
        uses.append(use)
        limits.append(limit)

    for g, site in enumerate(sites):
        mine = pool_of == g
        capacity = np.inf if site.capacity is None else float(site.capacity)
        add(f"pool:{site.pool.name}", np.where(mine, columns.devices, 0.0), capacity)
        if site.pool.watt is not None and site.pool.watt.cap is not None:
            add(f"watt:{site.pool.name}", np.where(mine, full_watt(columns), 0.0), site.pool.watt.cap)
    caps = scenario.limits
    if caps.devices is not None:
        add("limit:devices", columns.devices, float(caps.devices))
    if caps.watt is not None:
        add("limit:watt", full_watt(columns), caps.watt)
    if caps.usd_per_hour is not None:
        add("limit:usd_per_hour", columns.usd_per_hour, caps.usd_per_hour)
    return tuple(names), np.stack(uses), np.array(limits)


def full_watt(columns: Columns) -> np.ndarray:
    """Draw of every column at its highest load [W]: what a cap on power has to provide for."""
    rates = joined([p.state.rate_per_s for p in columns.priced])
    watt: np.ndarray = columns.base_watt + columns.joule_per_request * rates
    return watt


def _tiling(sites: list[Site], columns: Columns) -> Tiling | None:
    """Bins of every pool of fixed size: full scale-up domains, and what is left of the last one."""
    bins = tuple(None if site.capacity is None else site_bins(site) for site in sites)
    if all(b is None or sum(n for _, n in b.kinds) <= 1 for b in bins):
        return None
    return Tiling(pool_of=columns.pool_of, size=columns.devices.astype(np.int64), bins=bins)


def _reserve(scenario: Scenario, sites: list[Site], columns: Columns) -> Reserve | None:
    """Devices, nodes or racks that may fail, and what of each column they hold."""
    failure = scenario.reserve.failure
    if failure is None:
        return None
    capacity = np.array([failure_domain(site, failure, g) for g, site in enumerate(sites)])
    devices = np.array([site.capacity or 0 for site in sites])
    return Reserve(
        pool_of=columns.pool_of, size=columns.devices.astype(np.int64), capacity=capacity,
        domains=devices // capacity,
    )  # fmt: skip


def failure_domain(site: Site, failure: Failure, pool_index: int) -> int:
    """Devices that fail together.

    Raises
    ------
    InvalidInput
        A rack of a pool that does not say how many nodes share one.
    """
    node = site.pool.devices_per_node
    if failure == "device":
        return 1
    if failure == "node":
        return node
    if site.pool.nodes_per_rack is not None:
        return node * site.pool.nodes_per_rack
    if site.domain > node:
        return site.domain
    raise InvalidInput(
        f"pool {site.pool.name} does not say how many nodes share a rack",
        pointer=f"/cluster/pools/{pool_index}/nodes_per_rack",
        hint="Maybe nodes_per_rack: 4, or reserve: {failure: node}.",
    )


def _links(
    columns: Columns, channels: tuple[tuple[SupplyKey, ...], ...], demand_of: Sequence[int]
) -> tuple[tuple[tuple[int, int], ...], np.ndarray, np.ndarray]:
    """Links between pools that caches and embeddings cross, with their capacity."""
    hand_overs = {
        (supply_key(p), one.stream): one.hand_over
        for p in columns.priced
        for one in p.classes or (p,)
        if one.hand_over is not None and one.hand_over.to_pool != p.setting.pool_index
    }
    pairs = tuple(sorted({(key[3], key[4]) for key, _ in hand_overs}))
    moved = np.zeros((len(pairs), len(channels)))
    limit = np.full(len(pairs), np.inf)
    for j, channel in enumerate(channels):
        for supply in channel:
            found = hand_overs.get((supply, demand_of[j]))
            if found is None:
                continue
            e = pairs.index((supply[3], supply[4]))
            moved[e, j] += found.request_bytes
            limit[e] = min(limit[e], found.link_bytes_per_s)
    bounded = np.isfinite(limit)
    kept = tuple(pair for pair, keep in zip(pairs, bounded, strict=True) if keep)
    return kept, moved[bounded], limit[bounded]
