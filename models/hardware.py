"""Devices: what one accelerator can do, in SI units, with the source of every figure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from models.wire import WIRE

Kind = Literal["datasheet", "measured", "fitted", "assumed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a figure comes from and how far to trust it."""

    kind: Kind
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One accelerator type.

    Attributes
    ----------
    peak_flop_per_s : Mapping[str, float]
        Dense peak by format (bf16, fp8, int8, fp4) [FLOP/s]; a format that is missing is emulated in
        bf16 (weights are then only smaller, not faster).
    memory_bytes : float
        Capacity as the driver reports it [B].
    memory_bytes_per_s : float
        Peak bandwidth of device memory [B/s].
    scale_up_bytes_per_s : float
        Fabric inside the scale-up domain, one direction, per device [B/s].
    peer_bytes_per_s : float or None
        On a full mesh, what one pair of devices can exchange [B/s]; None where a switch gives every pair
        the whole speed.
    scale_up_domain : int or None
        Devices that share that fabric; None: those of one node.
    scale_out_bytes_per_s : float
        Network between domains, one direction, per device [B/s].
    idle_watt, peak_watt : float
        Draw at no load and at full load [W].
    sources : Mapping[str, Source]
        One entry per field, keyed by its name.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    id: str
    name: str
    vendor: str
    family: str
    peak_flop_per_s: Mapping[str, float]
    memory_bytes: float
    memory_bytes_per_s: float
    scale_up_bytes_per_s: float
    scale_up_domain: int | None
    scale_up_latency_s: float
    scale_out_bytes_per_s: float
    scale_out_latency_s: float
    host_bytes_per_s: float
    devices_per_node: int
    idle_watt: float
    peak_watt: float
    price_usd_per_hour: float | None
    peer_bytes_per_s: float | None = None
    aliases: tuple[str, ...] = ()
    sources: Mapping[str, Source]
