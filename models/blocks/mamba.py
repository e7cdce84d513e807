"""Mamba-2 mixer: a state-space recurrence with scalar decay per head (Dao and Gu 2024)."""

from dataclasses import dataclass
from typing import Literal

from models.blocks.base import Core, Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class MambaMixer:
    """``heads * head_dim`` channels with a state of ``state_size`` numbers each."""

    kind: Literal["mamba2"] = "mamba2"
    heads: int
    head_dim: int
    state_size: int
    groups: int
    conv_kernel: int
    state_bytes_per_element: float = 4.0

    @property
    def _inner(self) -> int:
        return self.heads * self.head_dim

    @property
    def _conv_channels(self) -> int:
        return self._inner + 2 * self.groups * self.state_size

    def projections(self, hidden: int) -> tuple[Projection, ...]:
        """Gate, channels, B, C and step size in one multiplication, then the output."""
        width = self._inner + self._conv_channels + self.heads
        return (
            Projection(
                kernel="in", inputs=hidden, outputs=width, split="column", units=self.groups
            ),
            Projection(
                kernel="out", inputs=self._inner, outputs=hidden, split="row", units=self.heads,
                after_core=True,
            ),
        )  # fmt: skip

    def vector_parameters(self, hidden: int) -> int:
        """Input norm, convolution with bias, decay, skip and step bias per head, gated norm."""
        return hidden + (self.conv_kernel + 1) * self._conv_channels + 3 * self.heads + self._inner

    def core(self) -> Core:
        """State and convolution tail per sequence; about 6 FLOP per state element and token."""
        state = self._inner * self.state_size
        tail = (self.conv_kernel - 1) * self._conv_channels * 2.0
        return Core(
            heads=self.heads,
            kv_heads=self.groups,
            state_bytes_per_sequence=state * self.state_bytes_per_element + tail,
            state_flop_per_token=6.0 * state,
            kernels=3,
        )
