"""The port every cost source implements: seconds of an operation, with provenance."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from models.hardware import Device

Array = NDArray[Any]
"""Numbers over candidates: floats, or integer degrees that broadcast against them."""
OperationKind = Literal[
    "gemm", "grouped_gemm", "attention_prefill", "attention_decode",
    "latent_prefill", "latent_decode", "recurrence", "vector",
]  # fmt: skip


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
    unit_bytes : Array or float
        Weights of one independent part of a grouped product (one expert) [B]: memory runs at full speed
        only once several parts are in flight.
    """

    kind: OperationKind
    format: str
    flop: Array
    bytes: Array
    rows: Array
    launches: float = 1.0
    unit_bytes: Array | float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where the members of a collective sit.

    Attributes
    ----------
    members : Array
        Devices in the group.
    inside : Array
        Of these, how many share one scale-up domain.
    laws : dict
        What a cost source worked out for these members once: they do not depend on the payload.
    """

    members: Array
    inside: Array
    laws: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)


CollectiveKind = Literal["all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overheads:
    """What a step costs beside its operations, for one device and engine.

    Attributes
    ----------
    small_kernel_s : float
        A small kernel beside those of the operations: rotary embedding, quantisation, routing.
    eager_kernel_s : float
        Extra launch time of every kernel in steps that carry a prompt: no CUDA graph is replayed there.
    host_step_s, host_sequence_s : float
        Host time of a step, and of each running sequence in it.
    step_frac : float
        Factor on the device time of a step.
    part_frac : Mapping of str to float
        Factor on collectives, head and hops by part of the breakdown; a part that is missing has 1.
    """

    small_kernel_s: float = 0.0
    eager_kernel_s: float = 0.0
    host_step_s: float = 0.0
    host_sequence_s: float = 0.0
    step_frac: float = 1.0
    part_frac: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingLoop:
    """How an engine turns step times into a time to first token.

    Attributes
    ----------
    fixed_s : float
        Tokenising, scheduling, network: paid once per request.
    own_frac : float
        Factor on the own prefill: an arrival also waits for the chunk that is running.
    steps : float
        Decode steps until a first token is streamed.
    burst_frac : float
        Share of the others' prompts that is waited for before the first token; the rest of that work
        stretches the tokens after it.
    """

    fixed_s: float = 0.0
    own_frac: float = 1.0
    steps: float = 0.5
    burst_frac: float = 0.25


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

    def serving(self, engine: str, version: str | None) -> "CostSource":
        """The same source for the kernels of one engine; None: its version is not known."""
        ...

    def seconds(self, device: Device, operation: Operation) -> Array:
        """Time of the operation on one device [s], elementwise over candidates."""
        ...

    def collective_s(self, device: Device, kind: CollectiveKind, payload_bytes: Array, span: Span) -> Array:
        """Time of a collective over ``payload_bytes`` per member [s]; zero for a group of one."""
        ...

    def overheads(self, device: Device) -> Overheads:
        """Launches, host and collectives' factors."""
        ...

    def loop(self) -> ServingLoop:
        """Constants of the serving loop."""
        ...
