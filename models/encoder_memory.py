"""Device memory that images take: activations of the encoder, and the cache of its output.

After EPD (Singh et al. 2025, arXiv 2501.05460): an encode device holds the encoder, the multimodal cache and
the activations of the tiles in flight; a prefill device holds the language model, the multimodal cache and
the KV cache; a decode device the language model and the KV cache; an aggregated device all of them.
"""

from models.vision_encoder import VisionEncoder

SCORE_BYTES = 10.0
"""Activations of a tile in flight, per attention score of one layer [B].

Fitted, one constant for all rows: eager attention keeps scores, masked scores and probabilities in half
precision and the softmax in single precision (2 + 2 + 2 + 4); what else a tile holds is left out. Over the
tile counts of EPD's tables 2 and 3 for MiniCPM-V 2.6 the residual is below 3.5 %. An engine with fused
attention needs less, so this is an upper estimate.
"""
CACHE_TILES = 3000
"""Tiles of encoder output that a device keeps room for (kind datasheet: EPD's multimodal cache)."""
ACTIVATION_BYTES = 2.0


def tile_activation_bytes(encoder: VisionEncoder) -> float:
    """Activations of one tile while it is encoded [B]."""
    return SCORE_BYTES * encoder.heads * float(encoder.tile_patches) ** 2


def embedding_bytes(encoder: VisionEncoder, hidden: int, tiles: float) -> float:
    """Output of the encoder for so many tiles, as the language model of width ``hidden`` takes it [B]."""
    return tiles * encoder.tile_tokens * hidden * ACTIVATION_BYTES


def multimodal_cache_bytes(encoder: VisionEncoder, hidden: int) -> float:
    """Room a device keeps for encoder output that waits for its prompt [B]."""
    return embedding_bytes(encoder, hidden, CACHE_TILES)
