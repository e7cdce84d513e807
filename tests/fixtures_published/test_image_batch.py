"""EPD (Singh et al. 2025, arXiv 2501.05460v4): requests with images on one device of 80 GB, MiniCPM-V 2.6.

Set-up of the paper (section 4.3, appendix E and its code): A100 of 80 GB, one per cent of it for the runtime,
half precision, a multimodal cache of 3,000 tiles, the KV cache at 80 % of the free memory of a device that
also holds the language model. One constant is fitted (``SCORE_BYTES``); law against print:

* images in one request (table 2): 78 / 26 / 7 aggregated, printed 77 / 26 / 7; 481 / 161 / 48 on an encode
  device, printed 490 / 165 / 49 (2.5 %);
* requests of ten images (table 3): 7 / 2 / none and 48 / 16 / 4, printed 7 / 2 / none and 49 / 16 / 4;
* requests of one and of three images of full resolution (figure 2): 48 and 16 against 7 and 2, printed 48 and
  16 against 6 and 2; aggregated out of memory at 15;
* largest KV cache beside one request of 5 / 10 / 20 / 40 images (table 8): 87 / 74 / 49 % / none, printed
  86 / 74 / 49 % / none.
"""

from dataclasses import replace

import pytest

from models import catalog
from models.cost.image_batch import ImageDevice, aggregated_device, encode_device
from models.cost.image_tiles import image_tiles
from models.encoder_memory import embedding_bytes

SPEC = catalog.model("openbmb/MiniCPM-V-2_6")
USABLE_BYTES = 0.99 * catalog.device("a100-sxm-80").memory_bytes
SMALL, MIDDLE, FULL = (313, 234), (787, 444), (4032, 3024)


def devices(size: tuple[int, int]) -> tuple[ImageDevice, ImageDevice, int]:
    """Aggregated and encode device for images of a size, and tiles of such an image."""
    tiles, patches = image_tiles(*size)
    encoder = replace(SPEC.encoder, tile_patches=patches)
    together = aggregated_device(SPEC, encoder, USABLE_BYTES, kv_frac=0.8)
    return together, encode_device(SPEC, encoder, USABLE_BYTES), tiles


@pytest.mark.parametrize(("size", "printed"), [(SMALL, 1), (MIDDLE, 3), (FULL, 10)])
def test_tiles_of_an_image(size, printed):
    assert image_tiles(*size)[0] == printed
    assert image_tiles(*size)[1] == pytest.approx(448**2 / 14**2, rel=0.02)
    assert image_tiles(*reversed(size)) == image_tiles(*size)


@pytest.mark.parametrize(
    ("size", "aggregated", "alone"), [(SMALL, 77, 490), (MIDDLE, 26, 165), (FULL, 7, 49)]
)
def test_images_in_one_request(size, aggregated, alone):
    together, encode, tiles = devices(size)
    assert int(together.tiles / tiles) == pytest.approx(aggregated, rel=0.025)
    assert int(encode.tiles / tiles) == pytest.approx(alone, rel=0.025)


@pytest.mark.parametrize(("size", "aggregated", "alone"), [(SMALL, 7, 49), (MIDDLE, 2, 16), (FULL, 0, 4)])
def test_requests_of_ten_images(size, aggregated, alone):
    together, encode, tiles = devices(size)
    assert together.batch(10, tiles) == aggregated
    assert encode.batch(10, tiles) == pytest.approx(alone, rel=0.025)


@pytest.mark.parametrize(("images", "aggregated", "alone"), [(1, 6, 48), (3, 2, 16)])
def test_batch_without_the_language_model_is_at_least_six_times_as_large(images, aggregated, alone):
    together, encode, tiles = devices(FULL)
    assert encode.batch(images, tiles) == alone
    assert 0 <= together.batch(images, tiles) - aggregated <= 1
    assert encode.batch(images, tiles) / together.batch(images, tiles) >= 6.0


def test_aggregated_runs_out_of_memory_at_15_images():
    together, encode, tiles = devices(FULL)
    fits = [images for images in range(1, 31) if together.batch(images, tiles) > 0]
    assert fits == list(range(1, 8))
    assert together.batch(15, tiles) == 0
    assert encode.batch(15, tiles) == 3


@pytest.mark.parametrize(("images", "printed"), [(5, 0.86), (10, 0.74), (20, 0.49), (40, None)])
def test_largest_kv_cache(images, printed):
    together, _, tiles = devices(FULL)
    share = together.largest_kv_frac(images, tiles)
    if printed is None:
        assert share < 0.0
        return
    assert share == pytest.approx(printed, abs=0.015)
    assert replace(together, kv_frac=share - 1e-9).batch(images, tiles) == 1
    assert replace(together, kv_frac=share + 1e-3).batch(images, tiles) == 0


def test_weights_an_encode_device_does_not_hold():
    """Printed: about 95 % of the weights."""
    together, encode, _ = devices(FULL)
    saved = together.language_bytes / (together.language_bytes + together.encoder_bytes)
    assert saved == pytest.approx(0.95, abs=0.015)
    assert encode.language_bytes == 0.0


def test_embeddings_of_an_image():
    """Ten tiles of 64 tokens of width 3,584 in two bytes."""
    assert embedding_bytes(SPEC.encoder, SPEC.hidden_size, 10) == 10 * 64 * 3584 * 2
