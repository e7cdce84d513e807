"""Weights of the image encoder that multimodal checkpoints load beside the language model."""

from planner.importers.hf_config.fields import Fields

_DEPTH = ("depth", "num_hidden_layers", "vt_num_hidden_layers")
_WIDTH = ("vt_hidden_size", "hidden_size")
_INNER = ("vt_intermediate_size", "intermediate_size")
_GATED = {"gemma4_vision"}
_CHANNELS = 3


def vision_parameters(c: Fields, hidden: int) -> int:
    """Parameters of encoder and projector, to within a few per cent.

    Attention (four matrices, of another width where ``qkv_hidden_size`` says so) and FFN of every layer,
    patch embedding, position table, and a projector that merges patches into the width ``hidden``.
    Zero where the file does not describe an encoder.
    """
    v = c.inner("vision_config")
    if v is None or not v.has(*_DEPTH) or not v.has(*_WIDTH):
        return 0
    depth, width = v.count(*_DEPTH, most=1000), v.count(*_WIDTH, most=100_000)
    inner = v.count(*_INNER, default=4 * width)
    attention = 4 * width * v.count("qkv_hidden_size", default=width)
    matrices = 3 if v.text("model_type") in _GATED else 2
    patch = v.count("patch_size", default=14, most=10_000)
    frames = v.count("temporal_patch_size", default=1, most=1000)
    merged = width * v.count("spatial_merge_size", default=1, most=1000) ** 2 * _merge(v)
    projector = hidden * merged + (merged * merged if merged > width else 0)
    positions = v.count("num_position_embeddings", "position_embedding_size", default=0)
    return (
        depth * (attention + matrices * width * inner)
        + width * (_CHANNELS * frames * patch * patch + positions)
        + projector
    )


def _merge(v: Fields) -> int:
    """Patches joined by a merge kernel such as ``[2, 2]``."""
    kernel = v.counts("merge_kernel_size", 2, least=1, most=1000)
    return 1 if kernel is None else kernel[0] * kernel[1]
