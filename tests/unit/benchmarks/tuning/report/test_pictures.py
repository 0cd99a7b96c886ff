"""What the pictures say in words: their titles, labels and legends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from benchmarks.tuning.report.album import of_run
from benchmarks.tuning.report.frontier import changes
from benchmarks.tuning.report.heat_maps import heat_maps, highest, soonest, telling
from benchmarks.tuning.report.load_pictures import batch_sizes_against_load, goodput_against_rate, stages_against_load
from benchmarks.tuning.report.pictures import throughput_against_p99, two_runs
from benchmarks.tuning.report.series import all_series, curves
from tests.unit.benchmarks.tuning.report.made import RUN, at, curve, point, recommended, silent

SMALL = curve((100, 100), (200, 199), (400, 0), size=8)
LARGE = curve((100, 100), (200, 200), (400, 398), size=64)
BEST = recommended(LARGE[0].limits, 390, SMALL[0].limits)


def legend(figure: Figure) -> list[str]:
    boxes = [box for box in (*figure.legends, *(axes.get_legend() for axes in figure.axes)) if box]
    return [text.get_text() for box in boxes for text in box.get_texts()]


def shown(figure: Figure) -> list[str]:
    """Every text in the axes that can be seen."""
    texts = (text for axes in figure.axes for text in axes.texts)
    return [text.get_text() for text in texts if text.get_visible()]


def test_the_recommended_point_and_its_runner_up_are_named_with_their_rates() -> None:
    figure = throughput_against_p99(RUN, [*SMALL, *LARGE], BEST)

    assert {"adaptive, 64 jobs: 390/s", "adaptive, 8 jobs: 195/s"} <= set(shown(figure))
    assert {"recommended", "runner-up", "SLO: p99 ≤ 100 ms"} <= set(legend(figure))
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("answered requests a second", "p99, ms")


def test_where_a_rate_was_given_the_recommended_point_says_its_p99_too() -> None:
    best = replace(BEST, best=replace(BEST.best, p99=41.7))

    assert "adaptive, 64 jobs: 390/s, p99 42 ms" in shown(throughput_against_p99(RUN, [*SMALL, *LARGE], best))


def test_without_a_recommendation_the_frontier_is_named_and_doubts_are_hollow() -> None:
    doubtful = replace(point(90, 15, size=8), doubts=["noise"])

    figure = throughput_against_p99(RUN, [point(50, 10), doubtful], None)

    assert set(shown(figure)) == {"adaptive, 64 jobs", "adaptive, 8 jobs"}
    assert {"the same, with a doubt"} <= set(legend(figure)) and "recommended" not in legend(figure)


def test_labels_that_can_be_seen_do_not_cover_each_other() -> None:
    crowd = [point(50 + number, 10 + number, size=number) for number in range(1, 40)]

    figure = throughput_against_p99(RUN, crowd, None)

    labels = [text for text in figure.axes[0].texts if isinstance(text, Annotation) and text.get_visible()]
    boxes = [label.get_window_extent() for label in labels]
    assert 1 < len(boxes) < len(crowd)
    assert not any(one.overlaps(other) for one in boxes for other in boxes if one is not other)
    assert {label.get_position() for label in labels} == {(8, -14)}  # where nothing lies, of a frontier


def test_the_recommended_point_is_named_inside_the_picture_in_any_crowd() -> None:
    crowd = [at(100 + rate, 100 + rate, size=size) for rate in range(20) for size in range(1, 20)]

    figure = throughput_against_p99(RUN, crowd, recommended(crowd[-1].limits, 119, crowd[0].limits))

    inside = figure.axes[0].get_window_extent()
    labels = [text for text in figure.axes[0].texts if text.get_text().endswith("/s")]
    boxes = [Text.get_window_extent(label) for label in labels if label.get_visible()]
    assert len(boxes) == 2 and not boxes[0].overlaps(boxes[1])
    assert all(inside.contains(*box.min) and inside.contains(*box.max) for box in boxes)


def test_goodput_has_a_line_a_setting_whose_knee_is_said_in_the_legend() -> None:
    figure = goodput_against_rate(RUN, curves(all_series([*SMALL, *LARGE]), BEST))

    named = {"adaptive, 64 jobs: carries 400/s or more", "adaptive, 8 jobs: carries 200/s"}
    assert named <= set(legend(figure))
    assert figure.axes[0].get_ylabel() == "requests a second answered within 100 ms"


def test_the_latency_split_says_whose_it_is_and_leaves_out_what_nobody_waited_for() -> None:
    (series,) = all_series(LARGE)

    figure = stages_against_load(series, BEST)

    assert figure.axes[0].get_title() == "Where the time goes: adaptive, 64 jobs (recommended)"
    assert sorted(legend(figure)) == ["compute", "queue", "return"]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["100", "200", "400"]


def test_a_bar_far_above_the_others_is_cut_and_says_its_height() -> None:
    over = at(800, 0)
    (series,) = all_series(
        [*LARGE, replace(over, summary=replace(over.summary, stages={"queue": 4000.0}), doubts=["overload"])]
    )

    figure = stages_against_load(series, None)

    assert "↑ 4,000" in shown(figure) and figure.axes[0].get_ylim()[1] < 100
    assert figure.axes[0].get_xticklabels()[-1].get_text() == "800*"
    assert "* carries a doubt" in figure.axes[0].get_xlabel()


def test_batch_sizes_say_what_is_counted() -> None:
    (series,) = all_series(LARGE)

    figure = batch_sizes_against_load(series, None)

    assert figure.axes[0].get_ylabel() == "share of requests, % (a batch of 32 counts 32 times)"
    assert legend(figure) == ["2 to 3", "1"]


def test_heat_is_what_a_setting_carries_within_the_slo_and_its_p99_under_a_load_that_some_keep() -> None:
    points = [*SMALL, *LARGE]

    assert (highest(SMALL, 0.1), highest(SMALL, None), highest([], 0.1)) == (200, 200, None)
    assert telling(points, 0.1).rate == telling([*points, at(800, 0), at(800, 0, size=8)], 0.1).rate == 400
    assert (soonest(SMALL, telling(points, 0.1)), soonest(LARGE, telling(points, 0.1))) == (900, 20)
    figure = heat_maps(RUN, points)
    assert figure and sorted(shown(figure)) == ["20", "200", "400", "900"]

    late = heat_maps(RUN, [*SMALL[2:], *LARGE])
    assert late and "< 400" in shown(late)


def test_a_load_counts_as_carried_where_most_of_its_trials_kept_the_slo() -> None:
    undecided = [*SMALL, at(300, 300, size=8), at(300, 0, size=8)]

    assert highest(undecided, 0.1) == 200
    assert highest([*undecided, at(300, 300, size=8)], 0.1) == 300


def test_where_settings_have_no_load_in_common_there_is_a_heat_map_of_rates_alone() -> None:
    figure = heat_maps(RUN, [at(100, 100, size=8), at(150, 150, size=16), at(200, 200, size=64)])

    assert figure and [axes.get_title() for axes in figure.axes] == ["requests a second\nwith a p99 within 100 ms"]


def test_one_setting_is_no_heat_map() -> None:
    assert heat_maps(RUN, LARGE) is None


def test_two_runs_say_how_many_changes_there_are_of_each_kind() -> None:
    old, new = [point(100, 20), point(100, 20, size=8)], [point(50, 20), point(101, 20, size=8)]

    figure = two_runs("old and new", changes(old, new), 0.1)

    assert {"worse: 1", "no change beyond noise: 1"} <= set(legend(figure))
    assert shown(figure) == ["adaptive, 64 jobs"]


@pytest.mark.parametrize(
    ("points", "names"),
    [
        pytest.param([point(50, 20)], ["throughput"], id="one point"),
        pytest.param([silent(point(50, 20))], [], id="silence"),
        pytest.param([silent(point(50, 20, size=size)) for size in (1, 2)], ["heat"], id="silence twice"),
        pytest.param([*SMALL, *LARGE], ["throughput", "goodput", "stages", "sizes", "heat"], id="settings × rates"),
        pytest.param(LARGE, ["throughput", "goodput", "stages", "sizes"], id="one setting"),
        pytest.param([point(50, 20), point(60, 20, size=8)], ["throughput", "heat"], id="one load"),
    ],
)
def test_there_is_a_picture_of_whatever_there_is_enough_of(points, names) -> None:
    drawn = of_run(RUN, points, None)

    assert [picture.name for picture in drawn] == names
    assert all(picture.png.startswith(b"\x89PNG") and picture.reading.endswith(".") for picture in drawn)
