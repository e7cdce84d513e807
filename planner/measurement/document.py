"""The document a measurement leaves behind (``shardwright.device-measurement/1``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt

from models.errors import InvalidInput
from models.hardware import Kind, Source
from models.wire import WIRE
from planner.measurement.port import FoundDevice
from planner.measurement.shapes import Shape

Seconds = Annotated[float, Gt(0)]
Share = Annotated[float, Ge(0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the measurement was asked for."""

    __pydantic_config__: ClassVar[Any] = WIRE

    minutes: Annotated[float, Gt(0)] = 3.0
    quick: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One shape and its time: median over ``samples`` samples of ``calls`` calls each."""

    __pydantic_config__: ClassVar[Any] = WIRE

    shape: Shape
    flop: Share
    bytes: Share
    median_s: Seconds
    spread_frac: Share
    samples: Annotated[int, Ge(1)]
    calls: Annotated[int, Ge(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A shape that was not timed, and why."""

    __pydantic_config__: ClassVar[Any] = WIRE

    shape: Shape
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRow:
    """Efficiencies of one kernel family, as a row of ``kernels`` in the catalogue's efficiency table.

    Fractions are of the figures of the device row beside it; ``undetermined`` names the constants that the
    points leave open.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    compute_frac: Share
    memory_frac: Share
    launch_s: Share
    half_rows: Share
    overlap_power: Annotated[float, Ge(1)]
    kind: Kind
    source: str
    points: int
    rows_range: tuple[int, int]
    residual_median_frac: Share
    residual_p90_frac: Share
    undetermined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """Efficiencies of the links, as a row of ``links``: ``up`` inside the host, the others taken over.

    ``out``: between hosts; ``reduce``: latency of the all-reduce kernels that engines bring along.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    up_frac: Share
    up_base_s: Share
    up_latency_weight: Share
    up_step_s: Share
    out_frac: Share
    out_base_s: Share
    out_latency_weight: Share
    out_step_s: Share
    reduce_base_s: Share | None
    reduce_step_s: Share | None
    kind: Kind
    source: str
    points: int
    members_range: tuple[int, int]
    residual_median_frac: Share
    residual_p90_frac: Share
    undetermined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchFloor:
    """Time of the smallest elementwise kernel, replayed in a graph and launched by the host [s]."""

    __pydantic_config__: ClassVar[Any] = WIRE

    graph_s: Seconds | None
    eager_s: Seconds | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueRows:
    """The same curves with fractions of the catalogue's figures of this device, by its id and family."""

    __pydantic_config__: ClassVar[Any] = WIRE

    id: str
    family: str
    kernels: Mapping[str, KernelRow]
    links: Mapping[str, LinkRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMeasurement:
    """What was found, what was timed, and the catalogue rows that follow from it.

    Attributes
    ----------
    row : Mapping[str, Any]
        A row of the catalogue's device table; its ``sources`` are keys of ``references``.
    kernels, links : Mapping[str, KernelRow], Mapping[str, LinkRow]
        Rows of the efficiency table for the family of ``row``.
    catalogue : CatalogueRows or None
        The same for the device as the catalogue knows it; None for one it does not.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    schema: Literal["shardwright.device-measurement/1"] = "shardwright.device-measurement/1"
    shardwright_version: str
    measured_at: str
    wall_s: Share
    settings: Settings
    device: FoundDevice
    launch_floor: LaunchFloor
    points: tuple[Point, ...]
    skipped: tuple[Skipped, ...]
    references: Mapping[str, Source]
    row: Mapping[str, Any]
    kernels: Mapping[str, KernelRow]
    links: Mapping[str, LinkRow]
    catalogue: CatalogueRows | None = None

    def __post_init__(self) -> None:
        named = {"/row/sources": self.row.get("sources", {}).values()}
        named |= {f"/{part}": [r.source for r in rows.values()] for part, rows in self._tables.items()}
        for pointer, keys in named.items():
            for key in keys:
                if key not in self.references:
                    raise InvalidInput(f"{key!r} is no key of references", pointer=pointer)

    @property
    def _tables(self) -> dict[str, Mapping[str, KernelRow] | Mapping[str, LinkRow]]:
        return {"kernels": self.kernels, "links": self.links}
