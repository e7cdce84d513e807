"""What is timed: kernels, copies and collectives, their work counted as the planner counts it.

Constants fitted to these counts then mean the same inside a plan: weights in their format, activations in
bf16 whatever the weights, attention that reads the cache once, elementwise work that reads and writes once.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge

from models.precision import KV_BYTES, WEIGHT_BYTES, KvFormat, WeightFormat
from models.wire import WIRE

ACTIVATION_BYTES = 2.0
Count = Annotated[int, Ge(1)]
CollectiveKind = Literal["all_reduce", "all_gather", "all_to_all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemm:
    """``rows`` tokens times a matrix of ``inputs`` x ``outputs``, stored as a linear layer stores it."""

    __pydantic_config__: ClassVar[Any] = WIRE

    operation: Literal["gemm"] = "gemm"
    format: WeightFormat
    rows: Count
    inputs: Count
    outputs: Count

    @property
    def flop(self) -> float:
        """One multiplication and one addition per weight and row [FLOP]."""
        return 2.0 * self.rows * self.inputs * self.outputs

    @property
    def bytes(self) -> float:
        """Weights once, input and result of every row [B]."""
        moved = self.rows * (self.inputs + self.outputs) * ACTIVATION_BYTES
        return self.inputs * self.outputs * WEIGHT_BYTES[self.format] + moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Causal attention of whole prompts, or one new token per sequence over ``context_tokens`` of cache."""

    __pydantic_config__: ClassVar[Any] = WIRE

    operation: Literal["attention_prefill", "attention_decode"]
    format: KvFormat = "bf16"
    sequences: Count
    context_tokens: Count
    heads: Count
    kv_heads: Count
    head_dim: Count

    @property
    def rows(self) -> int:
        """Query tokens."""
        whole = self.operation == "attention_prefill"
        return self.sequences * (self.context_tokens if whole else 1)

    @property
    def flop(self) -> float:
        """Scores and weighted sum: 2 FLOP each per element of a head and visible pair [FLOP]."""
        seen = (
            (self.context_tokens + 1) / 2.0 if self.operation == "attention_prefill" else self.context_tokens
        )
        return 4.0 * self.heads * self.head_dim * self.rows * seen

    @property
    def bytes(self) -> float:
        """K and V of every sequence once, and of a prompt its queries and results [B]."""
        cache = self.sequences * self.context_tokens * 2.0 * self.kv_heads * self.head_dim
        own = self.rows * 2.0 * self.heads * self.head_dim if self.operation == "attention_prefill" else 0.0
        return cache * KV_BYTES[self.format] + own * ACTIVATION_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise:
    """One addition per element of ``rows`` x ``width`` bf16 numbers: small ones show the launch floor.

    ``mode``: launched one by one by the host, or replayed inside a CUDA graph.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    operation: Literal["vector"] = "vector"
    format: Literal["bf16"] = "bf16"
    mode: Literal["graph", "eager"]
    rows: Count
    width: Count

    @property
    def flop(self) -> float:
        """Not counted: elementwise work never fills the arithmetic units [FLOP]."""
        return 0.0

    @property
    def bytes(self) -> float:
        """Read once, written once [B]."""
        return 2.0 * self.rows * self.width * ACTIVATION_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A plain copy of ``size_bytes`` inside device memory, or from pinned host memory to the device."""

    __pydantic_config__: ClassVar[Any] = WIRE

    operation: Literal["copy_device", "copy_host_to_device"]
    size_bytes: Count

    @property
    def flop(self) -> float:
        """None [FLOP]."""
        return 0.0

    @property
    def bytes(self) -> float:
        """Device memory is read and written, the link to the host is crossed once [B]."""
        return self.size_bytes * (2.0 if self.operation == "copy_device" else 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collective:
    """One collective over GPUs of this host.

    ``payload_bytes`` is the full buffer of one member: the tensor that is reduced, the gathered result, or
    everything a member sends.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    operation: CollectiveKind
    members: Annotated[int, Ge(2)]
    payload_bytes: Count

    @property
    def flop(self) -> float:
        """Not counted [FLOP]."""
        return 0.0

    @property
    def bytes(self) -> float:
        """The buffer [B]; what crosses the links follows from kind and members."""
        return float(self.payload_bytes)


KernelShape = Gemm | Attention | Elementwise
"""Runs on one device and has a row of efficiencies."""
LocalShape = Gemm | Attention | Elementwise | Copy
"""Runs on one device."""
Shape = Gemm | Attention | Elementwise | Copy | Collective
