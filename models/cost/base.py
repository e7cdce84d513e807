"""The port every cost source implements: seconds of an operation, with provenance."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from models.hardware import Device

Array = NDArray[Any]
"""Numbers over candidates: floats, or integer degrees that broadcast against them."""
OperationKind = Literal[
    "gemm", "grouped_gemm", "attention_prefill", "attention_decode", "recurrence", "vector"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kernel, priced for many candidates at once; arrays share one shape.

    Attributes
    ----------
    kind : OperationKind
        Family of kernels it belongs to; efficiency differs between them.
    format : str
        Weight format for matrix products, cache format for attention.
    flop : Array
        Work per device [FLOP].
    bytes : Array
        Traffic with device memory per device [B].
    rows : Array
        Rows of the left operand (tokens per device), per expert for grouped products: few rows leave
        the tensor cores idle.
    launches : float
        Kernels launched.
    """

    kind: OperationKind
    format: str
    flop: Array
    bytes: Array
    rows: Array
    launches: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where the members of a collective sit.

    Attributes
    ----------
    members : Array
        Devices in the group.
    inside : Array
        Of these, how many share one scale-up domain.
    """

    members: Array
    inside: Array


CollectiveKind = Literal["all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send"]


class CostSource(Protocol):
    """Tells how long an operation or a collective takes on one device type, and who says so."""

    @property
    def name(self) -> str:
        """Short name shown next to every figure it produced."""
        ...

    @property
    def kind(self) -> Literal["roofline", "fitted", "measured", "calibrated"]:
        """Level of evidence."""
        ...

    @property
    def sources(self) -> tuple[str, ...]:
        """Where its numbers come from."""
        ...

    def seconds(self, device: Device, operation: Operation) -> Array:
        """Time of the operation on one device [s], elementwise over candidates."""
        ...

    def collective_s(self, device: Device, kind: CollectiveKind, payload_bytes: Array, span: Span) -> Array:
        """Time of a collective over ``payload_bytes`` per member [s]; zero for a group of one."""
        ...

    def host_s(self, engine: str) -> tuple[float, float]:
        """Host time of a step, and of each running sequence in it [s]."""
        ...
