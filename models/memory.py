"""Device memory of a rank: weights by how they are cut, cache per token, activations, engine.

All functions take degrees as arrays over candidates and return arrays of the same shape.
"""

import numpy as np

from models.architecture import LayerKind, ModelSpec
from models.blocks.base import Core, Projection
from models.blocks.moe import MoeFfn
from models.cost.base import Array
from models.engine import Engine
from models.precision import KV_BYTES, WEIGHT_BYTES, Precision

Degrees = Array

SAMPLER_BYTES_PER_LOGIT = 38.9
"""Peak of the sampler's copies of the logits per sequence and vocabulary entry.

Fitted, one constant for all rows: activations of vLLM's memory profile divide by (1,024 sequences *
vocabulary) to 38.4-39.5 bytes for six models of 8-120 billion parameters (llm-d-planner
docs/empirical-vllm-memory-results.md); leave-one-out error below 2 %.
"""
ACTIVATION_COPIES = 4.0
"""Live copies of the widest activation of a step (kind assumed: residual, block input, output, buffer)."""


def shard_frac(projection: Projection, tp: Degrees) -> Array:
    """Share of a matrix on one rank: 1/tp, but never less than one indivisible unit."""
    if projection.split == "none":
        return np.ones(tp.shape)
    if not projection.units:
        return 1.0 / tp
    per_rank = np.ceil(projection.units / tp)
    share: Array = per_rank / projection.units
    return share


def expert_slots(ffn: MoeFfn, ep: Degrees) -> Array:
    """Experts held by one rank, redundant copies that fill up the last ranks included."""
    slots: Array = np.ceil(ffn.experts / ep)
    return slots


def padded_expert_parameters(ffn: MoeFfn, hidden: int, precision: Precision, engine: Engine) -> float:
    """Parameters of one routed expert as the engine lays it out (its width may be padded)."""
    multiple = engine.expert_width_multiple.get(precision.experts, 1)
    inner = ffn.expert_intermediate_size
    padded = -(-inner // multiple) * multiple
    return ffn.expert_parameters(hidden) * padded / inner


def layer_weight_bytes(
    kind: LayerKind, spec: ModelSpec, precision: Precision, engine: Engine, degrees: dict[str, Degrees]
) -> Array:
    """Weights of one layer of this kind on one rank [B]."""
    hidden, tp, ep = spec.hidden_size, degrees["tp"], degrees["ep"]
    total = np.zeros(tp.shape)
    for block in (kind.mixer, kind.ffn):
        if block is None:
            continue
        for matrix in block.projections(hidden):
            width = WEIGHT_BYTES[precision.weights if matrix.quantised else "bf16"]
            total += matrix.parameters * width * shard_frac(matrix, tp)
        total += block.vector_parameters(hidden) * WEIGHT_BYTES["bf16"]
    if isinstance(kind.ffn, MoeFfn):
        one = padded_expert_parameters(kind.ffn, hidden, precision, engine) * WEIGHT_BYTES[precision.experts]
        total += expert_slots(kind.ffn, ep) * one / degrees["moe_tp"]
    return total


def kv_bytes_per_token(core: Core, kv_format: str, tp: Degrees, dcp: Degrees) -> Array:
    """Cache that one more token leaves on one rank in one layer [B], windows not counted.

    KV heads spread over tp and are replicated beyond their number; decode context parallelism splits
    what is replicated along the sequence.
    """
    heads = np.ceil(core.kv_heads / np.minimum(tp, core.kv_heads))
    elements = core.kv_elements_per_token * heads / core.kv_heads + core.index_elements_per_token
    per_token: Array = elements * KV_BYTES[kv_format] / dcp
    return per_token


def sequence_bytes(core: Core, kv_format: str, tokens: float | Array, degrees: dict[str, Degrees]) -> Array:
    """Cache and state that one sequence of ``tokens`` keeps on one rank in one layer [B]."""
    kept = tokens if core.window_tokens is None else np.minimum(tokens, core.window_tokens)
    state = core.state_bytes_per_sequence * np.ceil(core.heads / degrees["tp"]) / core.heads
    held: Array = kv_bytes_per_token(core, kv_format, degrees["tp"], degrees["dcp"]) * kept + state
    return held


def activation_bytes(spec: ModelSpec, tp: Degrees, max_num_seqs: Array, batched_tokens: Array) -> Array:
    """Peak of activations on one rank: the sampler's logits, or the widest step [B]."""
    sampler = SAMPLER_BYTES_PER_LOGIT * max_num_seqs * spec.vocab_size
    widest = max((_widest(kind, spec.hidden_size) for kind in spec.kinds), default=spec.hidden_size)
    step = batched_tokens * 2.0 * (ACTIVATION_COPIES * spec.hidden_size + widest / tp)
    peak: Array = np.maximum(sampler, step)
    return peak


def _widest(kind: LayerKind, hidden: int) -> int:
    dense = [p.outputs for b in (kind.mixer, kind.ffn) if b is not None for p in b.projections(hidden)]
    routed = 3 * kind.ffn.top_k * kind.ffn.expert_intermediate_size if isinstance(kind.ffn, MoeFfn) else 0
    return max([*dense, routed])
