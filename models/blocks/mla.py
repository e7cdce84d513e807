"""Multi-head latent attention, with or without a sparse indexer (DeepSeek-V2, V3.2; GLM-5)."""

from dataclasses import dataclass
from typing import Literal

from models.blocks.base import Core, Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentAttention:
    """Keys and values live in one latent vector per token, shared by all heads.

    Decode multiplies queries into the latent space instead of expanding the cache, so a pair costs
    ``2 * heads * (2 * kv_lora_rank + qk_rope_head_dim)`` FLOP there against
    ``2 * heads * (qk dim + v dim)`` in prefill. Tensor parallelism replicates the latent cache.
    ``index_heads=0`` with ``index_top_k`` set: the layer reuses what an earlier layer's indexer chose.
    """

    kind: Literal["mla"] = "mla"
    heads: int
    q_lora_rank: int | None
    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int
    output_gate: bool = False
    index_heads: int = 0
    index_head_dim: int = 0
    index_top_k: int | None = None

    def projections(self, hidden: int) -> tuple[Projection, ...]:
        """Down-projections are replicated, up-projections and output split by heads."""
        qk = self.qk_nope_head_dim + self.qk_rope_head_dim
        latent = self.kv_lora_rank + self.qk_rope_head_dim
        rank = self.q_lora_rank
        query = Projection(
            kernel="q_b" if rank else "q", inputs=rank or hidden, outputs=self.heads * qk,
            split="column", units=self.heads,
        )  # fmt: skip
        down = Projection(kernel="qkv_a", inputs=hidden, outputs=(rank or 0) + latent, split="none")
        up = Projection(
            kernel="kv_b", inputs=self.kv_lora_rank, split="column", units=self.heads,
            outputs=self.heads * (self.qk_nope_head_dim + self.v_head_dim),
        )  # fmt: skip
        out = Projection(
            kernel="o", inputs=self.heads * self.v_head_dim, outputs=hidden, split="row",
            units=self.heads, after_core=True,
        )  # fmt: skip
        return (down, query, up, *self._gate(hidden), *self._indexer(hidden), out)

    def _gate(self, hidden: int) -> tuple[Projection, ...]:
        if not self.output_gate:
            return ()
        width = self.heads * self.v_head_dim
        return (Projection(kernel="gate", inputs=hidden, outputs=width, split="column", units=self.heads),)

    def _indexer(self, hidden: int) -> tuple[Projection, ...]:
        if not self.index_heads:
            return ()
        query = self.index_heads * self.index_head_dim
        return (
            Projection(
                kernel="index_q", inputs=self.q_lora_rank or hidden, outputs=query, split="none"
            ),
            Projection(
                kernel="index_k", inputs=hidden, outputs=self.index_head_dim + self.index_heads,
                split="none", quantised=False,
            ),
        )  # fmt: skip

    def vector_parameters(self, hidden: int) -> int:
        """Input norm and the norms of the two latents (and of the indexer key, with its bias)."""
        return hidden + (self.q_lora_rank or 0) + self.kv_lora_rank + 2 * self.index_head_dim

    def core(self) -> Core:
        """One latent of ``kv_lora_rank + qk_rope_head_dim`` elements per token, on every rank."""
        latent = self.kv_lora_rank + self.qk_rope_head_dim
        qk = self.qk_nope_head_dim + self.qk_rope_head_dim
        return Core(
            heads=self.heads,
            kv_heads=1,
            kv_elements_per_token=latent,
            prefill_flop_per_pair=2.0 * self.heads * (qk + self.v_head_dim),
            decode_flop_per_pair=2.0 * self.heads * (latent + self.kv_lora_rank),
            top_k_tokens=self.index_top_k,
            index_elements_per_token=self.index_head_dim,
            index_flop_per_pair=2.0 * self.index_heads * self.index_head_dim,
            kernels=5 if self.index_heads else 4,
            latent=True,
            small_kernels=4,
        )
