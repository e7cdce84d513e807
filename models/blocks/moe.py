"""Mixture-of-experts block: router, routed experts, shared experts, optional latent width."""

from dataclasses import dataclass
from typing import Literal

from models.blocks.base import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class MoeFfn:
    """Every token visits ``top_k`` of ``experts`` routed experts and the shared width, if any.

    ``latent_size``: routed experts work in a narrower space between two projections (latent MoE), with a
    norm on their sum where ``latent_norm`` says so;
    ``parallel_dense``: ``shared_intermediate_size`` is a dense FFN beside the experts, with own norms.
    """

    kind: Literal["moe"] = "moe"
    experts: int
    top_k: int
    expert_intermediate_size: int
    shared_intermediate_size: int = 0
    shared_gate: bool = False
    latent_size: int | None = None
    latent_norm: bool = False
    gated: bool = True
    expert_bias: bool = False
    router_bias: bool = False
    score_correction: bool = False
    extra_norms: int = 0

    def expert_width(self, hidden: int) -> int:
        """Width of the routed experts' input and output."""
        return self.latent_size or hidden

    def expert_parameters(self, hidden: int) -> int:
        """Parameters of one routed expert."""
        width, inner = self.expert_width(hidden), self.expert_intermediate_size
        ups = 2 if self.gated else 1
        return (ups + 1) * width * inner + self.expert_bias * (ups * inner + width)

    def projections(self, hidden: int) -> tuple[Projection, ...]:
        """Router, shared expert and latent projections: what every token passes."""
        router = Projection(
            kernel="router", inputs=hidden, outputs=self.experts, split="none", quantised=False,
            bias=self.router_bias,
        )  # fmt: skip
        return (router, *self._shared(hidden), *self._latent(hidden))

    def _shared(self, hidden: int) -> tuple[Projection, ...]:
        inner = self.shared_intermediate_size
        if not inner:
            return ()
        ups = 2 if self.gated else 1
        gate = Projection(kernel="shared_gate", inputs=hidden, outputs=1, split="none", quantised=False)
        return (
            Projection(kernel="shared_up", inputs=hidden, outputs=ups * inner, split="column"),
            Projection(kernel="shared_down", inputs=inner, outputs=hidden, split="row", after_core=True),
            *((gate,) if self.shared_gate else ()),
        )

    def _latent(self, hidden: int) -> tuple[Projection, ...]:
        if not self.latent_size:
            return ()
        return (
            Projection(kernel="latent_in", inputs=hidden, outputs=self.latent_size, split="none"),
            Projection(
                kernel="latent_out", inputs=self.latent_size, outputs=hidden, split="none",
                after_core=True,
            ),
        )  # fmt: skip

    def vector_parameters(self, hidden: int) -> int:
        """Norms in and around the block and the router's correction vector."""
        norms = hidden * (1 + self.extra_norms) + (self.latent_size or 0) * self.latent_norm
        return norms + self.experts * self.score_correction
