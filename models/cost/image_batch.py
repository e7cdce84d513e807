r"""Largest batch of image requests a device holds, with and without the language model beside the encoder.

After EPD (Singh et al. 2025). A device of memory M keeps a small share for the runtime. An encode device
gives all that encoder and multimodal cache leave to tiles in flight; an aggregated device also holds the
language model, and its KV cache takes a share :math:`f` of what is then left:

.. math:: b_E = \lfloor \frac{M - W_E - C}{n\,t\,a} \rfloor, \qquad
   b_A = \lfloor \frac{(1 - f) (M - W_E - W - C)}{n\,t\,a} \rfloor

for n images per request of t tiles with activations a. A batch below one request is out of memory.
"""

from dataclasses import dataclass
from math import floor

from models.architecture import ModelSpec
from models.encoder_memory import multimodal_cache_bytes, tile_activation_bytes
from models.precision import WEIGHT_BYTES
from models.vision_encoder import VisionEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDevice:
    """One device serving requests with images.

    Attributes
    ----------
    memory_bytes : float
        Memory of the device [B].
    encoder_bytes, language_bytes : float
        Weights of the encoder, and of the language model; 0 on an encode device [B].
    cache_bytes : float
        Multimodal cache [B].
    tile_bytes : float
        Activations of one tile in flight [B].
    kv_frac : float
        Share of the free memory that the KV cache takes.
    """

    memory_bytes: float
    encoder_bytes: float
    language_bytes: float
    cache_bytes: float
    tile_bytes: float
    kv_frac: float

    @property
    def free_bytes(self) -> float:
        """Memory beside weights and multimodal cache [B]."""
        return self.memory_bytes - self.encoder_bytes - self.language_bytes - self.cache_bytes

    @property
    def tiles(self) -> float:
        """Tiles whose activations fit at once (not rounded)."""
        return max((1.0 - self.kv_frac) * self.free_bytes, 0.0) / self.tile_bytes

    def batch(self, images: int, tiles_per_image: int) -> int:
        """Requests of so many images that fit at once; 0 is out of memory."""
        return floor(self.tiles / (images * tiles_per_image))

    def largest_kv_frac(self, images: int, tiles_per_image: int) -> float:
        """Share of the free memory left for the KV cache beside one request; below 0: out of memory."""
        return 1.0 - images * tiles_per_image * self.tile_bytes / self.free_bytes


def encode_device(spec: ModelSpec, encoder: VisionEncoder, memory_bytes: float) -> ImageDevice:
    """A device that only encodes."""
    return ImageDevice(
        memory_bytes=memory_bytes,
        encoder_bytes=spec.vision_parameters * WEIGHT_BYTES["bf16"],
        language_bytes=0.0,
        cache_bytes=multimodal_cache_bytes(encoder, spec.hidden_size),
        tile_bytes=tile_activation_bytes(encoder),
        kv_frac=0.0,
    )


def aggregated_device(
    spec: ModelSpec, encoder: VisionEncoder, memory_bytes: float, *, kv_frac: float
) -> ImageDevice:
    """A device that holds encoder and language model, with a KV cache of a share of what is free."""
    alone = encode_device(spec, encoder, memory_bytes)
    return ImageDevice(
        memory_bytes=memory_bytes,
        encoder_bytes=alone.encoder_bytes,
        language_bytes=spec.parameters() * WEIGHT_BYTES["bf16"],
        cache_bytes=alone.cache_bytes,
        tile_bytes=alone.tile_bytes,
        kv_frac=kv_frac,
    )
