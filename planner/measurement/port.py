"""The port to hardware: what a device tells about itself and which shapes it can be asked to run."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from models.errors import ShardwrightError
from models.precision import WeightFormat
from models.wire import WIRE
from planner.measurement.shapes import Collective, LocalShape
from planner.measurement.timing import Limits, Timer, Timing


class CannotTime(ShardwrightError):
    """This device or its software cannot run the shape; the others still can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDevice:
    """The device as its driver and libraries describe it; None where they do not say.

    Attributes
    ----------
    count : int
        Devices of this name on the host.
    formats : tuple of WeightFormat
        Weight formats whose products can be timed.
    sm_clock_max_hz, memory_clock_max_hz : float or None
        Highest clocks the board allows [Hz].
    power_limit_watt, power_draw_watt : float or None
        Cap in force, and draw before the first kernel [W].
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    name: str
    vendor: Literal["nvidia", "amd", "other"]
    index: int
    count: int
    memory_bytes: float
    cache_bytes: float | None = None
    multiprocessors: int | None = None
    compute_capability: str | None = None
    formats: tuple[WeightFormat, ...]
    driver: str | None = None
    libraries: str
    sm_clock_max_hz: float | None = None
    memory_clock_max_hz: float | None = None
    power_limit_watt: float | None = None
    power_draw_watt: float | None = None


class MeasurableDevice(Protocol):
    """One device that can be timed; the others of its host join in collectives."""

    def found(self) -> FoundDevice:
        """What it says about itself."""
        ...

    def prepared(self, shape: LocalShape) -> AbstractContextManager[Timer]:
        """Operands in place for as long as the context lasts.

        Raises
        ------
        CannotTime
            Not enough memory, or no kernel for it.
        """
        ...

    def collectives(
        self, shapes: Sequence[Collective], limits: Limits, longest_s: float
    ) -> Iterator[tuple[Collective, Timing | CannotTime]]:
        """Time collectives over the devices of the host, in any order, for at most ``longest_s`` [s]."""
        ...
