"""What every kind of layer block tells the cost model and the memory model.

A block is described by its weight matrices (:class:`Projection`) and, for token mixers, by its core
(:class:`Core`): how much cache a token leaves behind and how much work a query does per cached token.
Nothing here knows about devices or parallelism: ``split`` and ``units`` only say how a matrix *may* be cut.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

Split = Literal["column", "row", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """One weight matrix ``[inputs, outputs]`` of a block.

    Attributes
    ----------
    kernel : str
        Matrices with equal kernel name run as one fused multiplication.
    inputs, outputs : int
        Whole, unsharded dimensions.
    split : {"column", "row", "none"}
        Megatron cut under tensor parallelism; "none": replicated on every rank.
    units : int
        Indivisible units of the cut dimension (attention heads, KV heads); 0: any multiple will do.
        With more ranks than units, units are replicated (KV heads under a large tp).
    quantised : bool
        False for matrices that checkpoints leave in bf16 (router, gates).
    after_core : bool
        True when the matrix follows the block's core (output projections).
    bias : bool
        Adds ``outputs`` parameters.
    """

    kernel: str
    inputs: int
    outputs: int
    split: Split
    units: int = 0
    quantised: bool = True
    after_core: bool = False
    bias: bool = False

    @property
    def parameters(self) -> int:
        """Weights of the matrix, bias included."""
        return self.inputs * self.outputs + self.outputs * self.bias


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Cache and per-pair work of a token mixer.

    For attention a query token visits the cached tokens it may see: all of them, the last
    ``window_tokens``, or ``top_k_tokens`` chosen by an indexer that itself scans a small cache.

    Attributes
    ----------
    heads : int
        Query heads (units of tensor parallelism).
    kv_heads : int
        Heads of the cache that can be spread over ranks; 1 for latent caches, which every rank holds.
    kv_elements_per_token : float
        Cache elements one token leaves per layer, all KV heads together (compressed caches: average).
    prefill_flop_per_pair, decode_flop_per_pair : float
        FLOP per (query token, visible cached token), all heads; the two differ for latent attention,
        which expands in prefill and stays in the latent space in decode.
    visible_divisor : float
        A query sees context / visible_divisor entries (compressed attention), 1 otherwise.
    window_tokens : int or None
        Sliding window or chunk; also caps the cache of a sequence.
    top_k_tokens : int or None
        Cap of the entries a query reads once an indexer has chosen.
    index_elements_per_token, index_flop_per_pair : float
        Cache of the indexer per token of context, and its work per (query token, token of context);
        an indexer over compressed entries is averaged over the tokens they stand for.
    state_bytes_per_sequence : float
        What a sequence keeps whatever its length: recurrent state, or the window beside a compressed cache.
    state_flop_per_token : float
        Work per token that does not grow with the context: the recurrence, or attention to that window.
    kernels : int
        Launches of the core itself, rotary embedding and cache write included.
    latent : bool
        All heads share one latent per token (multi-head latent attention): kernels of their own.
    small_kernels : int
        Norms, gates and copies of the block's own, each a kernel too small to be priced by its work.
    norm_reductions : int
        Sums of a few bytes per token over the tensor-parallel ranks: norms over all heads.
    """

    heads: int
    kv_heads: int
    kv_elements_per_token: float = 0.0
    prefill_flop_per_pair: float = 0.0
    decode_flop_per_pair: float = 0.0
    visible_divisor: float = 1.0
    window_tokens: int | None = None
    top_k_tokens: int | None = None
    index_elements_per_token: float = 0.0
    index_flop_per_pair: float = 0.0
    state_bytes_per_sequence: float = 0.0
    state_flop_per_token: float = 0.0
    kernels: int = 3
    latent: bool = False
    small_kernels: int = 0
    norm_reductions: int = 0


class Mixer(Protocol):
    """A token mixer: attention of some kind, or a recurrence."""

    @property
    def kind(self) -> str:
        """Registry name."""
        ...

    def projections(self, hidden: int) -> tuple[Projection, ...]:
        """Weight matrices of the block in a model of width ``hidden``."""
        ...

    def vector_parameters(self, hidden: int) -> int:
        """Norms, sinks, biases of recurrences: parameters that are no matrix; input norm included."""
        ...

    def core(self) -> Core:
        """Cache and per-pair work."""
        ...


class Ffn(Protocol):
    """A feed-forward block, dense or of experts."""

    @property
    def kind(self) -> str:
        """Registry name."""
        ...

    def projections(self, hidden: int) -> tuple[Projection, ...]:
        """Dense matrices every token passes: the FFN itself, router, shared experts, latent projections."""
        ...

    def vector_parameters(self, hidden: int) -> int:
        """Norms and score-correction vectors; the norm before the block included."""
        ...
