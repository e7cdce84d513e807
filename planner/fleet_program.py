"""From priced candidates to the fleet program of ``solvers``: columns, supplies, channels, limits.

One column per candidate and load. A supply is what one role of a deployment offers; a request of a
deployment passes one aggregated supply, or a prefill supply and the decode supply its cache is sent to
(equal cache format). Resources are the devices of each pool and the caps; replicas are tiled into the
scale-up domains of their pool.
"""

from dataclasses import dataclass, replace

import numpy as np

from models.scenario import Scenario
from planner.placement import site_bins
from planner.pricing import Priced
from planner.setting import Site
from planner.traffic import Traffic
from planner.watts import base_watt, joule_per_request
from solvers import fleet as program
from solvers.csr import Csr
from solvers.tiling import Tiling

SupplyKey = tuple[int, str, str, int, int]
"""Deployment, role, cache format, pool, pool the caches are sent to (-1 where none)."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Candidates of all settings as columns: where each came from and what it holds."""

    priced: tuple[Priced, ...]
    block: np.ndarray  # index into ``priced``, per column
    row: np.ndarray  # row within it
    devices: np.ndarray
    base_watt: np.ndarray  # of a replica that runs without prompts
    joule_per_request: np.ndarray
    usd_per_hour: np.ndarray  # NaN where a device has no price
    latency_s: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.block)

    def take(self, kept: np.ndarray) -> "Columns":
        """The chosen columns."""
        return replace(
            self,
            block=self.block[kept],
            row=self.row[kept],
            devices=self.devices[kept],
            base_watt=self.base_watt[kept],
            joule_per_request=self.joule_per_request[kept],
            usd_per_hour=self.usd_per_hour[kept],
            latency_s={name: values[kept] for name, values in self.latency_s.items()},
        )


@dataclass(frozen=True, kw_only=True)
class Translated:
    """The program with the meaning of its rows."""

    fleet: program.Fleet
    objectives: tuple[program.Objective, ...]
    columns: Columns
    channels: tuple[tuple[SupplyKey, ...], ...]
    supplies: tuple[SupplyKey, ...]
    resources: tuple[str, ...]
    links: tuple[tuple[int, int], ...]

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


def gather(priced: list[Priced]) -> Columns:
    """All candidates side by side."""
    blocks = [np.full(len(p), i) for i, p in enumerate(priced)]
    site = [p.setting.site for p in priced]
    devices = [p.layouts.devices for p in priced]
    usd = [
        n * (np.nan if s.price_usd_per_hour is None else s.price_usd_per_hour)
        for n, s in zip(devices, site, strict=True)
    ]
    latency = {
        m: _joined([p.replica.latency(p.load, p.state, m, "mean") for p in priced])
        for m in ("ttft_s", "tpot_s", "e2e_s")
    }
    return Columns(
        priced=tuple(priced),
        block=_joined(blocks).astype(np.int64),
        row=_joined([np.arange(len(p)) for p in priced]).astype(np.int64),
        devices=_joined(devices),
        base_watt=_joined([base_watt(p.setting.site, p.layouts, p.role) for p in priced]),
        joule_per_request=_joined(
            [joule_per_request(p.setting.site, p.layouts, p.role, p.replica) for p in priced]
        ),
        usd_per_hour=_joined(usd),
        latency_s=latency,
    )


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(p, dtype=float) for p in parts]) if parts else np.zeros(0)


def supply_key(priced: Priced) -> SupplyKey:
    """The supply all candidates of one setting and role fill."""
    to_pool = priced.hand_over.to_pool if priced.hand_over else -1
    cache = priced.setting.precision.cache if priced.role != "aggregated" else ""
    pool = priced.setting.pool_index if priced.role != "aggregated" else -1
    return (priced.setting.deployment_index, priced.role, cache, pool, to_pool)


def translate(
    scenario: Scenario, sites: list[Site], traffic: list[Traffic], demand_per_s: np.ndarray, columns: Columns
) -> Translated:
    """The whole program of a scenario."""
    keys = [supply_key(p) for p in columns.priced]
    supplies = tuple(dict.fromkeys(keys))
    supply_of = np.array([supplies.index(k) for k in keys], dtype=np.int64)[columns.block]
    channels = _channels(supplies)
    names, uses, limit = _resources(scenario, sites, columns)
    links, link_bytes, link_limit = _links(columns, channels)
    rates = _joined([p.state.rate_per_s for p in columns.priced])
    fleet = program.Fleet(
        rate_per_s=rates,
        supply_of=supply_of,
        max_replicas=np.full(len(columns), np.inf),
        identity_of=_identities(columns),
        uses=Csr.from_dense(uses),
        limit=limit,
        channel_supplies=tuple(tuple(supplies.index(k) for k in c) for c in channels),
        channel_demand=np.array([c[0][0] for c in channels], dtype=np.int64),
        demand_per_s=demand_per_s,
        link_bytes_per_request=Csr.from_dense(link_bytes) if len(links) else Csr.empty(0, len(channels)),
        link_bytes_per_s=link_limit,
        tie_break=_plainness(columns),
        tiling=_tiling(sites, columns),
    )
    objectives = tuple(_objective(name, columns) for name in scenario.objectives)
    return Translated(
        fleet=fleet, objectives=objectives, columns=columns, channels=channels, supplies=supplies,
        resources=names, links=links,
    )  # fmt: skip


