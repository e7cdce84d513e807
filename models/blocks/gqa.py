"""Multi-head, grouped-query and multi-query attention, full or windowed (Ainslie et al. 2023)."""

from dataclasses import dataclass
from typing import Literal

from models.blocks.base import Core, Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedQueryAttention:
    """``heads`` query heads read ``kv_heads`` cached heads.

    ``window_tokens`` limits what a query sees and what a sequence keeps; ``shared_kv`` derives K and V
    from one matrix (norm and rotation differ, so the cache still holds both); ``output_gate`` adds a gate
    as wide as the queries; ``sinks`` adds one logit per head; ``quantised=False`` keeps the matrices of
    the block in bf16 where the checkpoint does.
    """

    kind: Literal["gqa"] = "gqa"
    heads: int
    kv_heads: int
    head_dim: int
    v_head_dim: int | None = None
    window_tokens: int | None = None
    shared_kv: bool = False
    output_gate: bool = False
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: Literal["none", "head", "full"] = "none"
    sinks: bool = False
    extra_norms: int = 0
    quantised: bool = True

    @property
    def value_dim(self) -> int:
        """Width of one value head."""
        return self.v_head_dim or self.head_dim

    def projections(self, hidden: int) -> tuple[Projection, ...]:
        """Query, key, value (one fused multiplication) and output matrices."""
        q, k = self.heads * self.head_dim, self.kv_heads * self.head_dim
        v = 0 if self.shared_kv else self.kv_heads * self.value_dim
        gate = self.heads * self.value_dim * self.output_gate
        head, cache = self.heads, self.kv_heads
        return (
            Projection(
                kernel="qkv", inputs=hidden, outputs=q + gate, split="column",
                units=head, bias=self.qkv_bias, quantised=self.quantised,
            ),
            Projection(
                kernel="qkv", inputs=hidden, outputs=k + v, split="column",
                units=cache, bias=self.qkv_bias, quantised=self.quantised,
            ),
            Projection(
                kernel="o", inputs=head * self.value_dim, outputs=hidden, split="row",
                units=head, after_core=True, bias=self.output_bias, quantised=self.quantised,
            ),
        )  # fmt: skip

    def vector_parameters(self, hidden: int) -> int:
        """Input norm, optional extra norms, per-head or full query and key norms, sinks."""
        norms = {
            "none": 0,
            "head": 2 * self.head_dim,
            "full": (self.heads + self.kv_heads) * self.head_dim,
        }
        return hidden * (1 + self.extra_norms) + norms[self.qk_norm] + self.heads * self.sinks

    def core(self) -> Core:
        """Cache of K and V; scores and weighted sum cost 2 FLOP per element and head."""
        flop = 2.0 * self.heads * (self.head_dim + self.value_dim)
        return Core(
            heads=self.heads,
            kv_heads=self.kv_heads,
            kv_elements_per_token=self.kv_heads * (self.head_dim + self.value_dim),
            prefill_flop_per_pair=flop,
            decode_flop_per_pair=flop,
            window_tokens=self.window_tokens,
            small_kernels=(2 if self.qk_norm != "none" else 0) + self.output_gate + self.extra_norms,
            norm_reductions=1 if self.qk_norm == "full" else 0,
        )
