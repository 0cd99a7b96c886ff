"""What status shows of a snapshot, on wide, narrow and no terminals."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from broker.admin.overview import HistoryOverview, LeaseOverview, PredictionsOverview, WebhooksOverview, WebhookTry
from broker.common.diagnosis import Diagnosis
from broker.facts import Facts
from broker.messages import Limits, Slo
from jitney.admin.status import status_facts, status_lines
from jitney.admin.tables import count, printable, seconds, size, table
from jitney.admin.watch import complaint
from tests.unit.jitney.snapshots import batcher, model, snapshot


def row(lines: list[str], *words: str) -> str:
    """The one line with all these words."""
    [found] = [line for line in lines if all(word in line for word in words)]
    return found


def test_each_lane_of_a_model_has_a_row() -> None:
    lines = status_lines(snapshot(model(jobs=12, bulk=3), batchers=[batcher()]), None)

    assert row(lines, "interactive").split() == ["toy@r1", "interactive", "12", "120", "1.2", "KiB", "1.5", "s"]
    assert row(lines, "bulk").split() == ["bulk", "3", "30", "300", "B", "5", "min"]


WRITTEN = HistoryOverview(writer="w", database="sqlite:h.db", written=1200, beat_age=2.0)


def test_the_history_has_a_line_where_there_is_one() -> None:
    seen = snapshot(model(), history=replace(WRITTEN, waiting=3, bytes=2048, dropped=7))

    line = row(status_lines(seen, None), "history", "blocks wait")
    said = "3 blocks wait: 2.0 KiB of 64.0 MiB · 1200 rows written to sqlite:h.db · beat 2.0 s ago"
    assert line.startswith(f"history    {said}")
    assert line.endswith("7 rows dropped")
    assert not [line for line in status_lines(snapshot(model()), None) if "history" in line]
    assert status_facts(seen)["history"]["waiting"] == 3


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (HistoryOverview(waiting=1), "1 blocks wait, and no writer beats"),
        (replace(WRITTEN, waiting=1, beat_age=60.0), "1 blocks wait, and no writer beats"),
        (replace(WRITTEN, error="no disk"), "its writer cannot write: no disk"),
        (replace(WRITTEN, waiting=600, bytes=48 << 20), "its list is 75% full; rows are dropped when it has no room"),
        (replace(WRITTEN, waiting=60_000), "its list is 60% full; rows are dropped when it has no room"),
        (replace(WRITTEN, dropped=5, dropped_age=30.0), "5 rows were dropped, the last ones 30.0 s ago"),
        (replace(WRITTEN, waiting=600, bytes=32 << 20, dropped=5, dropped_age=4000.0), ""),
    ],
)
def test_a_history_that_does_not_get_on_is_told(seen: HistoryOverview, said: str) -> None:
    told = [one["said"] for one in status_facts(snapshot(model(), history=seen))["worries"]]

    assert told == [said] * bool(said)


def test_predictions_have_a_line_where_there_are_some() -> None:
    seen = snapshot(model(), predictions=PredictionsOverview(open=2, kept=7, bytes=2048))

    assert "predictions 2 open · 7 kept · 2.0 KiB" in status_lines(seen, None)
    assert not [line for line in status_lines(snapshot(model()), None) if "prediction" in line]
    assert status_facts(seen)["predictions"] == {"open": 2, "kept": 7, "bytes": 2048}


def test_webhooks_have_a_line_and_their_newest_tries_a_table_where_there_are_some() -> None:
    one = WebhookTry(at=995.0, prediction="e1-123…", host="hooks.example", status=0, tries=2, fate="retried")
    seen = snapshot(model(), webhooks=WebhooksOverview(due=1, fates={"retried": 2, "delivered": 9}, tries=[one]))

    lines = status_lines(seen, None)

    assert "webhooks   1 due · 9 delivered · 2 retried" in lines
    assert row(lines, "e1-123…").split() == ["e1-123…", "hooks.example", "retried", "–", "2", "5.0", "s"]
    assert not [line for line in status_lines(snapshot(model()), None) if "webhook" in line.lower()]
    assert json.loads(json.dumps(status_facts(seen)))["webhooks"]["tries"][0]["host"] == "hooks.example"


def test_an_empty_lane_has_no_oldest_job() -> None:
    assert row(status_lines(snapshot(model()), None), "interactive").endswith("–")


def test_leases_are_shown_with_their_jobs_and_the_next_expiry() -> None:
    leases = LeaseOverview(batches=2, jobs=9, staged=1, looked_into=2, soonest_expiry=1.25)

    [_, line] = [line for line in status_lines(snapshot(model(leases=leases)), None) if line.startswith("toy")]

    assert line.split()[1:] == ["1", "2", "9", "1", "1.2", "s", "0", "0"]


def test_more_leases_than_were_looked_into_hold_at_least_so_many_jobs() -> None:
    leases = LeaseOverview(batches=200, jobs=900, looked_into=100)

    assert "900+" in "\n".join(status_lines(snapshot(model(leases=leases)), None))


def test_a_batcher_is_shown_with_its_speed_and_its_last_beat() -> None:
    line = row(status_lines(snapshot(model(), batchers=[batcher()]), None), "7-ab")

    assert "12.0 + 0.50·n ms" in line and line.startswith("host  7-ab") and "0.2 s" in line


def test_a_batcher_is_shown_with_its_version_and_its_protocol() -> None:
    seen = snapshot(model(), batchers=[batcher()])

    [told] = status_facts(seen)["batchers"]

    assert row(status_lines(seen, None), "7-ab").split()[-2:] == ["1.2.3", "2"]
    assert (told["software"], told["protocol"]) == ("1.2.3", 2)


def test_a_batcher_that_sizes_its_batches_for_an_slo_has_a_line_of_its_own() -> None:
    one = batcher()
    presence = replace(one.presence, limits=Limits(max_batch_size=64), slo=Slo(bound=0.1, p99=0.0972, size=53))
    seen = snapshot(model(), batchers=[replace(one, presence=presence)])

    [told] = status_facts(seen)["batchers"]

    assert status_lines(seen, None)[-2].split()[-7:] == ["SLO", "P99", "MEASURED", "BATCH", "NOW", "AT", "MOST"]
    assert status_lines(seen, None)[-1].split() == ["host", "7-ab", "toy@r1", "100", "ms", "97", "ms", "53", "64"]
    assert (told["slo"], told["limits"]["max_batch_size"]) == ({"bound": 0.1, "p99": 0.0972, "size": 53}, 64)


def test_without_an_slo_there_is_no_line_of_it() -> None:
    seen = snapshot(model(), batchers=[batcher()])

    [told] = status_facts(seen)["batchers"]

    assert not [line for line in status_lines(seen, None) if "SLO" in line]
    assert (told["slo"], told["limits"]) == (None, None)


@pytest.mark.parametrize(("other", "who"), [(1, "an older"), (9, "a newer")])
def test_keys_of_another_protocol_are_told_with_what_to_do(other: int, who: str) -> None:
    seen = snapshot(model(), other_protocols=[other])

    assert f"keys of protocol {other} are there: {who} deployment" in row(status_lines(seen, None), "! namespace")
    assert status_facts(seen)["other_protocols"] == [other]


def test_without_models_it_says_how_to_start_one() -> None:
    assert "python -m batcher --model" in status_lines(snapshot(), None)[-1]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    key = "a-model-with-a-very-long-name-indeed@0123456789ab"
    seen = snapshot(model(key, jobs=3, batchers=0, dead=2), batchers=[batcher("host-7-ab", model=key, beat_age=9.0)])

    lines = status_lines(seen, width)

    assert max(len(line) for line in lines) <= width
    assert any("no batcher serves them" in line for line in status_lines(seen, 200))


def test_columns_without_room_are_left_out_whole_and_named() -> None:
    headings, row = ["MODEL", "JOB", "ADMITTED", "SIZE"], ["a-model", "0" * 12, "2026-11-20 12:00", "85 B"]

    lines = table(headings, [row], names=1, width=30)

    assert lines[:2] == ["MODEL             JOB", "a-model  000000000000"]
    assert lines[2:] == ["no room for ADMITTED, SIZE:", "make the window wider"]


@pytest.mark.parametrize("seen", [{"suspects": 2}, {"dead": 1, "batchers": 0}])
def test_what_somebody_should_look_at_stands_above_the_tables(seen) -> None:
    lines = status_lines(snapshot(model(**seen), is_complete=False), 80)

    noted = [at for at, line in enumerate(lines) if line.startswith("!")]
    assert noted and max(noted) < lines.index("")


def test_of_very_many_alerts_the_first_are_shown_and_serious_ones_stand_before_others() -> None:
    seen = snapshot(model("m@r", dead=1), *[model(f"m{at}@r", jobs=1, batchers=0) for at in range(20)])

    noted = [line for line in status_lines(seen, None) if line.startswith("!")]
    assert len(noted) == 9 and "no batcher serves" in noted[0] and "and 13 more" in noted[-1]


def test_no_name_in_the_registry_gives_orders_to_a_terminal() -> None:
    key = "a\x1b[2J\x07\n@r"
    seen = snapshot(
        model(key, dead=1), batchers=[batcher("b\x1b]0;x", model=key, beat_age=9.0)], unreadable=["card \x9b"]
    )

    lines = [*status_lines(seen, None), *complaint(Diagnosis(tried="t", cause="\x1b[1m", remedy="r"))]

    assert all(line.isprintable() for line in lines)
    assert printable("bidi \u202e") == "bidi ?" and printable("日本 é") == "日本 é"


def test_long_names_lose_their_middle_and_numbers_stay() -> None:
    [_, line] = table(["MODEL", "JOBS"], [["the-first-name@0123456789ab", "1234"]], names=1, width=22)

    assert line == "the-fir…456789ab  1234"


def test_where_info_is_denied_it_says_so() -> None:
    assert "INFO is denied" in status_lines(snapshot(facts=Facts()), None)[0]


def test_an_incomplete_look_says_so() -> None:
    seen = snapshot(is_complete=False, left_out=7)

    assert "may be missing" in row(status_lines(seen, None), "very many keys")
    assert row(status_lines(seen, None), "7 more") and status_facts(seen)["complete"] is False


def test_programs_get_the_same_as_people() -> None:
    leases = LeaseOverview(batches=1, jobs=2, looked_into=1, soonest_expiry=0.5)

    told = json.loads(json.dumps(status_facts(snapshot(model(jobs=1, leases=leases, dead=4), batchers=[batcher()]))))

    [seen], [who] = told["models"], told["batchers"]
    assert seen["lanes"]["interactive"] == {
        "jobs": 1,
        "tokens": 10,
        "bytes": 100,
        "oldest_age": 1.5,
        "lists": [],
    }
    assert seen["leases"] == {"batches": 1, "jobs": 2, "staged": 0, "soonest_expiry": 0.5}
    assert (seen["dead"], who["speed"], told["broker"]["kind"]) == (4, {"fixed": 0.012, "per_job": 0.0005}, "valkey")


@pytest.mark.parametrize(
    ("quantity", "shown"),
    [
        (count(-1), "?"),
        (count(7), "7"),
        (seconds(0.04), "0.0 s"),
        (seconds(-2.0), "-2.0 s"),
        (seconds(180), "3 min"),
        (seconds(7200), "2.0 h"),
        (size(85), "85 B"),
        (size(1536), "1.5 KiB"),
        (size(5 << 30), "5.0 GiB"),
    ],
)
def test_quantities_are_short(quantity: str, shown: str) -> None:
    assert quantity == shown
