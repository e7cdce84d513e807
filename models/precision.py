"""Number formats of weights and of the KV cache, and the bytes one element takes.

Block formats carry their scales: ``fp8_block`` one fp32 per 128x128 tile, ``mxfp4`` one byte per 32
elements, ``nvfp4`` one byte per 16, ``int4`` one fp16 per group of 128 (OCP MX specification 1.0;
engine documentation of the formats).
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from models.wire import WIRE

WeightFormat = Literal["bf16", "fp8", "fp8_block", "int8", "int4", "mxfp4", "nvfp4"]
KvFormat = Literal["bf16", "fp8", "auto"]

WEIGHT_BYTES: dict[str, float] = {
    "bf16": 2.0,
    "fp8": 1.0,
    "fp8_block": 1.0 + 4.0 / 128**2,
    "int8": 1.0,
    "int4": 0.5 + 2.0 / 128,
    "mxfp4": 0.5 + 1.0 / 32,
    "nvfp4": 0.5 + 1.0 / 16,
}
KV_BYTES: dict[str, float] = {"bf16": 2.0, "fp8": 1.0}

COMPUTE_FORMAT: dict[str, str] = {
    # weight-only formats are widened to bf16 before the multiplication
    "bf16": "bf16",
    "fp8": "fp8",
    "fp8_block": "fp8",
    "int8": "int8",
    "int4": "bf16",
    "mxfp4": "bf16",
    "nvfp4": "fp4",
}
"""Format the tensor cores multiply in, per weight format, on a device that has it."""

BLOCK_OF: dict[str, int] = {"fp8_block": 128, "mxfp4": 32, "nvfp4": 16}
"""A sharded dimension must stay a multiple of this many elements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """Formats of one deployment: ``moe_weights`` defaults to ``weights``, ``kv`` to the engine's."""

    __pydantic_config__: ClassVar[Any] = WIRE

    weights: WeightFormat = "bf16"
    moe_weights: WeightFormat | None = None
    kv: KvFormat = "auto"

    @property
    def experts(self) -> WeightFormat:
        """Format of the routed experts."""
        return self.moe_weights or self.weights

    @property
    def cache(self) -> str:
        """Format of the KV cache once ``auto`` is resolved: all engines keep the activations' bf16."""
        return "bf16" if self.kv == "auto" else self.kv
