"""Images of a deployment's requests, as the replicas of one role see them."""

from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np

from models.architecture import ModelSpec
from models.cost.base import Array
from models.errors import InvalidInput
from models.vision_encoder import VisionEncoder
from models.workload import Workload
from planner.queueing import Statistic

ROUNDING = 1e-12
"""Relative slack before a quotient is rounded up, so that 3.0000000000001 tiles stay 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageWork:
    """Tiles a request brings, and what a replica does with them.

    Attributes
    ----------
    encoder : VisionEncoder
        The model's image encoder.
    few_tiles, most_tiles : float
        Tiles of a request with the whole number of images below the mean, and above it.
    most_frac : float
        Share of the requests that have the larger number.
    encodes : bool
        The replica holds the encoder and runs it before the prompt.
    caches : bool
        The replica keeps encoder output: all roles but decode.
    pool_frac : float
        Share of the limit on the first token that a separate encode pool takes; 0 without one.
    """

    encoder: VisionEncoder
    few_tiles: float
    most_tiles: float
    most_frac: float
    encodes: bool = True
    caches: bool = True
    pool_frac: float = 0.0

    @property
    def few_and_most(self) -> tuple[float, float]:
        """Tiles of requests with few and with most images."""
        return self.few_tiles, self.most_tiles

    @property
    def tiles(self) -> float:
        """Tiles of a request, on average."""
        return self.few_tiles + self.most_frac * (self.most_tiles - self.few_tiles)

    @property
    def tiles_cv(self) -> float:
        """Coefficient of variation of the tiles of a request."""
        spread: float = (self.most_frac * (1.0 - self.most_frac)) ** 0.5
        return spread * (self.most_tiles - self.few_tiles) / self.tiles

    @property
    def tokens(self) -> float:
        """Tokens a request's images add to its prompt, on average."""
        return self.tiles * self.encoder.tile_tokens

    def tokens_at(self, percentile: float) -> float:
        """The same at a percentile over requests."""
        many = percentile > 1.0 - self.most_frac
        return (self.most_tiles if many else self.few_tiles) * self.encoder.tile_tokens

    def mean_of(self, few: Array, most: Array) -> Array:
        """Mean over requests of what those with few and those with most images take."""
        mean: Array = (1.0 - self.most_frac) * few + self.most_frac * most
        return mean

    def at(self, statistic: Statistic, few: Array, most: Array) -> Array:
        """The same as mean or percentile over requests."""
        if isinstance(statistic, str):
            return self.mean_of(few, most)
        return most if statistic > 1.0 - self.most_frac else few

    def behind_pool(self, pool_frac: float) -> "ImageWork":
        """The same work where an encode pool does the encoding."""
        return replace(self, encodes=False, pool_frac=pool_frac)

    def in_pool(self, pool_frac: float) -> "ImageWork":
        """The same work on the encode pool itself."""
        return replace(self, pool_frac=pool_frac)

    def in_decode(self) -> "ImageWork":
        """What decode replicas hold of it: nothing but the cache of the language model."""
        return replace(self, encodes=False, caches=False, pool_frac=0.0)


def busiest_tiles(tiles: float | Array, ranks: Array) -> Array:
    """Tiles on the busiest of ``ranks`` devices: a tile is not cut."""
    share: Array = np.ceil(tiles / ranks * (1.0 - ROUNDING))
    return share


def images_of(workload: Workload, spec: ModelSpec, pointer: str = "") -> ImageWork | None:
    """Work that the images of a workload make; None without images.

    A request carries the whole number of images below or above the mean.

    Raises
    ------
    InvalidInput
        Images for a model whose encoder is not known.
    """
    images = workload.images
    if images is None or images.per_request == 0.0:
        return None
    encoder = spec.encoder
    if encoder is None:
        raise InvalidInput(
            f"{spec.id} has no image encoder that can be priced",
            pointer=f"{pointer}/workload/images",
            hint="Maybe a model whose preset has an encoder, such as openbmb/MiniCPM-V-2_6.",
        )
    mean, each = images.per_request, images.tiles or encoder.tiles_per_image
    return ImageWork(
        encoder=encoder,
        few_tiles=float(floor(mean) * each),
        most_tiles=float(ceil(mean) * each),
        most_frac=mean - floor(mean),
    )
