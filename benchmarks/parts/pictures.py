"""What a front end spends on one picture before it queues: decoding, and the steps of a recipe, on one core.

    python -m benchmarks pictures [--rounds 7] [--side 224] [--format JPEG]

Pictures of 12, 1.2 and 0.3 megapixels (clouds with a grain) become squares as CLIP's processor makes them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from io import BytesIO

from PIL import Image

from benchmarks.lib.arguments import above, parser
from benchmarks.lib.markdown import table
from server.codecs.images.reading import FORMATS, read_picture
from server.codecs.images.steps import Steps
from server.codecs.work import MAX_PIXELS

SIZES = ((4000, 3000), (1280, 960), (640, 480))
BICUBIC = 3


def main(arguments: Sequence[str]) -> int:
    """Prints a table, in milliseconds of CPU time: the median of the rounds."""
    command = parser("pictures", __doc__)
    command.add_argument("--rounds", type=above(0), default=7, help="times each [%(default)s]")
    command.add_argument("--side", type=above(0), default=224, help="pixels of the square [%(default)s]")
    command.add_argument("--format", choices=FORMATS, default="JPEG", help="of the files [%(default)s]")
    asked = command.parse_args(arguments)
    steps = [["resize_shortest", asked.side, BICUBIC], ["crop", asked.side, asked.side]]
    recipe = Steps({"height": asked.side, "width": asked.side, "steps": steps})
    rows = [_row(_file(width, height, asked.format), recipe, asked.rounds) for width, height in SIZES]
    print("\n".join(table(f"{asked.format}|file, KiB|decode, ms|resize and crop, ms", rows)))
    return 0


def _row(file: bytes, recipe: Steps, rounds: int) -> list[str]:
    times = list(_times(file, recipe, rounds))
    decoding, preparing = (statistics.median(one) * 1000 for one in zip(*times, strict=True))
    picture = read_picture(file, MAX_PIXELS)
    return [f"{picture.width} × {picture.height}", f"{len(file) >> 10}", f"{decoding:.1f}", f"{preparing:.1f}"]


def _times(file: bytes, recipe: Steps, rounds: int) -> Iterator[tuple[float, float]]:
    for _ in range(rounds):
        started = time.process_time()
        picture = read_picture(file, MAX_PIXELS)
        decoded = time.process_time()
        recipe.apply(picture, MAX_PIXELS)
        yield decoded - started, time.process_time() - decoded


def _file(width: int, height: int, format: str) -> bytes:
    """Large soft shapes with a grain: about as many bytes as a photo has."""
    clouds = [Image.effect_noise((12, 9), 90).resize((width, height), Image.Resampling.BICUBIC) for _ in range(3)]
    grain = Image.merge("RGB", [Image.effect_noise((width, height), 24) for _ in range(3)])
    file = BytesIO()
    options = {"quality": 90} if format in ("JPEG", "WEBP") else {}
    Image.blend(Image.merge("RGB", clouds), grain, 0.2).save(file, format, **options)
    return file.getvalue()
