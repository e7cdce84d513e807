r"""How MiniCPM-V cuts an image into tiles (LLaVA-UHD slicing, Xu et al. 2024).

An image larger than a tile is cut into a grid of slices beside a thumbnail of the whole; the grid has about
as many slices as tiles fit into the image, and the proportions nearest to the image's. Slices and thumbnail
are scaled to the area of a tile, with sides in whole patches.
"""

from math import ceil, log, sqrt


def image_tiles(
    width_px: int, height_px: int, *, tile_px: int = 448, patch_px: int = 14, most: int = 9
) -> tuple[int, int]:
    """Tiles of an image, its thumbnail included, and patches of the largest one.

    Parameters
    ----------
    width_px, height_px : int
        Size of the image [pixels].
    tile_px, patch_px : int
        Sides of a square tile and of a patch [pixels].
    most : int
        Most slices, the thumbnail not counted.
    """
    thumbnail = _patches(width_px, height_px, tile_px, patch_px)
    wanted = min(ceil(width_px * height_px / tile_px**2), most)
    if wanted <= 1:
        return 1, thumbnail
    counts = [n for n in (wanted - 1, wanted, wanted + 1) if 1 < n <= most]
    grids = [(columns, n // columns) for n in counts for columns in range(1, n + 1) if n % columns == 0]
    columns, rows = min(grids, key=lambda g: abs(log(width_px / height_px) - log(g[0] / g[1])))
    slice_ = _patches(width_px / columns, height_px / rows, tile_px, patch_px)
    return columns * rows + 1, max(slice_, thumbnail)


def _patches(width_px: float, height_px: float, tile_px: int, patch_px: int) -> int:
    """Patches of a rectangle of these proportions and the area of a tile."""
    ratio = width_px / height_px
    height = int(tile_px / sqrt(ratio))
    return max(round(height * ratio / patch_px), 1) * max(round(height / patch_px), 1)
