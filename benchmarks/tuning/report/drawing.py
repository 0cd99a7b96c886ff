"""What all pictures share: their size, colours that colour-blind readers can tell apart, and labels that keep apart."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.ticker import LogFormatter
from matplotlib.transforms import Bbox

from benchmarks.tuning.records import Point
from benchmarks.tuning.report.frontier import rounded

At = tuple[float, float]
Place = tuple[At, Literal["left", "right"]]  # from the point that is named, and where the label begins or ends
PLACES: Sequence[Place] = (((8, -14), "left"), ((8, 7), "left"), ((-8, 7), "right"), ((-8, -14), "right"))
FAR: Sequence[Place] = (((-40, 40), "right"), ((-40, -50), "right"), ((-40, 75), "right"), ((-40, -85), "right"))
WIDE = 5  # times the least latency: beyond it a scale is logarithmic
SURE = 2  # labels, the first ones, that are shown in any case: a line leads to those that stand far off
WIDTH, HEIGHT, DPI = 8.0, 5.0, 120  # inches, dots an inch: as wide as a column of text
GREY, BLUE, ORANGE, GREEN, RED, PINK, SKY, BLACK = (  # Okabe and Ito
    "#b0b0b0",
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#cc79a7",
    "#56b4e9",
    "#000000",
)


def new_figure() -> Figure:
    """An empty one, of no window system."""
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """The same bytes for the same picture."""
    made = BytesIO()
    figure.savefig(made, format="png", metadata={"Software": None})
    return made.getvalue()


def label(axes: Axes, text: str, at: tuple[float, float], **look: Any) -> Annotation:
    """A name beside a point; `place` finds room for it."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
    return axes.annotate(text, at, (0, 0), textcoords="offset points", bbox=box, **{"fontsize": 8, **look})


def place(axes: Axes, labels: Sequence[Annotation], points: Sequence[At], places: Sequence[Place] = PLACES) -> None:
    """Each label where it covers no earlier one and no point; without room it is hidden, but the first two never."""
    figure = axes.get_figure(root=True)
    if figure is None or not points:
        return
    figure.draw_without_rendering()  # lays the axes out
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in axes.transData.transform(list(points))]
    for number, one in enumerate(labels):
        is_sure = number < SURE
        fits = _put(one, axes.get_window_extent(), taken, [*PLACES, *FAR] if is_sure else places)
        one.set_visible(fits or is_sure)
        if one.get_visible():
            taken.append(_box(one))


def _put(label: Annotation, inside: Bbox, taken: Sequence[Bbox], places: Sequence[Place]) -> bool:
    """Move it to the first place that is free; False, and to the last, where none is."""
    for offset, side in places:
        label.set_position(offset)
        label.set_horizontalalignment(side)
        box = _box(label)
        if label.arrow_patch:
            label.arrow_patch.set_visible((offset, side) in FAR)
        if inside.contains(*box.min) and inside.contains(*box.max) and not any(map(box.overlaps, taken)):
            return True
    return False


def _box(label: Annotation) -> Bbox:
    """Of its text alone: the line that leads to it may cross anything."""
    return Text.get_window_extent(label)


def latency_scale(axes: Axes) -> None:
    """Logarithmic where latencies lie far apart, with plain numbers at the ticks."""
    least, most = axes.dataLim.intervaly
    if most < WIDE * least:
        return
    axes.set_yscale("log")
    for ticks in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        ticks(LogFormatter(minor_thresholds=(3, 0.5)))


def is_doubtful(point: Point) -> bool:
    """Whether it is drawn hollow, or with a star."""
    return bool(point.doubts)


def starred(number: float, point: Point) -> str:
    """A load as a tick's label."""
    return f"{rounded(number)}{'*' if is_doubtful(point) else ''}"
