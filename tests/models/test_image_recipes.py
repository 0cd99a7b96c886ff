"""Pictures are prepared as transformers does it: the same bytes before they are normalised, the same floats after.

The oracle is the `…Pil` processor of each class, and `load_image` for what is in a file.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest
import transformers
from PIL import Image
from transformers.image_utils import load_image

from batcher.models.images.recipe import CLASSES, Recipe, read_recipe
from server.codecs.images.reading import read_picture, silence_pillow
from server.codecs.images.steps import Steps
from server.codecs.work import MAX_PIXELS
from tests.unit.server.codecs.images.pictures import file_of, noise

EDGES = [(1, 1), (1, 9), (9, 1), (223, 224), (225, 223), (256, 256), (384, 385), (31, 300)]
SMALL = {"crop_size": {"height": 33, "width": 40}, "do_center_crop": True}
# The classes' own settings are one configuration each; these are what else a file may say.
FURTHER = [
    ("ViTImageProcessor", {"size": [40, 50], "resample": 0}),
    ("ViTImageProcessor", {"size": 50, "resample": 1}),
    ("ViTImageProcessor", {"size": 50, "resample": 4, **SMALL}),
    ("ViTImageProcessor", {"size": 50, "resample": 5, "image_mean": 0.4, "image_std": [0.3, 0.2, 0.1]}),
    ("ViTImageProcessor", {"do_resize": False, **SMALL}),
    ("ViTImageProcessor", {"size": 20, "do_rescale": False}),
    ("ViTImageProcessor", {"size": 20, "do_normalize": False, "rescale_factor": 1 / 127.5}),
    ("CLIPImageProcessor", {"size": 40, "crop_size": 64}),
    ("CLIPImageProcessor", {"size": {"shortest_edge": 40, "longest_edge": 60}, **SMALL}),
    ("CLIPImageProcessor", {"size": {"max_height": 60, "max_width": 350}, **SMALL}),
    ("ConvNextImageProcessor", {"size": {"shortest_edge": 64}}),
    ("ConvNextImageProcessor", {"size": 64, "crop_pct": 0.95, **SMALL}),
]
CONFIGS = [*((name, {}) for name in CLASSES), *FURTHER]
IDS = [f"{name.removesuffix('ImageProcessor')} {number}" for number, (name, _) in enumerate(CONFIGS)]


def sizes(count: int) -> Iterator[tuple[int, int]]:
    """Of width and height: awkward ones, then any up to four times as long as short, small more often than large."""
    random = Random(11)
    yield from EDGES
    for _ in range(count - len(EDGES)):
        width = 2 ** random.uniform(3, 8.5)
        yield int(width), int(width * 2 ** random.uniform(-2, 2))


def oracle(name: str, config: dict[str, Any]) -> Any:
    return getattr(transformers, f"{name}Pil")(**config)


def recipe_for(name: str, config: dict[str, Any]) -> Recipe:
    return read_recipe({"image_processor_type": name, **config})


def prepared(steps: Steps, picture: Image.Image) -> np.ndarray:
    return np.frombuffer(steps.apply(picture, MAX_PIXELS), np.uint8).reshape(steps.height, steps.width, 3)


@pytest.mark.parametrize(("name", "config"), CONFIGS, ids=IDS)
def test_two_hundred_sizes_become_the_same_pixels(name: str, config: dict[str, Any]) -> None:
    processor, steps = oracle(name, config), Steps(recipe_for(name, config).for_card())

    for width, height in sizes(200):
        picture = noise(width, height)
        (expected,) = processor(picture, do_rescale=False, do_normalize=False)["pixel_values"]

        assert expected.dtype == np.uint8
        assert np.array_equal(prepared(steps, picture), expected.transpose(1, 2, 0)), (width, height)


@pytest.mark.parametrize(("name", "config"), CONFIGS, ids=IDS)
def test_every_value_becomes_the_same_float(name: str, config: dict[str, Any]) -> None:
    processor, recipe = oracle(name, config), recipe_for(name, config)
    table, steps = np.array(recipe.table(), np.float32), Steps(recipe.for_card())

    for width, height in sizes(len(EDGES) + 4):
        picture = noise(width, height)
        (expected,) = processor(picture)["pixel_values"]
        found = table[prepared(steps, picture), np.arange(3)].transpose(2, 0, 1)

        assert np.array_equal(found, expected.astype(np.float32)), (width, height)


@pytest.mark.parametrize("name", CLASSES)
def test_all_values_become_the_same_floats(name: str) -> None:
    every = Image.frombytes("RGB", (16, 16), bytes(value for value in range(256) for _ in range(3)))
    (expected,) = oracle(name, {})(every, do_resize=False, do_center_crop=False)["pixel_values"]

    found = np.array(recipe_for(name, {}).table(), np.float32)

    assert found.tobytes() == np.ascontiguousarray(expected.reshape(3, 256).T).tobytes()


@pytest.fixture(autouse=True)
def _silent() -> None:
    silence_pillow()


def with_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def a_palette(**info: Any) -> bytes:
    image = noise(20, 30).quantize(17)
    return file_of(image, **info)


FILES = {
    **{
        f"{format} of orientation {orientation}": file_of(noise(31, 20), format, exif=with_orientation(orientation))
        for format in ("JPEG", "PNG", "WEBP")
        for orientation in range(10)
    },
    "grey JPEG": file_of(noise(20, 30, "L"), "JPEG"),
    "CMYK JPEG": file_of(noise(20, 30, "CMYK"), "JPEG"),
    "progressive JPEG": file_of(noise(20, 30), "JPEG", progressive=True),
    "palette": a_palette(),
    "palette with one transparent colour": a_palette(transparency=3),
    "palette with several transparent colours": a_palette(transparency=bytes(range(0, 170, 10))),
    "transparent colour": file_of(noise(20, 30), transparency=(1, 2, 3)),
    "transparent grey": file_of(noise(20, 30, "L"), transparency=7),
    "alpha": file_of(noise(20, 30, "RGBA")),
    "grey and alpha": file_of(noise(20, 30, "LA")),
    "black and white": file_of(noise(20, 30, "L").convert("1")),
    "lossless WebP with alpha": file_of(noise(20, 30, "RGBA"), "WEBP", lossless=True),
    "animated WebP": file_of(noise(20, 30), "WEBP", save_all=True, append_images=[noise(20, 30, seed=1)]),
    "animated PNG": file_of(noise(20, 30), save_all=True, append_images=[noise(20, 30, seed=1)]),
    "animated GIF": file_of(noise(20, 30), "GIF", save_all=True, append_images=[noise(20, 30, seed=1)]),
    "grey GIF": file_of(noise(20, 30, "L"), "GIF"),
    "BMP": file_of(noise(20, 30), "BMP"),
    "black and white BMP": file_of(noise(20, 30, "L").convert("1"), "BMP"),
    "BMP with a palette": file_of(noise(20, 30).quantize(9), "BMP"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_as_load_image_reads_it(name: str) -> None:
    expected = load_image(b64encode(FILES[name]).decode())

    found = read_picture(FILES[name], MAX_PIXELS)

    assert (found.mode, found.size) == ("RGB", expected.size)
    assert found.tobytes() == expected.tobytes()
