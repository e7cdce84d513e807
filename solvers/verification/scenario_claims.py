"""The question inside an answer, as far as it is checked, and the hash that names it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from solvers.verification.reading import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolClaims:
    """One pool; ``nodes`` is None where the pool is sized to the plan."""

    name: str
    device: str
    nodes: int | None
    devices_per_node: int
    scale_up_domain: int | None
    usd_per_device_hour: float | None

    @property
    def devices(self) -> int | None:
        """Devices of the pool; None where it is sized."""
        return None if self.nodes is None else self.nodes * self.devices_per_node


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioClaims:
    """One planning question."""

    document: Field
    pools: dict[str, PoolClaims]
    limits: dict[str, float]
    gap: float
    periods: bool
    reserve: bool

    def sha256(self) -> str:
        """Hash the document as it stands: keys sorted, no spaces."""
        text = json.dumps(self.document.value, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def read_scenario(field: Field) -> ScenarioClaims:
    """Read a scenario with its defaults filled in."""
    pools = [_pool(pool) for pool in field.at("cluster", "pools").elements()]
    limits, periods, reserve = field.get("limits"), field.get("periods"), field.get("reserve")
    failure = reserve.get("failure") if reserve else None
    caps = {name: limits.get(name) for name in ("usd_per_hour", "watt", "devices")} if limits else {}
    return ScenarioClaims(
        document=field,
        pools={pool.name: pool for pool in pools},
        limits={name: cap.number() for name, cap in caps.items() if cap is not None},
        gap=field.at("options", "gap").number(),
        periods=periods is not None and bool(periods.sequence()),
        reserve=failure is not None,
    )


def _pool(field: Field) -> PoolClaims:
    nodes, domain = field.get("nodes"), field.get("scale_up_domain")
    price = field.get("price_usd_per_device_hour")
    return PoolClaims(
        name=field.at("name").text(),
        device=field.at("device").text(),
        nodes=None if nodes is None else nodes.integer(),
        devices_per_node=field.at("devices_per_node").integer(),
        scale_up_domain=None if domain is None else domain.integer(),
        usd_per_device_hour=None if price is None else price.number(),
    )
