"""Linear attention with a recurrent state: gated delta rule and its relatives (Yang et al. 2024)."""

from dataclasses import dataclass
from typing import Literal

from models.blocks.base import Core, Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearAttention:
    """A state of ``value_heads * key_head_dim * value_head_dim`` numbers replaces the KV cache.

    ``gate_width`` is the width of the output gate, ``decay_width`` that of the per-step decay and
    update-rate projections (one or two numbers per head for the gated delta rule, one per channel for
    KDA); ``low_rank`` puts a bottleneck of that rank before the decay, ``gate_low_rank`` one before the
    gate.
    """

    kind: Literal["linear"] = "linear"
    key_heads: int
    value_heads: int
    key_head_dim: int
    value_head_dim: int
    conv_kernel: int
    gate_width: int = 0
    decay_width: int = 0
    low_rank: int = 0
    gate_low_rank: int = 0
    state_bytes_per_element: float = 4.0

    @property
    def _key(self) -> int:
        return self.key_heads * self.key_head_dim

    @property
    def _value(self) -> int:
        return self.value_heads * self.value_head_dim

    def projections(self, hidden: int) -> tuple[Projection, ...]:
        """Queries, keys, values, gate and decay in one multiplication, then the output."""
        width = 2 * self._key + self._value + (0 if self.gate_low_rank else self.gate_width)
        mixed = Projection(kernel="qkvg", inputs=hidden, outputs=width, split="column", units=self.key_heads)
        out = Projection(
            kernel="o", inputs=self._value, outputs=hidden, split="row", units=self.value_heads,
            after_core=True,
        )  # fmt: skip
        return (mixed, *self._decay(hidden), *self._gate(hidden), out)

    def _decay(self, hidden: int) -> tuple[Projection, ...]:
        if not self.low_rank:
            outputs = self.decay_width
            return (
                Projection(
                    kernel="decay", inputs=hidden, outputs=outputs, split="column",
                    units=self.value_heads, quantised=False,
                ),
            )  # fmt: skip
        return (
            Projection(
                kernel="decay_a", inputs=hidden, outputs=self.low_rank + self.value_heads,
                split="none", quantised=False,
            ),
            Projection(
                kernel="decay_b", inputs=self.low_rank, outputs=self.decay_width, split="column",
                units=self.value_heads, quantised=False,
            ),
        )  # fmt: skip

    def _gate(self, hidden: int) -> tuple[Projection, ...]:
        if not self.gate_low_rank:
            return ()
        return (
            Projection(
                kernel="gate_a", inputs=hidden, outputs=self.gate_low_rank, split="none", quantised=False
            ),
            Projection(
                kernel="gate_b", inputs=self.gate_low_rank, outputs=self.gate_width, split="column",
                units=self.value_heads, quantised=False,
            ),
        )  # fmt: skip

    def vector_parameters(self, hidden: int) -> int:
        """Input norm, short convolutions, decay scale and bias, output norm."""
        conv = self.conv_kernel * (2 * self._key + self._value)
        decay_bias = self.decay_width if self.low_rank else self.value_heads
        return hidden + conv + self.value_heads + decay_bias + self.value_head_dim

    def core(self) -> Core:
        """State and convolution tail per sequence; the recurrence costs about 8 FLOP per state element."""
        state = self.value_heads * self.key_head_dim * self.value_head_dim
        tail = (self.conv_kernel - 1) * (2 * self._key + self._value) * 2.0
        return Core(
            heads=self.value_heads,
            kv_heads=self.value_heads,
            state_bytes_per_sequence=state * self.state_bytes_per_element + tail,
            state_flop_per_token=8.0 * state,
            kernels=4,
        )
