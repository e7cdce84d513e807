"""Clusters: pools of nodes of one device type, and the links between pools."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from models.device_factors import DeviceFactors
from models.errors import InvalidInput, TooLarge
from models.wire import WIRE

MAX_DEVICES = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class InterNode:
    """Network between nodes (or scale-up domains) of one pool."""

    __pydantic_config__: ClassVar[Any] = WIRE

    bytes_per_s_per_device: Annotated[float, Ge(1e3), Le(1e15)] | None = None
    latency_s: Annotated[float, Ge(0), Le(10)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Power of one device of a pool, overriding the catalogue; ``cap`` limits the whole pool."""

    __pydantic_config__: ClassVar[Any] = WIRE

    idle: Annotated[float, Ge(0), Le(1e6)] | None = None
    peak: Annotated[float, Ge(1e-3), Le(1e6)] | None = None
    cap: Annotated[float, Ge(1e-3), Le(1e15)] | None = None

    def __post_init__(self) -> None:
        if self.idle is not None and self.peak is not None and self.idle > self.peak:
            raise InvalidInput(
                f"watt.idle={self.idle:g} exceeds watt.peak={self.peak:g}",
                pointer="/idle",
                hint="Maybe the two are swapped.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLevel:
    """A lower power or clock setting a replica's devices may run at: a candidate beside the full one.

    ``peak_watt`` of one device at this level; ``compute_frac`` of its peak arithmetic and
    ``memory_bandwidth_frac`` that are left.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    name: Annotated[str, MinLen(1), MaxLen(100)]
    peak_watt: Annotated[float, Ge(1e-3), Le(1e6)]
    compute_frac: Annotated[float, Gt(0), Le(1)]
    memory_bandwidth_frac: Annotated[float, Gt(0), Le(1)] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Nodes of one device type; ``nodes: null`` asks for as many as needed (sizing).

    ``device_factors`` plans with a device like the named one but for some figures.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    name: Annotated[str, MinLen(1), MaxLen(200)]
    device: Annotated[str, MinLen(1), MaxLen(200)]
    nodes: Annotated[int, Ge(1), Le(MAX_DEVICES)] | None
    devices_per_node: Annotated[int, Ge(1), Le(1024)]
    scale_up_domain: Annotated[int, Ge(1), Le(MAX_DEVICES)] | None = None
    nodes_per_rack: Annotated[int, Ge(1), Le(MAX_DEVICES)] | None = None
    inter_node: InterNode | None = None
    price_usd_per_device_hour: Annotated[float, Ge(0), Le(1e6)] | None = None
    watt: Draw | None = None
    power_levels: Annotated[tuple[PowerLevel, ...], MaxLen(8)] = ()
    device_factors: DeviceFactors | None = None

    def __post_init__(self) -> None:
        names = [level.name for level in self.power_levels]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise InvalidInput(f"two power levels are named {name!r}", pointer=f"/power_levels/{i}/name")

    @property
    def devices(self) -> int | None:
        """Devices of the pool; None when it is to be sized."""
        return None if self.nodes is None else self.nodes * self.devices_per_node


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLink:
    """Connection between two pools, shared by all that crosses it."""

    __pydantic_config__: ClassVar[Any] = WIRE

    from_: str
    to: str
    bytes_per_s: Annotated[float, Ge(1e3), Le(1e18)]
    latency_s: Annotated[float, Ge(0), Le(10)] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """All pools and the links between them."""

    __pydantic_config__: ClassVar[Any] = WIRE

    pools: Annotated[tuple[Pool, ...], MinLen(1), MaxLen(256)]
    links: Annotated[tuple[PoolLink, ...], MaxLen(4096)] = ()

    def __post_init__(self) -> None:
        self._check_names()
        total = sum(p.devices or 0 for p in self.pools)
        if total > MAX_DEVICES:
            raise TooLarge(
                f"the cluster has {total} devices, more than {MAX_DEVICES}",
                pointer="/pools",
                hint="Maybe a count has a digit too many.",
            )

    def _check_names(self) -> None:
        names = [p.name for p in self.pools]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise InvalidInput(f"two pools are named {name!r}", pointer=f"/pools/{i}/name")
        for i, link in enumerate(self.links):
            for end, pool in (("from", link.from_), ("to", link.to)):
                if pool not in names:
                    raise InvalidInput(
                        f"no pool is named {pool!r}",
                        pointer=f"/links/{i}/{end}",
                        hint=f"Maybe one of: {', '.join(names)}",
                    )
