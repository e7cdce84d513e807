"""Time of the image encoder over a batch of tiles: a transformer without a KV cache, priced by operation."""

import numpy as np

from models.cost.base import Array, Operation
from models.vision_encoder import VisionEncoder
from planner.setting import Setting

ELEMENT_BYTES = 2.0
"""The encoder runs in bf16 whatever the format of the language model."""
NORM_PASSES, ACTIVATION_PASSES = 8.0, 2.0
"""Times a layer moves its hidden state in norms and residuals, and its inner state in the activation."""
RESAMPLER_SQUARES, QUERY_SQUARES = 2.0, 3.0
"""Matrices of the language model's width that every patch passes in the resampler (keys, values), and every
query (queries, attention output, output map)."""


def encode_s(setting: Setting, tiles: Array) -> Array:
    """Time one device takes for a batch of so many tiles [s]; elementwise, 0 without tiles."""
    assert setting.images is not None
    encoder = setting.images.encoder
    overheads = setting.cost.overheads(setting.site.device)
    layer = _layer(encoder, tiles)
    ends = _resampler(encoder, setting.spec.hidden_size, tiles)
    seconds = encoder.layers * _seconds(setting, layer) + _seconds(setting, ends)
    # no CUDA graph is replayed for tiles, as for prompts
    kernels = encoder.layers * len(layer) + len(ends)
    total: Array = overheads.step_frac * (seconds + kernels * overheads.eager_kernel_s)
    return np.where(tiles > 0, total, 0.0)


def _seconds(setting: Setting, operations: list[Operation]) -> Array:
    total: Array = np.sum([setting.cost.seconds(setting.site.device, o) for o in operations], axis=0)
    return total


def _layer(encoder: VisionEncoder, tiles: Array) -> list[Operation]:
    """Projections in and out of attention, attention over the patches of each tile, two matrices, norms."""
    h, inner, n = float(encoder.hidden_size), float(encoder.intermediate_size), float(encoder.tile_patches)
    rows = tiles * n
    attention = Operation(
        kind="attention_prefill", format="bf16", flop=4.0 * tiles * n * n * h,
        bytes=4.0 * rows * h * ELEMENT_BYTES, rows=rows,
    )  # fmt: skip
    moved = rows * (NORM_PASSES * h + ACTIVATION_PASSES * inner) * ELEMENT_BYTES
    elementwise = Operation(kind="vector", format="bf16", flop=moved * 0.0, bytes=moved, rows=rows)
    return [
        _matrix(rows, h, 3.0 * h), attention, _matrix(rows, h, h), _matrix(rows, h, inner),
        _matrix(rows, inner, h), elementwise,
    ]  # fmt: skip


def _resampler(encoder: VisionEncoder, hidden: int, tiles: Array) -> list[Operation]:
    """Patches to the width of the language model, and a few queries that attend over them."""
    h, wide = float(encoder.hidden_size), float(hidden)
    rows, queries = tiles * encoder.tile_patches, tiles * encoder.tile_tokens
    return [
        _matrix(rows, h, wide),
        _matrix(rows, wide, RESAMPLER_SQUARES * wide),
        _matrix(queries, wide, QUERY_SQUARES * wide),
    ]


def _matrix(rows: Array, inputs: float, outputs: float) -> Operation:
    return Operation(
        kind="gemm", format="bf16", flop=2.0 * rows * inputs * outputs,
        bytes=(inputs * outputs + rows * (inputs + outputs)) * ELEMENT_BYTES, rows=rows,
    )  # fmt: skip
