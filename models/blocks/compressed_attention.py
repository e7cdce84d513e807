"""Attention over a compressed cache beside a short window (DeepSeek-V4: CSA, HCA, plain window)."""

from dataclasses import dataclass
from typing import Literal

from models.blocks.base import Core, Projection

_BF16_BYTES, _FP32_BYTES = 2.0, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedAttention:
    """Queries read the last ``window_tokens`` tokens and one entry per ``ratio`` tokens before them.

    One vector of ``head_dim`` serves as key and value of all heads. ``ratio=0``: window only. With
    ``index_heads`` an indexer keeps ``index_top_k`` of the compressed entries, and entries overlap (each is
    pooled over ``2 * ratio`` tokens). The output passes ``output_groups`` separate matrices of rank
    ``output_rank`` before the last one. ``streams`` residual streams are mixed before attention and
    before the FFN (hyper-connections); both mixers are counted here.
    """

    kind: Literal["compressed"] = "compressed"
    heads: int
    head_dim: int
    q_lora_rank: int
    output_groups: int
    output_rank: int
    window_tokens: int
    ratio: int = 0
    index_heads: int = 0
    index_head_dim: int = 0
    index_top_k: int | None = None
    streams: int = 0

    @property
    def _overlap(self) -> int:
        return 2 if self.index_heads else 1

    def projections(self, hidden: int) -> tuple[Projection, ...]:
        """Down-projections and compressor are replicated; queries and output are split by groups."""
        wide = self.heads * self.head_dim
        down = Projection(
            kernel="qkv_a", inputs=hidden, outputs=self.q_lora_rank + self.head_dim, split="none"
        )
        query = Projection(
            kernel="q_b", inputs=self.q_lora_rank, outputs=wide, split="column", units=self.heads
        )
        mixed = self.output_groups * self.output_rank
        grouped = Projection(
            kernel="o_a", inputs=wide // self.output_groups, outputs=mixed, split="column",
            units=self.output_groups, after_core=True,
        )  # fmt: skip
        out = Projection(
            kernel="o_b", inputs=mixed, outputs=hidden, split="row", units=self.output_groups,
            after_core=True,
        )  # fmt: skip
        return (*self._streams(hidden), down, query, *self._compressor(hidden), grouped, out)

    def _streams(self, hidden: int) -> tuple[Projection, ...]:
        if not self.streams:
            return ()
        mixer = Projection(
            kernel="stream_mix", inputs=self.streams * hidden, outputs=(2 + self.streams) * self.streams,
            split="none", quantised=False,
        )  # fmt: skip
        return (mixer, mixer)

    def _compressor(self, hidden: int) -> tuple[Projection, ...]:
        """Value and gate of the pooling, and the same in small for the indexer."""
        if not self.ratio:
            return ()
        own = 2 * self._overlap * self.head_dim
        pool = Projection(kernel="compress", inputs=hidden, outputs=own, split="none", quantised=False)
        if not self.index_heads:
            return (pool,)
        small = 2 * self._overlap * self.index_head_dim
        return (
            pool,
            Projection(
                kernel="index_q", inputs=self.q_lora_rank,
                outputs=self.index_heads * self.index_head_dim, split="none",
            ),
            Projection(
                kernel="index_k", inputs=hidden, outputs=small + self.index_heads, split="none",
                quantised=False,
            ),
        )  # fmt: skip

    def vector_parameters(self, hidden: int) -> int:
        """Norms, sinks, position biases of the pooling, scales and offsets of the stream mixers."""
        mix = (2 + self.streams) * self.streams + 3 if self.streams else 0
        pooled = self.head_dim + self.index_head_dim
        pooling = pooled * (1 + self.ratio * self._overlap) if self.ratio else 0
        return hidden + self.q_lora_rank + self.head_dim + self.heads + pooling + 2 * mix

    def core(self) -> Core:
        """Compressed entries grow with the context; window and open pooling blocks do not."""
        pair = 4.0 * self.heads * self.head_dim
        window = self.window_tokens * self.head_dim * _BF16_BYTES
        if not self.ratio:
            return Core(
                heads=self.heads,
                kv_heads=1,
                kv_elements_per_token=self.head_dim,
                prefill_flop_per_pair=pair,
                decode_flop_per_pair=pair,
                window_tokens=self.window_tokens,
                kernels=4,
            )
        open_rows = self.ratio * self._overlap
        pooled = self.head_dim + self.index_head_dim
        return Core(
            heads=self.heads,
            kv_heads=1,
            kv_elements_per_token=self.head_dim / self.ratio,
            prefill_flop_per_pair=pair,
            decode_flop_per_pair=pair,
            visible_divisor=float(self.ratio),
            top_k_tokens=self.index_top_k,
            index_elements_per_token=self.index_head_dim / self.ratio,
            index_flop_per_pair=2.0 * self.index_heads * self.index_head_dim / self.ratio,
            state_bytes_per_sequence=window + 2 * open_rows * self._overlap * pooled * _FP32_BYTES,
            state_flop_per_token=pair * self.window_tokens,
            kernels=7 if self.index_heads else 5,
        )
