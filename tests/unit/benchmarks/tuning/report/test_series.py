"""Curves over several loads, and where they bend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.tuning.records import Offered, Point
from benchmarks.tuning.report.series import (
    CURVES,
    LOADS,
    all_series,
    curves,
    knee,
    knee_in_words,
    seen,
    shares,
    thinned,
    told,
)
from tests.unit.benchmarks.tuning.report.made import at, curve, point, recommended


@pytest.mark.parametrize(
    ("points", "found"),
    [
        pytest.param(curve((100, 100), (200, 199), (400, 250)), 200, id="where the curve leaves the diagonal"),
        pytest.param(curve((100, 100), (200, 200), (400, 0)), 200, id="before a cliff"),
        pytest.param(curve((100, 100), (200, 130), (400, 130)), 100, id="before a plateau"),
        pytest.param(curve((100, 100), (200, 199)), 200, id="the highest that was tried, where none was too much"),
        pytest.param(curve((100, 100), (200, 197)), 100, id="not where 15 of 1,000 came too late"),
        pytest.param(curve((100, 60), (200, 0)), None, id="nowhere, where the lowest was too much"),
        pytest.param([at(100, 92, came=92), at(200, 205, came=206), at(400, 280)], 200, id="by what really came"),
        pytest.param(curve((100, 90), (200, 199), (400, 0)), 200, id="a dip below it is noise"),
        pytest.param([point(50, 20), point(60, 20)], None, id="nowhere, for clients that wait"),
    ],
)
def test_the_knee_is_the_highest_rate_that_was_kept(points: list[Point], found: float | None) -> None:
    assert knee(points) == found


def without_slo(one: Point, per_second: float, **latency: float) -> Point:
    summary = replace(one.summary, goodput=None, within_slo=None, per_second=per_second)
    assert summary.latency
    return replace(one, summary=replace(summary, latency=replace(summary.latency, **latency)))


def test_without_an_slo_the_knee_is_where_answers_fall_behind() -> None:
    assert knee([without_slo(at(100, 100), 98), without_slo(at(200, 200), 120)]) == 100


def test_without_an_slo_answers_that_come_after_the_end_are_nobodys_failure() -> None:
    slow, lagging = (without_slo(at(100, 100), 92, p50=p50) for p50 in (10.0, 800.0))

    assert [knee([slow]), knee([lagging])] == [None, 100]


def test_a_series_has_each_load_once_by_rising_load_and_the_last_measured_counts() -> None:
    (series,) = all_series([*curve((200, 100), (100, 100)), at(200, 190)])

    assert [(one.offered.rate, one.summary.goodput) for one in series.points] == [(100, 100), (200, 190)]


def test_one_load_is_no_series_and_clients_are_another_than_rates() -> None:
    assert all_series([at(100, 100), point(50, 20)]) == []


def test_what_is_recommended_is_looked_at_closely_else_what_carries_most() -> None:
    small, large = curve((100, 100), (200, 0), size=8), curve((100, 100), (200, 200), size=64)
    found = all_series([*small, *large])

    assert told(found, None) == found[1]
    assert told(found, recommended(small[0].limits, 100)) == found[0]
    assert told([], None) is None


def test_among_settings_under_clients_that_wait_the_one_that_answers_most_is_looked_at() -> None:
    clients = [replace(point(rate, 20, size=size), offered=Offered(concurrency=count))
               for size, rate in ((64, 90), (8, 50)) for count in (1, 8)]  # fmt: skip

    series = told(all_series(clients), None)

    assert series and (series.limits.max_batch_size, series.axis) == (64, "clients of a closed loop")


def test_settings_that_carry_the_same_share_a_line_but_what_is_recommended_has_its_own() -> None:
    alike = [one for size in (1, 2, 3) for one in curve((100, 100), (200, 0), size=size)]
    found = all_series(alike)

    assert [[one.limits.max_batch_size for one in same] for same in curves(found, None)] == [[1, 2, 3]]
    best = recommended(found[1].limits, 100)
    assert [[one.limits.max_batch_size for one in same] for same in curves(found, best)] == [[1, 3], [2]]


def test_there_are_no_more_lines_than_can_be_told_apart_and_the_recommended_is_among_them() -> None:
    many = [one for size in range(1, 10) for one in curve((1, 1), (10 * size, 10 * size), (1000, 0), size=size)]
    found = all_series(many)

    drawn = curves(found, recommended(found[0].limits, 10))

    assert len(drawn) == CURVES
    assert [same[0].limits.max_batch_size for same in drawn] == [9, 8, 7, 6, 5, 1]


def test_many_loads_are_thinned_out_and_the_first_and_last_stay() -> None:
    points = curve(*((rate, rate) for rate in range(1, 50)))

    kept = [one.offered.rate for one in thinned(points)]

    assert (len(kept), kept[0], kept[-1], kept == sorted(set(kept))) == (LOADS, 1, 49, True)


def test_loads_that_are_nearly_the_same_have_one_bar() -> None:
    points = curve(*((rate, rate) for rate in (100, 101, 150, 200, 202)))

    assert [one.offered.rate for one in thinned(points)] == [100, 150, 202]


def test_knees_within_a_twentieth_are_drawn_as_one() -> None:
    found = all_series(
        [*curve((100, 100), (300, 0)), *curve((97, 97), (300, 0), size=8), *curve((50, 50), (300, 0), size=4)]
    )

    assert [[one.limits.max_batch_size for one in same] for same in curves(found, None)] == [[64, 8], [4]]


def test_batches_are_counted_in_octaves() -> None:
    assert shares(at(100, 100)) == {"1": 0.25, "2 to 3": 0.75}


def test_a_choice_is_found_where_it_was_last_measured_at_the_rate_that_it_is_said_to_carry() -> None:
    points = [*curve((100, 100), (200, 200), (400, 0)), *curve((200, 200), size=8)]
    best, again = recommended(points[0].limits, 190).best, at(200, 180)

    assert seen(best, points) == points[1]
    assert seen(best, [*points, again]) == again
    assert seen(best, points[3:]) is None


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([(100, 100), (200, 0)], "carries 100/s"),
        ([(100, 100), (200, 200)], "carries 200/s or more"),
        ([(100, 0), (200, 0)], "does not carry 100/s"),
    ],
)
def test_a_knee_is_said_as_far_as_it_is_known(pairs: list[tuple[float, float]], said: str) -> None:
    (series,) = all_series(curve(*pairs))

    assert knee_in_words(series) == said
