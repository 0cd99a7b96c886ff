"""What the doctor thinks of API keys: a table of keys that end, limits that contradict, and stores that are gone."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from broker.admin.overview import CallersOverview
from broker.credentials.credential import encode_credential
from jitney.admin.findings import Mark
from jitney.admin.keys import of_disabled, of_file, of_keys, of_store
from tests.unit.jitney.snapshots import callers, credential, facts, model, overview

NOW, DAY = 1_000_000.0, 86_400.0
CARDS = [model("toy@r1").card, model("other@r1").card]


def told(**fields: object) -> list[str]:
    return [f"{one.said} → {one.remedy}" for one in of_keys([credential(**fields)], CARDS, NOW)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"expires": NOW + 15 * DAY},
        {"limits": "10 jobs/s, 600 jobs/min, 50000 jobs/day, 200000 tokens/min, 4 at once"},
        {"limits": "10 jobs/s, 5 requests/min"},  # of two units
        {"limits": "100 tokens/min"},  # less than one job: it goes when nothing is used
        {"limits": "2048 tokens/day"},
        {"models": ("o*",)},
    ],
)
def test_a_key_that_makes_sense_is_not_told_of(fields: dict[str, object]) -> None:
    assert told(**fields) == []


@pytest.mark.parametrize(
    ("fields", "said", "remedy"),
    [
        ({"expires": NOW - 1}, "has expired", "jitney keys revoke"),
        ({"expires": NOW}, "has expired", "jitney keys revoke"),
        ({"expires": NOW + 13 * DAY}, "expires within 14 days", "jitney keys add"),
        ({"models": ("nosuch*",)}, "may use no model that lives", "start one"),
        ({"limits": "600 jobs/min, 500 jobs/day"}, "can never have 600 jobs/min, for it has 500 jobs/day", "--limits"),
        ({"limits": "600 jobs/min, 700 jobs/s"}, "can never have 700 jobs/s", "--limits"),
        ({"limits": "1000 tokens/day"}, "1000 tokens/day, and one long job may have 1024", "--limits"),
        ({"limits": "10001 jobs/min"}, "by default 10000 may wait", "--limits"),
        ({"limits": "6000000 tokens/s"}, "by default 5000000 may wait", "--limits"),
    ],
)
def test_a_key_that_makes_none_is_named_with_its_remedy(fields: dict[str, object], said: str, remedy: str) -> None:
    [finding] = told(name="alice", **fields)

    assert finding.startswith(f"alice ({'a' * 12}) ")
    assert said in finding.partition("→")[0]
    assert remedy in finding.partition("→")[2]


def test_while_no_model_lives_no_key_is_blamed_for_it() -> None:
    assert list(of_keys([credential(models=("nosuch",))], [], NOW)) == []


def test_of_very_many_keys_few_are_named_and_all_are_counted() -> None:
    keys = [credential(f"key{'abcdefghij'[at % 10]}{'abcdefghij'[at // 10]}aaaaaaa", expires=1.0) for at in range(100)]

    [finding] = of_keys(keys, CARDS, NOW)

    assert "and 94 more has expired" in finding.said


@pytest.mark.parametrize(
    ("asked", "seen", "mark", "remedy"),
    [
        ("on", callers(), Mark.FAIL, "jitney keys add"),
        ("on", callers(credential()), Mark.OK, ""),
        ("off", callers(credential()), Mark.WARN, "JITNEY_API_KEYS=on"),
        ("", callers(credential(), version=""), Mark.FAIL, "jitney keys add or rotate"),
    ],
)
def test_a_store_is_there_or_is_gone(asked: str, seen: CallersOverview, mark: Mark, remedy: str) -> None:
    [finding] = of_store(seen, facts(), asked)

    assert finding.mark is mark
    assert remedy in finding.remedy


@pytest.mark.parametrize("asked", ["", "off", "/etc/keys.jsonl"])
def test_where_nobody_asks_for_keys_at_the_broker_none_are_missed(asked: str) -> None:
    assert list(of_store(callers(), facts(is_durable=False), asked)) == []


def test_keys_at_a_broker_without_aof_are_told_of() -> None:
    [_, finding] = of_store(callers(credential()), facts(is_durable=False), "on")

    assert finding.mark is Mark.WARN
    assert "appendonly yes" in finding.remedy


def test_a_key_that_cannot_be_read_fails() -> None:
    [_, finding] = of_store(callers(credential(), unreadable={"b" * 12: "why"}), facts(), "on")

    assert finding.mark is Mark.FAIL
    assert "b" * 12 in finding.said


def test_a_disabled_key_is_told_of_while_its_use_is_counted() -> None:
    one = credential(name="alice", limits="600 jobs/min", disabled=True)

    [finding] = of_disabled(callers(one, left={"jobs": 40}))

    assert "alice" in finding.said
    assert list(of_disabled(callers(one))) == []
    assert list(of_disabled(callers(msgspec.structs.replace(one, disabled=False), left={"jobs": 40}))) == []


@pytest.mark.parametrize(
    ("text", "mark", "said"),
    [
        (encode_credential(credential()).decode(), Mark.OK, "1 keys"),
        ("# none\n", Mark.WARN, "nobody is let in"),
        ("{}\n", Mark.FAIL, "line 1"),
        (None, Mark.FAIL, "No such file"),
    ],
)
def test_a_file_of_keys_is_read_as_front_ends_do(tmp_path: Path, text: str | None, mark: Mark, said: str) -> None:
    path = tmp_path / "keys.jsonl"
    if text is not None:
        path.write_text(text)

    [finding] = of_file(str(path), overview(), NOW)

    assert finding.mark is mark
    assert said in finding.said
    assert bool(finding.remedy) is (mark is not Mark.OK)


def test_keys_of_a_file_are_looked_at_as_the_brokers_are(tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    path.write_bytes(encode_credential(credential(models=("nosuch",))))

    findings = of_file(str(path), overview(model()), NOW)

    assert ["no model that lives" in one.said for one in findings] == [False, True]
