"""The image encoder of a multimodal model: a transformer over tiles, without a KV cache."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionEncoder:
    """Encoder that cuts an image into tiles and hands a few tokens of each to the language model.

    Attributes
    ----------
    layers, hidden_size, heads, intermediate_size : int
        The transformer; its feed-forward blocks have two matrices.
    tile_patches : int
        Patches of one tile: the sequence that the encoder attends over.
    tile_tokens : int
        Tokens the language model gets for one tile.
    tiles_per_image : int
        Tiles of an image of full resolution, its thumbnail included.
    source : str
        Where the figures come from.
    """

    layers: int
    hidden_size: int
    heads: int
    intermediate_size: int
    tile_patches: int
    tile_tokens: int
    tiles_per_image: int
    source: str = ""

    @property
    def layer_parameters(self) -> int:
        """Parameters of the matrices of one layer."""
        return 4 * self.hidden_size**2 + 2 * self.hidden_size * self.intermediate_size
