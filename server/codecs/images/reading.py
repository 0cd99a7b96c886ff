"""The bytes of a picture's file as an upright RGB picture, as `transformers.image_utils.load_image` makes it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import PIL.WebPImagePlugin  # noqa: F401  (the one reader of these that Pillow does not load by itself)
from PIL import ExifTags, Image, ImageFile

from server.codecs.errors import CodecError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")  # by content, whatever a client calls it
PASSES = 16  # over as many pixels as a picture may have: each scan of a JPEG is one over its own, of some bytes only
MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")  # those that more follows
SCAN, END = 0xDA, 0xD9
IN_PYTHON = "bmp_rle"  # Pillow's one reader of these that holds up all other threads: three seconds, for eighty bytes
TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def silence_pillow() -> None:
    """Drop what Pillow warns of. It speaks of one file, to no one: what counts is whether there is a picture. The list
    of filters is the process's, so this is not for each picture: a thread would undo what another relies on."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


def read_picture(data: bytes, max_pixels: int) -> Image.Image:
    """The first frame, upright, in RGB. Alpha is dropped, and 16 bits of grey become their upper 8, as those of a
    colour do (`load_image` makes nearly all of it white).

    Raises `CodecError`: `too_large` by what the header says, before there is memory for any pixel; `invalid_input` for
    all that is no picture, of a format that is not read here, or broken off.
    """
    image = _opened(data, max_pixels)
    width, height = image.size
    if width * height > max_pixels:
        raise _too_large(max_pixels, f"{width} × {height}")
    if image.format in ("JPEG", "MPO") and _scans(data) * width * height > PASSES * max_pixels:
        raise CodecError("picture is a JPEG in more scans than are read of one of its size", code="too_large")
    if any(tile.codec_name == IN_PYTHON for tile in image.tile):
        raise CodecError("picture is a BMP with run lengths, which is not read here")
    with _told_plainly("picture is broken, or its end is missing"):
        image.load()
        turn = _turn(image)
        colours = _in_rgb(image)
        return colours if turn is None else colours.transpose(turn)


def _opened(data: bytes, max_pixels: int) -> ImageFile.ImageFile:
    """The header is read, and no pixel."""
    try:
        with _told_plainly("this is no picture that can be read: wanted is a JPEG, PNG, WebP, GIF or BMP"):
            return Image.open(BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise _too_large(max_pixels, "far more") from None


def _scans(data: bytes) -> int:
    """How often a JPEG passes over its pixels: once, or some ten times where it is progressive. A bomb of another kind
    passes thousands of times, with forty bytes for each."""
    found, at = 0, 2
    while (marker := MARKER.search(data, at)) and marker[1][0] != END:
        found += marker[1][0] == SCAN
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    return found


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How it becomes upright. Notes that cannot be read are none: the pixels count, and they have been read."""
    try:
        return TO_UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return None


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    return image if image.mode == "RGB" else image.convert("RGB")


def _too_large(max_pixels: int, has: str) -> CodecError:
    return CodecError(f"picture has {has} pixels; no more than {max_pixels} are read here", code="too_large")


@contextmanager
def _told_plainly(message: str) -> Iterator[None]:
    """Pillow raises whatever its readers come upon: OSError, SyntaxError, struct.error, KeyError, and more."""
    try:
        yield
    except (Image.DecompressionBombError, MemoryError):
        raise
    except Exception as error:
        raise CodecError(message) from error
