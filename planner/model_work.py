r"""Bytes and FLOP that a model costs on any hardware, in closed form: nothing cut, nothing padded or copied.

Sums over the layers, with :math:`N` matrix elements every token passes, :math:`E` experts of :math:`e`
elements of which a token visits :math:`k`, :math:`h` the width, :math:`V` the vocabulary, :math:`b` bytes
per element.
"""

import numpy as np

from models.architecture import LayerKind, ModelSpec
from models.blocks.base import Core, Projection
from models.blocks.moe import MoeFfn
from models.precision import KV_BYTES, WEIGHT_BYTES, Precision
from planner.block_operations import hit_share

HEAD_BYTES = WEIGHT_BYTES["bf16"]
"""Embedding and head stay in bf16 under every format."""


def weight_bytes(spec: ModelSpec, precision: Precision) -> float:
    r"""All weights [B]: :math:`\sum (N + v) b + E e b_e`, tables and encoders included, v the vectors."""
    tables = spec.embedding_parameters * (1 if spec.tied_embeddings else 2) + spec.vision_parameters
    layers = sum(
        n * (_dense_bytes(kind, spec, precision) + _expert_bytes(kind, spec, precision, 1.0))
        for n, kind in _layers(spec)
    )
    return tables * HEAD_BYTES + layers


def cache_bytes(spec: ModelSpec, precision: Precision, tokens: float) -> float:
    """Cache and state one sequence of ``tokens`` keeps [B]; windows keep no more than they see."""
    per_element = KV_BYTES[precision.cache]
    total = 0.0
    for n, core in _cores(spec):
        kept = tokens if core.window_tokens is None else min(tokens, core.window_tokens)
        elements = core.kv_elements_per_token + core.index_elements_per_token
        total += n * (elements * per_element * kept + core.state_bytes_per_sequence)
    return total


def read_weight_bytes(spec: ModelSpec, precision: Precision, sequences: float) -> float:
    r"""Weights one decode step of ``sequences`` reads [B]: :math:`\sum N b + \mathrm{hit} E e b_e + h V b`.

    Of the embedding only a row per token is read; of the experts those that some token visits, k of them
    for one sequence.
    """
    layers = 0.0
    for n, kind in _layers(spec):
        hit = 0.0
        if isinstance(kind.ffn, MoeFfn):
            hit = float(hit_share(np.array(max(sequences, 1.0)), kind.ffn.experts, kind.ffn.top_k))
        layers += n * (_matrix_bytes(kind, spec, precision) + _expert_bytes(kind, spec, precision, hit))
    return layers + spec.embedding_parameters * HEAD_BYTES


def read_cache_bytes(spec: ModelSpec, precision: Precision, context_tokens: float) -> float:
    """Cache read to produce one token of one sequence with ``context_tokens`` before it [B]."""
    per_element = KV_BYTES[precision.cache]
    total = 0.0
    for n, core in _cores(spec):
        entries = min(context_tokens / core.visible_divisor, _cap(core))
        read = entries * core.kv_elements_per_token + context_tokens * core.index_elements_per_token
        total += n * (read * per_element + core.state_bytes_per_sequence)
    return total


def prompt_flop(spec: ModelSpec, new_tokens: float, cached_tokens: float) -> float:
    r"""Products of one prompt [FLOP]: :math:`2 n (N + k e) + 2 h V` and its attention, pair by pair."""
    total = 2.0 * spec.embedding_parameters
    for n, kind in _layers(spec):
        elements = float(sum(p.inputs * p.outputs for p in _matrices(kind, spec)))
        if isinstance(kind.ffn, MoeFfn):
            elements += kind.ffn.top_k * kind.ffn.expert_parameters(spec.hidden_size)
        total += n * 2.0 * new_tokens * elements
    for n, core in _cores(spec):
        total += n * _attention_flop(core, new_tokens, cached_tokens)
    return total


def reductions(spec: ModelSpec) -> int:
    """Sums over the ranks of a tensor-parallel group for one token: one after every block."""
    return sum(n * ((kind.mixer is not None) + (kind.ffn is not None)) for n, kind in _layers(spec))


def _attention_flop(core: Core, new_tokens: float, cached_tokens: float) -> float:
    scanned = new_tokens * (cached_tokens + new_tokens / 2.0)
    return (
        _visible_pairs(core, new_tokens, cached_tokens) * core.prefill_flop_per_pair
        + scanned * core.index_flop_per_pair
        + new_tokens * core.state_flop_per_token
    )


def _visible_pairs(core: Core, new_tokens: float, cached_tokens: float) -> float:
    """Entries all queries of a prompt read: the integral of min(context / divisor, cap) over the prompt."""
    cap = _cap(core)
    full_from = min(max(cap * core.visible_divisor - cached_tokens, 0.0), new_tokens)
    growing = full_from * (cached_tokens + full_from / 2.0) / core.visible_divisor
    rest = new_tokens - full_from
    return growing + (rest * cap if rest > 0 else 0.0)


def _cap(core: Core) -> float:
    return float(min(c for c in (core.window_tokens, core.top_k_tokens, np.inf) if c is not None))


def _layers(spec: ModelSpec) -> list[tuple[int, LayerKind]]:
    return list(zip(spec.counts(), spec.kinds, strict=True))


def _cores(spec: ModelSpec) -> list[tuple[int, Core]]:
    return [(n, kind.mixer.core()) for n, kind in _layers(spec) if kind.mixer is not None]


def _matrices(kind: LayerKind, spec: ModelSpec) -> list[Projection]:
    blocks = [b for b in (kind.mixer, kind.ffn) if b is not None]
    return [p for block in blocks for p in block.projections(spec.hidden_size)]


def _matrix_bytes(kind: LayerKind, spec: ModelSpec, precision: Precision) -> float:
    return sum(
        p.inputs * p.outputs * WEIGHT_BYTES[precision.weights if p.quantised else "bf16"]
        for p in _matrices(kind, spec)
    )


def _dense_bytes(kind: LayerKind, spec: ModelSpec, precision: Precision) -> float:
    """Weights of a layer without routed experts, biases and norms included [B]."""
    held = sum(p.inputs * p.outputs for p in _matrices(kind, spec))
    small = kind.dense_parameters(spec.hidden_size) - held
    return _matrix_bytes(kind, spec, precision) + small * HEAD_BYTES


def _expert_bytes(kind: LayerKind, spec: ModelSpec, precision: Precision, share: float) -> float:
    """Weights of a share of the routed experts of a layer [B]."""
    return share * kind.expert_parameters(spec.hidden_size) * WEIGHT_BYTES[precision.experts]