def _channels(supplies: tuple[SupplyKey, ...]) -> tuple[tuple[SupplyKey, ...], ...]:
    """Ways of a request: aggregated, or prefill and the decode pool its cache goes to."""
    found: list[tuple[SupplyKey, ...]] = [(s,) for s in supplies if s[1] == "aggregated"]
    for first in supplies:
        if first[1] != "prefill":
            continue
        second = (first[0], "decode", first[2], first[4], -1)
        if second in supplies:
            found.append((first, second))
    return tuple(found)


def _identities(columns: Columns) -> np.ndarray:
    """One number per (deployment, role, pool, precision, parallelism)."""
    rows = np.zeros((len(columns), 10), dtype=np.int64)
    for i, p in enumerate(columns.priced):
        mine = columns.block == i
        degrees = [p.layouts.tp, p.layouts.pp, p.layouts.cp, p.layouts.dcp, p.layouts.dp, p.layouts.ep]
        role = ("aggregated", "prefill", "decode").index(p.role)
        head = [p.setting.deployment_index, role, p.setting.pool_index, p.setting.precision_index]
        rows[mine] = np.column_stack([*(np.full(len(p), h) for h in head), *degrees])
    _, identity = np.unique(rows, axis=0, return_inverse=True)
    return identity.ravel().astype(np.int64)


def _resources(
    scenario: Scenario, sites: list[Site], columns: Columns
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names, use per column and limits: devices of pools, and caps."""
    pool_of = np.array([p.setting.pool_index for p in columns.priced], dtype=np.int64)[columns.block]
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
    rates = _joined([p.state.rate_per_s for p in columns.priced])
    watt: np.ndarray = columns.base_watt + columns.joule_per_request * rates
    return watt


def _plainness(columns: Columns) -> np.ndarray:
    """Last objective among equals: few devices, then few replicas, then the layouts people expect.

    Whole numbers, with devices far above the rest: sizes that are no power of two, pipelines and context
    parallelism cost a little each, so that of two equally good plans the plainer one comes first.
    """
    n = np.maximum(columns.devices.astype(np.int64), 1)
    unusual = 20 * ((n & (n - 1)) != 0)
    for i, p in enumerate(columns.priced):
        mine = columns.block == i
        unusual[mine] += 5 * (p.layouts.pp > 1) + 5 * (p.layouts.cp > 1) + 5 * (p.layouts.dcp > 1)
    plain: np.ndarray = (1000 * n + 10 + unusual).astype(float)
    return plain


def _tiling(sites: list[Site], columns: Columns) -> Tiling | None:
    """Bins of every pool of fixed size: full scale-up domains, and what is left of the last one."""
    bins = tuple(None if site.capacity is None else site_bins(site) for site in sites)
    if all(b is None or sum(n for _, n in b.kinds) <= 1 for b in bins):
        return None
    pool_of = np.array([p.setting.pool_index for p in columns.priced], dtype=np.int64)[columns.block]
    return Tiling(pool_of=pool_of, size=columns.devices.astype(np.int64), bins=bins)


def _links(
    columns: Columns, channels: tuple[tuple[SupplyKey, ...], ...]
) -> tuple[tuple[tuple[int, int], ...], np.ndarray, np.ndarray]:
    """Links between pools that caches cross, with their capacity."""
    hand_overs = {
        (
            p.setting.deployment_index,
            p.setting.precision.cache,
            p.setting.pool_index,
            p.hand_over.to_pool,
        ): p.hand_over
        for p in columns.priced
        if p.hand_over is not None and p.hand_over.to_pool != p.setting.pool_index
    }
    pairs = tuple(sorted({(key[2], key[3]) for key in hand_overs}))
    moved = np.zeros((len(pairs), len(channels)))
    limit = np.full(len(pairs), np.inf)
    for j, channel in enumerate(channels):
        first = channel[0]
        found = hand_overs.get((first[0], first[2], first[3], first[4]))
        if found is None:
            continue
        e = pairs.index((first[3], first[4]))
        moved[e, j] = found.request_bytes
        limit[e] = min(limit[e], found.link_bytes_per_s)
    bounded = np.isfinite(limit)
    kept = tuple(pair for pair, keep in zip(pairs, bounded, strict=True) if keep)
    return kept, moved[bounded], limit[bounded]


def named_duals(duals: dict[str, float], translated: Translated, scenario: Scenario) -> dict[str, float]:
    """Duals of the relaxation under the names of the scenario: pool:h100, demand:chat, limit:watt."""
    pools = [p.name for p in scenario.cluster.pools]
    supplies = [
        ":".join(
            [
                scenario.deployments[m].name,
                role,
                *([pools[g]] if g >= 0 else []),
                *([f"to {pools[h]}"] if h >= 0 else []),
            ]
        )
        for m, role, _, g, h in translated.supplies
    ]
    families: dict[str, list[str]] = {
        "inventory": list(translated.resources),
        "demand": [f"demand:{d.name}" for d in scenario.deployments],
        "supply": [f"supply:{name}" for name in supplies],
        "link": [f"link:{pools[a]}-{pools[b]}" for a, b in translated.links],
    }
    named: dict[str, float] = {}
    for key, value in duals.items():
        family, _, index = key.rstrip("]").partition("[")
        known = families.get(family)
        named[known[int(index)] if known and index else key] = value
    return named


def _objective(name: str, columns: Columns) -> program.Objective:
    if name == "max_goodput":
        return program.max_goodput()
    if name == "min_cost":
        return program.min_cost(columns.usd_per_hour)
    if name == "min_devices":
        return program.min_cost(columns.devices.astype(float))
    if name == "min_power":
        return program.min_running(columns.base_watt, columns.joule_per_request)
    return program.min_latency(columns.latency_s[name.removeprefix("min_") + "_s"])
