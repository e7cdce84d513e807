"""Dense feed-forward block, gated (SwiGLU and relatives) or plain."""

from dataclasses import dataclass
from typing import Literal

from models.blocks.base import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseFfn:
    """Up (and gate) projection, activation, down projection."""

    kind: Literal["dense"] = "dense"
    intermediate_size: int
    gated: bool = True
    bias: bool = False
    extra_norms: int = 0

    def projections(self, hidden: int) -> tuple[Projection, ...]:
        """Fused gate and up, then down."""
        up = self.intermediate_size * (2 if self.gated else 1)
        return (
            Projection(kernel="gate_up", inputs=hidden, outputs=up, split="column", bias=self.bias),
            Projection(
                kernel="down", inputs=self.intermediate_size, outputs=hidden, split="row",
                after_core=True, bias=self.bias,
            ),
        )  # fmt: skip

    def vector_parameters(self, hidden: int) -> int:
        """Norms around the block."""
        return hidden * (1 + self.extra_norms)
