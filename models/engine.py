"""Serving engines: what each can cut, which degrees it ties together, what it keeps of the memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from models.hardware import Device, Source
from models.precision import KvFormat

Feature = Literal[
    "pp", "cp", "dcp", "dp", "ep", "uneven_pp", "sequence_parallel", "disaggregation", "colocated"
]  # fmt: skip
MemoryRule = Literal["total", "static", "free"]
EpRule = Literal["implied", "divides"]
DpRule = Literal["any", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitTier:
    """Batch limits an engine picks by itself on devices of at least ``min_memory_bytes``.

    ``graph_batch`` is the largest decode batch it captures as a CUDA graph; ``not_families`` names device
    families the tier skips.
    """

    min_memory_bytes: float
    max_num_seqs: int
    max_num_batched_tokens: int
    graph_batch: int
    not_families: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One serving engine at one version.

    Attributes
    ----------
    supports : tuple of str
        What the engine can cut: pp, cp, dcp, dp (attention data parallel), ep, uneven_pp,
        sequence_parallel, disaggregation, colocated (SMs split between the phases).
    ep_rule : {"implied", "divides"}
        "implied": experts are spread over all devices of a stage or not at all, ``ep`` is 1 or
        tp * cp * dp; "divides": any divisor of them.
    dp_rule : {"any", "all"}
        "all": attention data parallelism replaces tensor parallelism of the attention, tp = 1 when
        dp > 1; "any": the two combine freely.
    memory_rule : {"total", "static", "free"}
        What ``memory_frac`` is a fraction of: "total" all the engine allocates over the device (CUDA
        graphs outside), "static" weights and KV cache over the device, "free" KV cache over what is
        left after weights and activations.
    memory_frac : float
        Default of that fraction; under "static" the fallback when the reserve formula has no device.
    reserve_bytes, reserve_bytes_per_batched_token, reserve_bytes_per_graph_sequence : float
        What the engine leaves outside the KV cache by its own rule [B]; 0 where it profiles instead.
    reserve_bytes_per_device : float
        The part of that rule that grows with the devices of a replica [B].
    reserve_floor_bytes, reserve_floor_memory_bytes : float
        Least reserve on devices larger than the second figure [B].
    context_bytes : float
        Outside the framework's allocator: context, libraries, workspaces [B].
    collective_bytes : float
        Communication buffers once more than one device takes part [B].
    graph_bytes : float
        CUDA graphs [B].
    kv_block_tokens : int
        Tokens of one block of the paged KV cache.
    batched_tokens_ladder : tuple of int
        Values of ``max_num_batched_tokens`` worth trying.
    expert_width_multiple : Mapping[str, int]
        Expert widths are padded to this multiple, by weight format; formats missing are not padded.
    auto_kv : Mapping[str, str]
        Cache format that "auto" stands for, by weight format; formats missing keep bf16.
    sources : Mapping[str, Source]
        One entry per field, keyed by its name.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    name: str
    version: str
    supports: tuple[Feature, ...]
    ep_rule: EpRule
    dp_rule: DpRule
    memory_rule: MemoryRule
    memory_frac: float
    reserve_bytes: float
    reserve_bytes_per_batched_token: float
    reserve_bytes_per_graph_sequence: float
    reserve_bytes_per_device: float
    reserve_floor_bytes: float
    reserve_floor_memory_bytes: float
    context_bytes: float
    collective_bytes: float
    graph_bytes: float
    kv_block_tokens: int
    batched_tokens_ladder: tuple[int, ...]
    expert_width_multiple: Mapping[str, int]
    tiers: tuple[LimitTier, ...]
    auto_kv: Mapping[str, KvFormat]
    aliases: tuple[str, ...] = ()
    sources: Mapping[str, Source]

    def can(self, feature: Feature) -> bool:
        """Whether the engine can cut a model that way."""
        return feature in self.supports

    def tier(self, device: Device) -> LimitTier:
        """Batch limits the engine would choose on ``device`` when none are given."""
        fits = (
            t
            for t in sorted(self.tiers, key=lambda t: t.min_memory_bytes, reverse=True)
            if device.memory_bytes >= t.min_memory_bytes and device.family not in t.not_families
        )
        return next(fits)

    def static_frac(self, device: Device, devices: int) -> float:
        """Fraction of a device that weights and KV cache may take by the engine's reserve rule.

        Only meaningful under ``memory_rule="static"``; ``devices`` = tp * pp of the replica.
        """
        tier = self.tier(device)
        reserve = (
            self.reserve_bytes
            + self.reserve_bytes_per_batched_token * tier.max_num_batched_tokens
            + self.reserve_bytes_per_graph_sequence * tier.graph_batch
            + self.reserve_bytes_per_device * devices
        )
        if device.memory_bytes > self.reserve_floor_memory_bytes:
            reserve = max(reserve, self.reserve_floor_bytes)
        return max(0.0, 1.0 - reserve / device.memory_bytes)
