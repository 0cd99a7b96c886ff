"""Small pictures, and the bytes of their files."""

from __future__ import annotations

from io import BytesIO
from random import Random
from typing import Any

from PIL import Image


def noise(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Any two pixels differ, so that one out of its place shows."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(mode, (width, height), Random(f"{seed} {width} {height}").randbytes(width * height * bands))


def smooth(width: int, height: int) -> Image.Image:
    """Few bytes in a file."""
    return Image.linear_gradient("L").resize((width, height)).convert("RGB")


def file_of(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()
