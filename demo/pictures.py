"""The pictures of the image classifier: six shapes in five colours, drawn from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

SHAPES = ("circle", "cross", "ring", "square", "star", "triangle")
COLOURS = {
    "blue": (40, 90, 210),
    "green": (40, 160, 70),
    "purple": (140, 60, 170),
    "red": (214, 40, 40),
    "yellow": (235, 200, 40),
}
LABELS = tuple(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)
SIDE = 64  # pixels of the square that the model sees; radii and places count in these
CROP = 224 / 256  # of a picture's shorter side: the square that is left of it, as ImageNet's models have it
RADII = range(9, 27)
HELD_OUT_RADII = (12, 17, 22)
CELL = 4  # places are held out by squares of so many pixels
FINER = 3  # times: a shape is drawn so much larger, so that its edge is smooth

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What is drawn: the centre (x, y) and the radius in pixels of the square that the model sees."""

    label: str
    radius: int
    place: tuple[int, int]

    @property
    def is_held_out(self) -> bool:
        """Neither its size nor its place is trained, in any picture."""
        return has_held_out_radius(self) and has_held_out_place(self)

    @property
    def is_trained(self) -> bool:
        """Its size and its place may both be trained."""
        return not has_held_out_radius(self) and not has_held_out_place(self)


def has_held_out_radius(drawing: Drawing) -> bool:
    return drawing.radius in HELD_OUT_RADII


def has_held_out_place(drawing: Drawing) -> bool:
    """A fifth of the squares, spread as a knight moves."""
    x, y = drawing.place
    return (x // CELL * 2 + y // CELL) % 5 == 0


def drawings(count: int, seed: int, *, held_out: bool) -> Iterator[Drawing]:
    """So many of one side, the labels in turn."""
    chance = random.Random(seed)
    found = 0
    while found < count:
        radius = chance.choice(HELD_OUT_RADII if held_out else RADII)
        x, y = (chance.randint(radius, SIDE - radius) for _ in range(2))
        drawing = Drawing(label=LABELS[found % len(LABELS)], radius=radius, place=(x, y))
        if drawing.is_held_out if held_out else drawing.is_trained:
            found += 1
            yield drawing


def picture(drawing: Drawing, chance: random.Random) -> Image.Image:
    """RGB, of any size and form: background, exact colour, angle and noise are drawn from `chance`."""
    width, height = chance.randint(80, 240), chance.randint(80, 240)
    colour = _shade(COLOURS[drawing.label.split()[0]], chance, by=20)
    grey = chance.choice((chance.randint(0, 40), chance.randint(170, 255)))
    plain = _painted(drawing, (width, height), colour, _shade((grey,) * 3, chance, by=12), chance.uniform(0, math.tau))
    noise = Image.frombytes("RGB", plain.size, chance.randbytes(width * height * 3))
    return Image.blend(plain, noise, chance.uniform(0.0, 0.15))


def example() -> Image.Image:
    """The picture that lies in the repository: a red circle, 200 × 150."""
    drawing = Drawing(label="red circle", radius=19, place=(38, 30))
    return _painted(drawing, (200, 150), COLOURS["red"], (236, 236, 230), 0.0)


def _painted(
    drawing: Drawing, size: tuple[int, int], colour: Sequence[int], background: Sequence[int], angle: float
) -> Image.Image:
    width, height = size
    unit = min(size) * CROP / SIDE  # pixels of this picture for one that the model sees
    x, y = ((whole / 2 + (at - SIDE / 2) * unit) for whole, at in zip(size, drawing.place, strict=True))
    mask = Image.new("L", (width * FINER, height * FINER))
    _draw(mask, drawing.label.split()[1], (x * FINER, y * FINER), drawing.radius * unit * FINER, angle)
    ground = Image.new("RGB", size, tuple(background))
    ground.paste(tuple(colour), mask=mask.resize(size, Image.Resampling.BOX))
    return ground


def _draw(mask: Image.Image, shape: str, centre: Point, radius: float, angle: float) -> None:
    pen = ImageDraw.Draw(mask)
    if shape in ("circle", "ring"):
        pen.circle(centre, radius, fill=255)
        if shape == "ring":
            pen.circle(centre, radius * 0.55, fill=0)
    else:
        pen.polygon([_turned(centre, radius * far, angle + turn) for far, turn in OUTLINES[shape]], fill=255)


def _turned(centre: Point, distance: float, angle: float) -> Point:
    return centre[0] + distance * math.sin(angle), centre[1] - distance * math.cos(angle)


def _shade(colour: Sequence[int], chance: random.Random, *, by: int) -> tuple[int, ...]:
    return tuple(min(255, max(0, part + chance.randint(-by, by))) for part in colour)


def _regular(corners: int) -> list[Point]:
    return [(1.0, math.tau * corner / corners) for corner in range(corners)]


def _star(points: int, inner: float) -> list[Point]:
    return [(inner if step % 2 else 1.0, math.pi * step / points) for step in range(2 * points)]


def _cross(arm: float) -> list[Point]:
    """Four arms of the circle's radius; `arm` is the angle of half an arm's end."""
    inner = math.sin(arm) * math.sqrt(2)
    quarter = [(1.0, -arm), (1.0, arm), (inner, math.pi / 4)]
    return [(far, turn + math.pi / 2 * number) for number in range(4) for far, turn in quarter]


# Corners as (distance in radii, angle).
OUTLINES = {"square": _regular(4), "triangle": _regular(3), "star": _star(5, 0.42), "cross": _cross(0.32)}
