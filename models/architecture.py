"""The architecture of a large language model: a stack of layers of a few kinds."""

from dataclasses import dataclass, field

from models.blocks.base import Ffn, Mixer
from models.blocks.moe import MoeFfn
from models.precision import KV_BYTES, Precision
from models.vision_encoder import VisionEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerKind:
    """One kind of layer: a token mixer, a feed-forward block, or both."""

    mixer: Mixer | None
    ffn: Ffn | None

    def dense_parameters(self, hidden: int) -> int:
        """Parameters every token passes: all but the routed experts."""
        blocks = [b for b in (self.mixer, self.ffn) if b is not None]
        matrices = sum(p.parameters for b in blocks for p in b.projections(hidden))
        return matrices + sum(b.vector_parameters(hidden) for b in blocks)

    def expert_parameters(self, hidden: int) -> int:
        """Parameters of all routed experts of the layer."""
        if isinstance(self.ffn, MoeFfn):
            return self.ffn.experts * self.ffn.expert_parameters(hidden)
        return 0

    def active_parameters(self, hidden: int) -> int:
        """Parameters one token passes."""
        active = self.dense_parameters(hidden)
        if isinstance(self.ffn, MoeFfn):
            active += self.ffn.top_k * self.ffn.expert_parameters(hidden)
        return active


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One architecture, as the checkpoint's configuration describes it.

    Attributes
    ----------
    kinds : tuple of LayerKind
        The distinct layers.
    pattern : tuple of int
        Index into ``kinds`` for every layer, first to last.
    unread_parameters : int
        Weights of the checkpoint that text serving does not load (multi-token prediction).
    vision_parameters : int
        Weights of encoders that are loaded beside the language model.
    encoder : VisionEncoder or None
        The image encoder, where its work can be priced; None: images are refused.
    precision : Precision
        The checkpoint's own formats.
    """

    id: str
    hidden_size: int
    vocab_size: int
    tied_embeddings: bool
    max_context_tokens: int
    kinds: tuple[LayerKind, ...]
    pattern: tuple[int, ...]
    precision: Precision
    vision_parameters: int = 0
    unread_parameters: int = 0
    encoder: VisionEncoder | None = None
    aliases: tuple[str, ...] = ()
    source: str = ""
    note: str = field(default="", compare=False)

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.pattern)

    def counts(self) -> tuple[int, ...]:
        """Layers of each kind."""
        return tuple(self.pattern.count(k) for k in range(len(self.kinds)))

    @property
    def embedding_parameters(self) -> int:
        """One embedding table."""
        return self.vocab_size * self.hidden_size

    @property
    def is_moe(self) -> bool:
        """Whether any layer has routed experts."""
        return any(isinstance(k.ffn, MoeFfn) for k in self.kinds)

    def parameters(self) -> int:
        """Parameters of the language model: embeddings, head, all layers, final norm."""
        h = self.hidden_size
        tables = self.embedding_parameters * (1 if self.tied_embeddings else 2)
        stack = sum(
            n * (k.dense_parameters(h) + k.expert_parameters(h))
            for n, k in zip(self.counts(), self.kinds, strict=True)
        )
        return tables + stack + h

    def active_parameters(self) -> int:
        """Parameters one token passes, counted as :meth:`parameters` counts."""
        h = self.hidden_size
        tables = self.embedding_parameters * (1 if self.tied_embeddings else 2)
        stack = sum(n * k.active_parameters(h) for n, k in zip(self.counts(), self.kinds, strict=True))
        return tables + stack + h

    def kv_bytes_per_token(self, kv_format: str = "bf16") -> float:
        """Cache one more token of context takes once no window is full, whole model [B]."""
        per_layer = [
            0.0
            if k.mixer is None
            else k.mixer.core().kv_elements_per_token + k.mixer.core().index_elements_per_token
            for k in self.kinds
        ]
        elements = sum(n * e for n, e in zip(self.counts(), per_layer, strict=True))
        return elements * KV_BYTES[kv_format]
