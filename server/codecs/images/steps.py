"""A recipe's steps, done as the processors of transformers do them with Pillow: the same pixels, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image

from server.codecs.errors import CodecError

ROOM = 16  # a picture on its way may have so many times the pixels that it ends with, however few may come in

Size = tuple[int, int]  # height, width


class Steps:
    """What `options["image"]` of a card says. Raises `ValueError` for what this front end cannot do."""

    def __init__(self, recipe: Mapping[str, Any]) -> None:
        self.height, self.width = int(recipe["height"]), int(recipe["width"])
        self._steps = [(str(name), list(map(int, numbers))) for name, *numbers in recipe["steps"]]
        for name, numbers in self._steps:
            if len(numbers) != NUMBERS.get(name):  # of a batcher that is newer, perhaps
                raise ValueError(f"this front end knows no step {name!r} of {len(numbers)} numbers for a picture")
            if name != "crop":
                Image.Resampling(numbers[-1])

    def apply(self, image: Image.Image, max_pixels: int) -> bytes:
        """The pixels, row by row, three bytes each. Raises `CodecError` for a picture so thin that it would have too
        many pixels on the way."""
        most = max(max_pixels, ROOM * self.height * self.width)
        for name, numbers in self._steps:
            image = _cropped(image, *numbers) if name == "crop" else _resized(image, name, numbers, most)
        if image.size != (self.width, self.height):
            raise ValueError(f"the recipe ends with {image.size}, not with the size it names")
        return image.tobytes()


def _resized(image: Image.Image, name: str, numbers: Sequence[int], most: int) -> Image.Image:
    *sides, resample = numbers
    height, width = SIZES[name]((image.height, image.width), *sides)
    if not 0 < height * width <= most:
        thin = f"picture of {image.width} × {image.height} pixels is too thin"
        raise CodecError(f"{thin}: it would be resized to {width} × {height}", code="too_large")
    return image.resize((width, height), Image.Resampling(resample))


def _cropped(image: Image.Image, height: int, width: int) -> Image.Image:
    """The middle. What a smaller picture lacks is black, and of an odd number of lines more on top and left."""
    top, left = (image.height - height) // 2, (image.width - width) // 2
    return image.crop((left, top, left + width, top + height))


def _all(size: Size, height: int, width: int) -> Size:
    return height, width


def _shortest(size: Size, side: int) -> Size:
    height, width = size
    return (int(side * height / width), side) if width <= height else (side, int(side * width / height))


def _between(size: Size, shortest: int, longest: int) -> Size:
    """The shorter side becomes `shortest`, or less where the longer would be above `longest`."""
    short, long = float(min(size)), float(max(size))
    exact: float = shortest
    if long / short * shortest > longest:
        exact = longest * short / long
        shortest = round(exact)
    height, width = size
    if min(size) == shortest:
        return size
    return (int(exact * height / width), shortest) if width < height else (shortest, int(exact * width / height))


def _within(size: Size, max_height: int, max_width: int) -> Size:
    scale = min(max_height / size[0], max_width / size[1])
    return int(size[0] * scale), int(size[1] * scale)


SIZES: Mapping[str, Callable[..., Size]] = {
    "resize": _all,
    "resize_shortest": _shortest,
    "resize_between": _between,
    "resize_within": _within,
}
NUMBERS = {"resize": 3, "resize_shortest": 2, "resize_between": 3, "resize_within": 3, "crop": 2}
