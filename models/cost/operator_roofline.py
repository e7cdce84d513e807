r"""Operator by operator: what one matrix product of a transformer layer can attain on one device.

The roofline of an operator (Williams et al., 2009) needs only its work :math:`F` [FLOP] and the
bytes :math:`M` it moves, split here into weights, activations and KV cache as the survey
"LLM Inference Unveiled" (Yuan et al., 2024) does:

.. math:: t = \max(F / C, M / \mathit{BW}), \qquad F / t = \min(C, \mathit{BW} \cdot F / M)

No kernel is fused: scores are written by the first attention product and read by the second.
"""

from dataclasses import dataclass
from typing import Literal

from models.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Work and traffic of one operator on one device.

    Attributes
    ----------
    flop : float
        Floating-point operations [FLOP]; a multiply-add counts as two.
    weight_bytes, activation_bytes, kv_bytes : float
        Bytes of weights read, of activations read and written, of KV cache read and written [B].
    """

    flop: float
    weight_bytes: float
    activation_bytes: float
    kv_bytes: float

    @property
    def moved_bytes(self) -> float:
        """All bytes between memory and the compute units [B]."""
        return self.weight_bytes + self.activation_bytes + self.kv_bytes

    @property
    def flop_per_byte(self) -> float:
        """Arithmetic intensity [FLOP/B]."""
        return self.flop / self.moved_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflinePoint:
    """Where an operator lies under a device's roof: speed [FLOP/s], time [s], what limits it."""

    flop_per_s: float
    time_s: float
    bound: Literal["compute", "memory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionShape:
    """Sizes of one attention product: ``query_tokens`` each attend to ``context_tokens``.

    Prefill of a fresh prompt has both equal; a decode step has one query token. Every pair is
    counted: a kernel that skips the masked half of a causal prefill does half of the work.
    """

    batch: int
    query_tokens: int
    context_tokens: int
    heads: int
    kv_heads: int
    head_dim: int

    def __post_init__(self) -> None:
        if self.kv_heads < 1 or self.heads % self.kv_heads:
            raise InvalidInput(
                f"kv_heads = {self.kv_heads} does not divide heads = {self.heads}",
                hint="Maybe the two were swapped.",
            )


def attainable(operator: Operator, *, peak_flop_per_s: float, memory_bytes_per_s: float) -> RooflinePoint:
    """Best speed of an operator under a device's roof.

    Parameters
    ----------
    operator : Operator
        Work and traffic.
    peak_flop_per_s : float
        Dense peak of the device [FLOP/s].
    memory_bytes_per_s : float
        Memory bandwidth of the device [B/s].
    """
    compute_s = operator.flop / peak_flop_per_s
    memory_s = operator.moved_bytes / memory_bytes_per_s
    time_s = max(compute_s, memory_s)
    return RooflinePoint(
        flop_per_s=operator.flop / time_s,
        time_s=time_s,
        bound="memory" if memory_s > compute_s else "compute",
    )


def linear(
    tokens: int,
    *,
    inputs: int,
    outputs: int,
    weight_element_bytes: float = 2.0,
    activation_element_bytes: float = 2.0,
    kv_element_bytes: float | None = None,
) -> Operator:
    """A weight matrix of shape [inputs, outputs] applied to ``tokens`` rows.

    Parameters
    ----------
    tokens : int
        Rows: batch times new tokens per sequence.
    inputs, outputs : int
        Features in and out.
    weight_element_bytes, activation_element_bytes : float
        Storage of one weight and of one activation [B].
    kv_element_bytes : float, optional
        Given for a key or value projection, whose result goes to the KV cache [B].
    """
    stored = float(tokens * outputs)
    to_cache = kv_element_bytes is not None
    return Operator(
        flop=2.0 * tokens * inputs * outputs,
        weight_bytes=inputs * outputs * weight_element_bytes,
        activation_bytes=activation_element_bytes * (tokens * inputs + (0.0 if to_cache else stored)),
        kv_bytes=stored * kv_element_bytes if kv_element_bytes is not None else 0.0,
    )


def qk_matmul(
    shape: AttentionShape,
    *,
    activation_element_bytes: float = 2.0,
    kv_element_bytes: float = 2.0,
) -> Operator:
    """Attention scores: queries times cached keys, written out [batch, heads, query, context]."""
    return _attention_product(shape, activation_element_bytes, kv_element_bytes)


def sv_matmul(
    shape: AttentionShape,
    *,
    activation_element_bytes: float = 2.0,
    kv_element_bytes: float = 2.0,
) -> Operator:
    """Attention output: scores times cached values; the same work and traffic as the scores."""
    return _attention_product(shape, activation_element_bytes, kv_element_bytes)


def _attention_product(
    shape: AttentionShape, activation_element_bytes: float, kv_element_bytes: float
) -> Operator:
    # Either product touches one [query, head_dim] and one [query, context] block per head: the
    # first reads the small one and writes the large one, the second the other way round.
    pairs = float(shape.batch * shape.heads * shape.query_tokens * shape.context_tokens)
    rows = shape.batch * shape.heads * shape.query_tokens * shape.head_dim
    cached = shape.batch * shape.kv_heads * shape.context_tokens * shape.head_dim
    return Operator(
        flop=2.0 * pairs * shape.head_dim,
        weight_bytes=0.0,
        activation_bytes=activation_element_bytes * (pairs + rows),
        kv_bytes=cached * kv_element_bytes,
    )
