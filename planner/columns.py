"""Candidates of all settings as columns of one program: where each came from, what it holds and costs."""

from dataclasses import dataclass, replace

import numpy as np

from models import catalog
from models.periods import Starting
from models.start import Start
from planner.pricing import Priced
from planner.watts import base_watt, joule_per_request


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
    start_s: np.ndarray  # from the order to the first request
    latency_s: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.block)

    @property
    def pool_of(self) -> np.ndarray:
        """Index of the pool every column's devices come from."""
        of_block = np.array([p.setting.pool_index for p in self.priced], dtype=np.int64)
        pools: np.ndarray = of_block[self.block]
        return pools

    def deployment_of(self, column: int) -> int:
        """Index of the deployment a column belongs to."""
        return self.priced[int(self.block[column])].setting.deployment_index

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
            start_s=self.start_s[kept],
            latency_s={name: values[kept] for name, values in self.latency_s.items()},
        )


def gather(priced: list[Priced], starting: Starting | None = None) -> Columns:
    """All candidates side by side; ``starting`` overrides what the catalogue assumes of a start."""
    start = catalog.starting(starting)
    blocks = [np.full(len(p), i) for i, p in enumerate(priced)]
    site = [p.setting.site for p in priced]
    devices = [p.layouts.devices for p in priced]
    usd = [
        n * (np.nan if s.price_usd_per_hour is None else s.price_usd_per_hour)
        for n, s in zip(devices, site, strict=True)
    ]
    latency = {
        m: joined([p.replica.latency(p.load, p.state, m, "mean") for p in priced])
        for m in ("ttft_s", "tpot_s", "e2e_s")
    }
    return Columns(
        priced=tuple(priced),
        block=joined(blocks).astype(np.int64),
        row=joined([np.arange(len(p)) for p in priced]).astype(np.int64),
        devices=joined(devices),
        base_watt=joined([base_watt(p.setting.site, p.layouts, p.role) for p in priced]),
        joule_per_request=joined([highest_joule(p) for p in priced]),
        usd_per_hour=joined(usd),
        start_s=joined([_start_s(p, start) for p in priced]),
        latency_s=latency,
    )


def _start_s(priced: Priced, start: Start) -> np.ndarray:
    """Weights of the fullest rank over the speed they are read at, and what every start takes [s]."""
    weights: np.ndarray = np.asarray(priced.replica.memory.weights, dtype=float)
    return np.broadcast_to(start.fixed_s + weights / start.load_bytes_per_s_per_device, len(priced))


def highest_joule(priced: Priced) -> np.ndarray:
    """Energy of a request [J]; with classes, what at the largest rate draws as much as the hungriest."""
    if not priced.classes:
        return joule_per_request(priced.setting.site, priced.layouts, priced.role, priced.replica)
    watt = [highest_joule(one) * rates for one in priced.classes for _, rates in one.by_stream()]
    highest: np.ndarray = np.max(watt, axis=0) / priced.state.rate_per_s
    return highest


def joined(parts: list[np.ndarray]) -> np.ndarray:
    """Arrays of all settings, one after the other."""
    return np.concatenate([np.asarray(p, dtype=float) for p in parts]) if parts else np.zeros(0)
