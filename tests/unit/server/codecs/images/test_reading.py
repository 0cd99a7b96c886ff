"""Bytes are a picture, or a `CodecError`: no bomb is unpacked, and nothing else is raised or warned of."""

from __future__ import annotations

import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Iterator
from random import Random

import pytest
from PIL import Image

from server.codecs.errors import CodecError
from server.codecs.images.reading import read_picture, silence_pillow
from server.codecs.work import MAX_PIXELS
from server.settings import MOST_PIXELS
from tests.unit.server.codecs.images.pictures import file_of, noise, smooth


@pytest.fixture(autouse=True)
def _silent() -> None:
    silence_pillow()


def read(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    return read_picture(data, max_pixels)


def code_of(data: bytes, max_pixels: int = MAX_PIXELS) -> str:
    with pytest.raises(CodecError) as refused:
        read(data, max_pixels)
    return refused.value.code


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """`colour` as PNG numbers it: 0 grey, 2 RGB, 4 grey with alpha, 6 RGB with alpha."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def bmp(width: int, height: int, bits: int, compression: int) -> bytes:
    """Without a pixel."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 2, 0) + bytes(8)
    return b"BM" + struct.pack("<IHHI", 14 + len(header), 0, 0, 14 + len(header)) + header


def webp(width: int, height: int) -> bytes:
    """A header that promises so many pixels, and none of them."""
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    rest = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas + file_of(noise(2, 2), "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(rest)) + rest


BOMBS = {
    "PNG": png(60_000, 60_000, 8, 2, b""),
    "PNG that Pillow would only warn of": png(10_000, 10_000, 8, 2, b""),
    "BMP": bmp(60_000, 60_000, 24, 0),
    "GIF": b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + bytes(3) + b"\x2c" + bytes(4) + b"\x60\xea\x60\xea\x00\x02",
    "WebP": webp(16_000, 16_000),
    "JPEG": file_of(smooth(8, 8), "JPEG").replace(b"\x08\x00\x08\x00\x08\x03", b"\x08\xea\x60\xea\x60\x03"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_its_header_before_there_is_memory_for_it(name: str, monkeypatch) -> None:
    def no_memory(*args: object) -> None:
        raise AssertionError("memory for pixels was taken")

    monkeypatch.setattr(Image.core, "new", no_memory)
    monkeypatch.setattr(Image.core, "fill", no_memory)
    tracemalloc.start()

    code = code_of(BOMBS[name])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (code, peak < 1_000_000) == ("too_large", True)


def test_a_picture_of_just_so_many_pixels_is_read() -> None:
    data = file_of(smooth(10, 20))

    assert read(data, 200).size == (10, 20)
    assert code_of(data, 199) == "too_large"


def test_more_pixels_than_pillow_would_read_unasked_are_read_where_a_setting_allows_it(monkeypatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 150)  # it warns beyond these, and refuses beyond twice as many

    assert read(file_of(smooth(10, 20)), 200).size == (10, 20)


def again(data: bytes, times: int) -> bytes:
    """A progressive JPEG that passes over its pixels once more, and once more."""
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * times + data[-2:]


def test_pillow_reads_as_many_pixels_as_the_setting_may_ask_for() -> None:
    assert MOST_PIXELS == 2 * Image.MAX_IMAGE_PIXELS


def test_a_jpeg_that_passes_over_its_pixels_again_and_again_is_refused() -> None:
    data = file_of(smooth(10, 20), "JPEG", progressive=True)  # ten times

    assert read(again(data, 6), 200).size == (10, 20)
    assert code_of(again(data, 7), 200) == "too_large"


def test_a_small_jpeg_may_pass_over_its_pixels_more_often() -> None:
    data = file_of(smooth(10, 20), "JPEG", progressive=True)

    assert read(again(data, 300)).size == (10, 20)


@pytest.mark.parametrize("notes", [b"\xff\xda" * 100, b"\xff\xd9"], ids=["scans", "an end"])
def test_what_only_looks_like_a_scan_or_an_end_is_none(notes: bytes) -> None:
    noted = file_of(smooth(10, 20), "JPEG", comment=notes)
    scanned = file_of(smooth(10, 20), "JPEG", progressive=True, comment=notes)

    assert read(noted + b"\xff\xda" * 100, 200).size == (10, 20)
    assert code_of(again(scanned, 7), 200) == "too_large"


@pytest.mark.parametrize(
    ("value", "read_as"), [(0, 0), (255, 0), (256, 1), (32_768, 128), (65_535, 255)], ids=lambda number: f"{number}"
)
def test_sixteen_bits_of_grey_become_their_upper_eight(value: int, read_as: int) -> None:
    grey = png(1, 1, 16, 0, b"\x00" + struct.pack(">H", value))
    colour = png(1, 1, 16, 2, b"\x00" + struct.pack(">HHH", value, value, value))

    assert read(grey).getpixel((0, 0)) == (read_as,) * 3
    assert read(colour).getpixel((0, 0)) == (read_as,) * 3


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"Life is like a box of chocolates.", id="a text"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", id="PostScript"),
        pytest.param(file_of(smooth(9, 9), "TIFF"), id="a format that is not read here"),
        pytest.param(file_of(smooth(9, 9), "PPM"), id="one that Pillow loads by itself"),
        pytest.param(file_of(noise(64, 64), "JPEG")[:-1000], id="a JPEG that is broken off"),
        pytest.param(file_of(noise(64, 64))[:-1000], id="a PNG that is broken off"),
        pytest.param(file_of(noise(64, 64), "WEBP")[:-1000], id="a WebP that is broken off"),
        pytest.param(file_of(noise(64, 64), "BMP")[:-1000], id="a BMP that is broken off"),
    ],
)
def test_what_is_no_whole_picture_is_invalid_input(data: bytes) -> None:
    assert code_of(data) == "invalid_input"


@pytest.mark.parametrize(("bits", "compression"), [(8, 1), (4, 2)])
def test_a_bmp_that_would_hold_up_all_other_threads_is_refused(bits: int, compression: int) -> None:
    with pytest.raises(CodecError, match="BMP with run lengths"):
        read(bmp(5, 5, bits, compression) + bytes(2))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_notes_that_cannot_be_read_do_not_cost_a_picture(format: str) -> None:
    data = file_of(smooth(9, 9), format, exif=b"Exif\x00\x00no notes at all")

    assert read(data).size == (9, 9)


def samples() -> Iterator[bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    yield file_of(noise(9, 7), "JPEG", exif=exif)
    yield file_of(noise(9, 7), "JPEG", progressive=True)
    yield file_of(noise(9, 7).quantize(5), transparency=b"\x00\x80\xff", exif=exif)
    yield file_of(noise(5, 4), save_all=True, append_images=[noise(5, 4, seed=1)])
    yield file_of(noise(5, 4), "GIF", save_all=True, append_images=[noise(5, 4, seed=1)])
    yield file_of(noise(5, 4, "RGBA"), "WEBP", exif=exif)
    yield file_of(noise(5, 4), "BMP")
    yield file_of(noise(5, 4).quantize(4), "BMP")


def damaged(data: bytes, random: Random) -> bytes:
    """A few bytes changed, and sometimes some taken out or put in."""
    found = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(found))
        match random.randrange(4):
            case 0:
                del found[at : at + random.randint(1, 8)]
            case 1:
                found[at:at] = random.randbytes(random.randint(1, 8))
            case 2:
                found[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF))
            case _:
                found[at] ^= 1 << random.randrange(8)
    return bytes(found)


@pytest.mark.parametrize(
    "data", [*samples()], ids=["JPEG", "scans", "palette", "APNG", "GIF", "WebP", "BMP", "BMP palette"]
)
def test_every_beginning_and_every_damage_is_a_picture_or_refused(data: bytes) -> None:
    random = Random(len(data))
    cases = [data[:length] for length in range(len(data))] + [damaged(data, random) for _ in range(1500)]
    outcomes = set()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        silence_pillow()
        for case in cases:
            try:
                outcomes.add(read(case, 10_000).mode)
            except CodecError as error:
                outcomes.add(error.code)

    assert {"RGB", "invalid_input"} <= outcomes <= {"RGB", "invalid_input", "too_large"}
    assert warned == []
