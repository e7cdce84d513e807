"""A device that does not exist (yet): the catalogue's figures of one times a factor each."""

from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le

from models.hardware import Device
from models.wire import WIRE

Figure = Literal[
    "peak_flop_per_s", "memory_bytes", "memory_bytes_per_s", "scale_up_bytes_per_s", "scale_out_bytes_per_s"
]
Factor = Annotated[float, Ge(1e-4), Le(1e4)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFactors:
    """Factors on figures of a pool's device, by the figure's name; compute peaks of all formats alike."""

    __pydantic_config__: ClassVar[Any] = WIRE

    peak_flop_per_s: Factor = 1.0
    memory_bytes: Factor = 1.0
    memory_bytes_per_s: Factor = 1.0
    scale_up_bytes_per_s: Factor = 1.0
    scale_out_bytes_per_s: Factor = 1.0

    def scaled(self, device: Device) -> Device:
        """The device with its figures multiplied."""
        peer = device.peer_bytes_per_s
        return replace(
            device,
            peak_flop_per_s={k: v * self.peak_flop_per_s for k, v in device.peak_flop_per_s.items()},
            memory_bytes=device.memory_bytes * self.memory_bytes,
            memory_bytes_per_s=device.memory_bytes_per_s * self.memory_bytes_per_s,
            scale_up_bytes_per_s=device.scale_up_bytes_per_s * self.scale_up_bytes_per_s,
            peer_bytes_per_s=None if peer is None else peer * self.scale_up_bytes_per_s,
            scale_out_bytes_per_s=device.scale_out_bytes_per_s * self.scale_out_bytes_per_s,
        )


FIGURES: tuple[Figure, ...] = tuple(f.name for f in fields(DeviceFactors))  # type: ignore[misc]
"""Figures that have a factor, in the order they are told."""
