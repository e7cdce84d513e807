"""What a layout leaves for the KV cache on its tightest rank, under the engine's own memory rule."""

from dataclasses import dataclass, fields, replace

import numpy as np

from models.cost.base import Array
from models.encoder_memory import multimodal_cache_bytes, tile_activation_bytes
from models.memory import activation_bytes, layer_weight_bytes, sequence_bytes
from models.precision import WEIGHT_BYTES
from planner.image_work import busiest_tiles
from planner.step import StepModel


@dataclass(frozen=True, kw_only=True)
class MemoryFit:
    """Device memory of the tightest rank of every candidate [B]; arrays over candidates.

    Attributes
    ----------
    kv_pool : Array
        Room for the KV cache; negative when not even the weights fit.
    kv_per_sequence : Array
        Cache and state one sequence of the reference length takes on that rank.
    tokens_per_pool : Array
        The pool in tokens of the reference length.
    """

    weights: Array
    activations: Array
    engine: Array
    kv_pool: Array
    kv_per_sequence: Array
    tokens_per_pool: Array
    capacity: float

    def take(self, rows: Array) -> "MemoryFit":
        """The chosen candidates."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "capacity"}
        return replace(self, **arrays)

    @property
    def sequences(self) -> Array:
        """Sequences of the reference length that fit at once, per attention-dp rank."""
        room: Array = np.maximum(self.kv_pool, 0.0) / np.maximum(self.kv_per_sequence, 1.0)
        return room


def fit(
    model: StepModel, reference_tokens: Array | float, max_num_seqs: Array, batched_tokens: Array
) -> MemoryFit:
    """Memory of every candidate with caches of ``reference_tokens`` per sequence."""
    setting, layouts = model.setting, model.layouts
    spec, precision = setting.spec, setting.precision
    degrees = layouts.degrees()
    per_kind = np.stack([layer_weight_bytes(k, spec, precision, setting.engine, degrees) for k in spec.kinds])
    cache = np.stack(
        [
            np.zeros(len(layouts))
            if k.mixer is None
            else sequence_bytes(k.mixer.core(), precision.cache, reference_tokens, degrees)
            + np.zeros(len(layouts))
            for k in spec.kinds
        ]
    )
    activations = peak_activations(model, max_num_seqs, batched_tokens)
    table = spec.embedding_parameters * WEIGHT_BYTES["bf16"] / layouts.tp
    vision = _encoder_bytes(model)
    weights, per_sequence = np.zeros(len(layouts)), np.zeros(len(layouts))
    for rows, counts in model.stages:
        held = np.tensordot(counts, per_kind[:, rows], 1)
        held[0] += table[rows] + vision[rows]
        if not spec.tied_embeddings or len(held) > 1:  # tied tables are copied across stages
            held[-1] += table[rows]
        kept = np.tensordot(counts, cache[:, rows], 1)
        pool = pool_bytes(model, held, activations[rows], layouts.devices[rows])
        tightest = np.argmin(pool / np.maximum(kept, 1.0), axis=0)
        # where not even the weights fit, the heaviest stage is the one to show
        tightest = np.where((pool < 0).any(axis=0), np.argmax(held, axis=0), tightest)
        pick = (tightest, np.arange(held.shape[1]))
        weights[rows], per_sequence[rows] = held[pick], kept[pick]
    pool = pool_bytes(model, weights, activations, layouts.devices)
    return MemoryFit(
        weights=weights,
        activations=activations,
        engine=engine_bytes(model, layouts.devices),
        kv_pool=pool,
        kv_per_sequence=per_sequence,
        tokens_per_pool=np.maximum(pool, 0.0) / np.maximum(per_sequence, 1.0) * reference_tokens,
        capacity=setting.site.device.memory_bytes,
    )


def kv_pool_bytes(model: StepModel, weights: Array, seats: Array, batched_tokens: Array) -> Array:
    """Room for the cache on a rank that holds ``weights`` and serves ``seats`` sequences [B]."""
    return kv_pool_beside(model, weights, peak_activations(model, seats, batched_tokens))


def kv_pool_beside(model: StepModel, weights: Array, activations: Array) -> Array:
    """Room for the cache on a rank beside weights and activations [B]."""
    return pool_bytes(model, weights, activations, model.layouts.devices)


def peak_activations(model: StepModel, seats: Array, batched_tokens: Array) -> Array:
    """Peak of a rank [B]: that of the language model, or of the tiles of one largest request before it.

    The ranks of a tensor-parallel group share the tiles of a request.
    """
    images, tp = model.setting.images, model.layouts.tp
    peak = activation_bytes(model.setting.spec, tp, seats, batched_tokens)
    if images is None or not images.encodes:
        return peak
    tiles = busiest_tiles(images.most_tiles, tp)
    return np.maximum(peak, tiles * tile_activation_bytes(images.encoder))


def _encoder_bytes(model: StepModel) -> Array:
    """Encoder weights on a rank of the first stage [B].

    Text alone leaves the encoder cut by tp; where images are served every rank holds it whole, and none
    does behind an encode pool.
    """
    images, tp = model.setting.images, model.layouts.tp
    whole = model.setting.spec.vision_parameters * WEIGHT_BYTES["bf16"]
    if images is None:
        cut: Array = whole / tp
        return cut
    return np.full(tp.shape, whole if images.encodes else 0.0)


def engine_bytes(model: StepModel, devices: Array) -> Array:
    """Context, communication buffers, CUDA graphs, multimodal cache [B]."""
    engine, images = model.setting.engine, model.setting.images
    total: Array = (
        engine.context_bytes + engine.graph_bytes + np.where(devices > 1, engine.collective_bytes, 0.0)
    )
    if images is not None and images.caches:
        total = total + multimodal_cache_bytes(images.encoder, model.setting.spec.hidden_size)
    return total


def pool_bytes(model: StepModel, weights: Array, activations: Array, devices: Array) -> Array:
    """Room for the cache by the engine's rule: of the whole device, of a static part, or of what is free."""
    engine, device = model.setting.engine, model.setting.site.device
    memory = device.memory_bytes
    reserve = engine_bytes(model, devices)
    if engine.memory_rule == "total":
        # CUDA graphs lie outside the fraction, but never outside the device
        budget = np.minimum(engine.memory_frac * memory - (reserve - engine.graph_bytes), memory - reserve)
        return budget - weights - activations
    if engine.memory_rule == "static":
        frac = np.array([engine.static_frac(device, int(n)) for n in np.atleast_1d(devices)])
        return np.minimum(frac * memory - weights, memory - reserve - activations - weights)
    left: Array = memory - reserve - activations - weights
    return np.where(left > 0, engine.memory_frac * left, left)
