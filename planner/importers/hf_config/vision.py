"""The image encoder that multimodal checkpoints load beside the language model: its weights, its shape."""

from models.vision_encoder import VisionEncoder
from planner.importers.hf_config.fields import Fields

_DEPTH = ("depth", "num_hidden_layers", "vt_num_hidden_layers")
_WIDTH = ("vt_hidden_size", "hidden_size")
_INNER = ("vt_intermediate_size", "intermediate_size")
_GATED = {"gemma4_vision"}
_CHANNELS = 3
_TILE_PX = 448
"""Side of a tile where the file does not say it (``scale_resolution`` of MiniCPM-V)."""


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
    if c.has("query_num"):
        projector = _resampler(c.count("query_num", most=10_000), width, hidden)
        positions = positions or (v.count("image_size", default=0, least=0, most=100_000) // patch) ** 2
    return (
        depth * (attention + matrices * width * inner)
        + width * (_CHANNELS * frames * patch * patch + positions)
        + projector
    )


def _merge(v: Fields) -> int:
    """Patches joined by a merge kernel such as ``[2, 2]``."""
    kernel = v.counts("merge_kernel_size", 2, least=1, most=1000)
    return 1 if kernel is None else kernel[0] * kernel[1]


def _resampler(queries: int, width: int, hidden: int) -> int:
    """Cross-attention of learned queries: queries, input map, attention, output map, three norms."""
    return queries * hidden + width * hidden + 5 * hidden * hidden + 10 * hidden


def vision_encoder(c: Fields) -> VisionEncoder | None:
    """Shape of an encoder over tiles of fixed size with a resampler; None for all others.

    Encoders of variable resolution (tokens that grow with the image) are not read: their work per image is
    no constant of the model.
    """
    v = c.inner("vision_config")
    if v is None or not c.has("query_num") or not v.has(*_DEPTH):
        return None
    slices = c.inner("slice_config")
    patch = v.count("patch_size", default=14, most=10_000)
    side = _TILE_PX if slices is None else slices.count("scale_resolution", default=_TILE_PX, most=100_000)
    most = 1 if slices is None else slices.count("max_slice_nums", default=1, most=1000)
    return VisionEncoder(
        layers=v.count(*_DEPTH, most=1000),
        hidden_size=v.count(*_WIDTH, most=100_000),
        heads=v.count("num_attention_heads", most=10_000),
        intermediate_size=v.count(*_INNER),
        tile_patches=max(side // patch, 1) ** 2,
        tile_tokens=c.count("query_num", most=10_000),
        # a cut image keeps a thumbnail of the whole
        tiles_per_image=most + (most > 1),
    )
