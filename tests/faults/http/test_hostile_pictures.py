"""Small files of as many pixels as there may be, many at a time: memory stays within its bound, small calls quick."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest

from tests.faults.http.test_large_bodies import MIB, QUICK, SMALL, forget_the_peak, in_status, meanwhile
from tests.integration.stack import Stack, stack
from tests.waiting import until

Image = pytest.importorskip("PIL.Image")
PATH = "/image-classification"
SIDE = 5000  # of a square of --max-pixels
AT_ONCE = 8
THREADS = 2  # that decode
GROWTH = THREADS * 16 * SIDE * SIDE + 100 * MIB  # docs/images.md: sixteen bytes a pixel, in two threads
KEPT = 60 * MIB  # afterwards
TURNED = Image.Exif()
TURNED[0x0112] = 6  # on its side


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with stack(models=["image-classification:demo/image_classification", "synthetic:1ms+0.1ms"]) as made:
        assert made.post("/models/synthetic", SMALL).status == 200
        assert made.post(PATH, file_of("RGB", "PNG", 10), {"Content-Type": "image/png"}).status == 200
        yield made


def file_of(mode: str, kind: str, side: int = SIDE, **how: Any) -> bytes:
    written = BytesIO()
    Image.new(mode, (side, side)).save(written, kind, **how)
    return written.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind", "how"),
    [
        pytest.param("RGBA", "WEBP", {}, id="the format that takes most"),
        pytest.param("RGBA", "PNG", {"exif": TURNED}, id="transparent, and on its side"),
    ],
)
def test_many_pixels_in_small_files_harm_nobody(system: Stack, mode: str, kind: str, how: dict[str, Any]) -> None:
    (front_end,) = system.front_ends
    hostile = file_of(mode, kind, **how)
    before = in_status(front_end, "VmRSS")
    forget_the_peak(front_end)

    with ThreadPoolExecutor(AT_ONCE) as clients:
        asked = [clients.submit(front_end.post, PATH, hostile, {"Content-Type": "image/png"}) for _ in range(AT_ONCE)]
        slowest = meanwhile(system, asked)

    assert len(hostile) < 200_000
    assert {one.result().status for one in asked} == {200}
    assert slowest < QUICK
    assert in_status(front_end, "VmHWM") - before < GROWTH
    until(lambda: in_status(front_end, "VmRSS") - before < KEPT, "memory is given back", within=10.0)


def test_a_request_of_many_pixels_ends_at_its_deadline(system: Stack) -> None:
    hostile = base64.b64encode(file_of("L", "PNG")).decode()
    records = [{"id": number, "image": hostile} for number in range(64)]

    headers = {"X-Request-Timeout": "2", "Cache-Control": "no-store"}
    reply = system.post(PATH, {"payload": {"records": records}}, headers)

    assert (reply.status, reply.json()["code"]) == (504, "expired")
    assert system.post(PATH, file_of("RGB", "PNG", 10), {"Content-Type": "image/png"}).status == 200
