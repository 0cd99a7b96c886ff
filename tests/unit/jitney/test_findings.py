"""What the doctor thinks of what it finds: a table of fit and unfit brokers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from broker.admin.overview import HistoryOverview, LaneOverview, LeaseOverview
from broker.admin.rights import Right, Role
from broker.facts import Facts
from broker.messages import Lane, ModelCard
from jitney.admin.findings import (
    Finding,
    Mark,
    of_clocks,
    of_commands,
    of_durability,
    of_facts,
    of_overview,
    of_rights,
    of_secret,
)
from jitney.history.findings import of_history
from tests.unit.jitney.snapshots import batcher, facts, model, overview

NOTHING: Mapping[Role, Sequence[Right]] = {role: [] for role in Role}
LACKS = [Right(command="blpop", key="bell:")]


def about(findings: Sequence[Finding], what: str) -> Finding:
    [found] = [finding for finding in findings if finding.about == what]
    return found


def test_a_fit_server_has_nothing_to_mend() -> None:
    assert {finding.mark for finding in of_facts(facts())} == {Mark.OK}


@pytest.mark.parametrize(
    ("seen", "what", "mark", "remedy"),
    [
        (facts(version="6.2.14", kind="redis"), "version", Mark.FAIL, "7.0"),
        (facts(policy="allkeys-lru"), "eviction", Mark.FAIL, "CONFIG SET maxmemory-policy noeviction"),
        (facts(policy=""), "eviction", Mark.WARN, "CONFIG SET maxmemory-policy noeviction"),
        (facts(role="slave"), "role", Mark.FAIL, "primary"),
        (facts(max_memory=0), "memory", Mark.WARN, "CONFIG SET maxmemory"),
        (facts(memory=85, max_memory=100), "memory", Mark.WARN, "raise maxmemory"),
        (facts(memory=99, max_memory=100), "memory", Mark.FAIL, "raise maxmemory"),
        (facts(is_durable=False), "persistence", Mark.WARN, "appendonly yes"),
        (facts(is_writable=False), "persistence", Mark.FAIL, "room"),
        (Facts(), "server", Mark.WARN, "+info"),
    ],
)
def test_what_is_unfit_is_named_with_its_remedy(seen: Facts, what: str, mark: Mark, remedy: str) -> None:
    finding = about(list(of_facts(seen)), what)

    assert finding.mark is mark and remedy in finding.remedy


@pytest.mark.parametrize(
    ("seen", "is_denied", "is_wanted", "mark", "said"),
    [
        (facts(), False, True, Mark.OK, "confirms"),
        (facts(), True, True, Mark.FAIL, "may not ask"),
        (facts(kind="redis", version="7.0.15"), False, True, Mark.FAIL, "redis 7.0.15"),
        (facts(kind="redis", version="7.2.1"), False, True, Mark.OK, "confirms"),
        (facts(is_durable=False), False, True, Mark.FAIL, "append-only"),
        (facts(is_durable=False), False, False, Mark.SKIPPED, "append-only"),
        (Facts(), False, True, Mark.OK, "confirms"),
    ],
)
def test_whether_the_broker_confirms_what_is_on_its_disk(
    seen: Facts, is_denied: bool, is_wanted: bool, mark: Mark, said: str
) -> None:
    finding = of_durability(seen, is_denied=is_denied, is_wanted=is_wanted)

    assert (finding.mark, said in finding.said) == (mark, True)
    assert bool(finding.remedy) is (mark is Mark.FAIL)


@pytest.mark.parametrize(("ahead", "mark"), [(0.3, Mark.OK), (-0.3, Mark.OK), (2.0, Mark.WARN), (-2.0, Mark.WARN)])
def test_clocks_may_differ_by_a_second(ahead: float, mark: Mark) -> None:
    assert of_clocks(ahead).mark is mark


def test_a_user_who_may_act_as_one_role_is_enough_where_none_is_named() -> None:
    missing = {**NOTHING, Role.BATCHER: LACKS, Role.OPERATOR: LACKS}

    [finding] = of_rights("someone", "jitney:{default}:", missing, [])

    assert finding.mark is Mark.OK and "may act as front-end" in finding.said


def test_a_role_that_is_named_must_be_whole() -> None:
    missing = {**NOTHING, Role.BATCHER: LACKS}

    findings = of_rights("someone", "jitney:{default}:", missing, [Role.FRONT_END, Role.BATCHER])

    assert [finding.mark for finding in findings] == [Mark.OK, Mark.FAIL]
    assert "blpop on jitney:{default}:bell:" in findings[1].said and "users.acl" in findings[1].remedy


def test_a_user_who_may_act_as_nobody_is_measured_by_what_it_is_nearest_to() -> None:
    missing = {Role.FRONT_END: LACKS, Role.BATCHER: LACKS * 9, Role.OPERATOR: LACKS * 9, Role.WRITER: LACKS * 9}

    [finding] = of_rights("someone", "p:", missing, [])

    assert finding.mark is Mark.FAIL and "may not act as front-end" in finding.said


@pytest.mark.parametrize(
    ("seen", "mark", "said", "remedy"),
    [
        (model(jobs=2, batchers=0), Mark.FAIL, "2 jobs wait and no batcher", "python -m batcher"),
        (model(batchers=0), Mark.WARN, "no batcher serves it", "python -m batcher"),
        (model(dead=1), Mark.WARN, "1 dead letter:", "jitney dead list"),
        (
            model(leases=LeaseOverview(batches=1, soonest_expiry=-12.0)),
            Mark.FAIL,
            "a lease ended 12 s ago",
            "start a batcher",
        ),
    ],
)
def test_what_is_amiss_with_a_model_is_named_with_its_remedy(seen, mark: Mark, said: str, remedy: str) -> None:
    finding = of_overview(overview(seen), facts(), {})[-1]

    assert finding.mark is mark and said in finding.said and remedy in finding.remedy


def test_a_lease_that_has_just_ended_is_no_news() -> None:
    leases = LeaseOverview(batches=1, soonest_expiry=-1.0)

    assert {finding.mark for finding in of_overview(overview(model(leases=leases)), facts(), {})} == {Mark.OK}


def test_a_model_whose_files_are_gone_cannot_be_served() -> None:
    [finding] = of_overview(overview(model()), facts(), {"toy@r1": ["vocab.json"]})

    assert finding.mark is Mark.FAIL and "vocab.json" in finding.said


def test_where_nobody_is_but_another_database_holds_keys_the_number_is_doubted() -> None:
    [finding] = of_overview(overview(), facts(databases=["db3"]), {})

    assert "db3" in finding.said and "database at the end of the URL" in finding.remedy


def test_where_nobody_is_but_other_namespaces_are_they_are_named() -> None:
    [finding] = of_overview(overview(), facts(), {}, ["blue", "green"])

    assert "blue, green" in finding.said and "--namespace" in finding.remedy


def test_commands_that_the_server_does_not_know_fail_by_their_names() -> None:
    [finding] = of_commands(["ltrim", "scan"])

    assert finding.mark is Mark.FAIL and "ltrim, scan" in finding.said and "rename-command" in finding.remedy
    assert list(of_commands([])) == []


def test_a_beat_in_the_future_is_told_as_such() -> None:
    findings = of_overview(overview(model(), batchers=[batcher(beat_age=-3600.0)]), facts(), {})

    assert "3600.0 s in the future" in about(findings, "batcher host-7-ab").said


def test_a_look_that_left_something_out_is_told() -> None:
    findings = of_overview(overview(model(), is_complete=False, left_out=3), facts(), {})

    told = [finding.said for finding in findings if finding.about == "models" and finding.mark is Mark.WARN]
    assert "3 more" in told[0] and "may be missing" in told[1]


def test_a_silent_batcher_and_an_unreadable_entry_are_told() -> None:
    findings = of_overview(overview(model(), batchers=[batcher(beat_age=9.0)], unreadable=["card x"]), facts(), {})

    assert about(findings, "batcher host-7-ab").mark is Mark.WARN
    assert about(findings, "card x").mark is Mark.FAIL


def test_a_lane_of_a_wrong_type_does_not_count_as_waiting() -> None:
    seen = model(batchers=0)
    lanes = [LaneOverview(lane=Lane.INTERACTIVE, jobs=-1), LaneOverview(lane=Lane.BULK, jobs=2)]

    assert type(seen)(key="a@b", lanes=lanes, suspects=-1, dead=0, leases=LeaseOverview()).waiting == 2


def test_a_key_of_a_wrong_type_is_named_with_what_removes_it() -> None:
    finding = of_overview(overview(model(), wrong_type=["jitney:{default}:cards"]), facts(), {})[-1]

    assert finding.mark is Mark.FAIL and finding.about == "key jitney:{default}:cards"
    assert "redis-cli DEL 'jitney:{default}:cards'" in finding.remedy


def test_live_limits_that_make_no_sense_are_named() -> None:
    finding = of_overview(overview(model(), bad_limits={"toy": "there is no max_batch_szie"}), facts(), {})[-1]

    assert finding.mark is Mark.WARN and "max_batch_szie" in finding.said and "limits:toy" in finding.remedy


def test_limits_that_a_sweep_has_left_are_named_with_what_puts_the_old_ones_back() -> None:
    finding = of_overview(overview(model(), on_trial=["toy"]), facts(), {})[-1]

    assert finding.mark is Mark.WARN and "sweep --restore --model toy" in finding.remedy


def test_two_tasks_under_one_name_are_a_fault_and_two_revisions_a_word() -> None:
    other = replace(model("toy@r2"), card=ModelCard(name="toy", task="embedding", codec="text", revision="r2"))

    [fault] = [one for one in of_overview(overview(model(), other), facts(), {}) if one.mark is Mark.FAIL]
    [word] = [one for one in of_overview(overview(model(), model("toy@r2")), facts(), {}) if one.mark is Mark.WARN]

    assert "embedding and translation" in fault.said and "--name" in fault.remedy
    assert "toy@r1, toy@r2" in word.said


@pytest.mark.parametrize(
    ("more", "mark", "words"),
    [
        ({"role": "slave", "primary": "h:1"}, Mark.FAIL, "name its primary, h:1,"),
        ({"mode": "cluster"}, Mark.WARN, "no cluster"),
        ({"mode": "sentinel", "primary": "h:1"}, Mark.FAIL, "name the primary it watches, h:1"),
    ],
)
def test_a_server_that_is_no_broker_of_its_own_is_told_with_its_remedy(more, mark: Mark, words: str) -> None:
    found = [one for one in of_facts(facts(**more)) if one.about in ("role", "cluster")]

    assert [one.mark for one in found] == [mark] and words in found[0].remedy


LONG, SHORT = {"JITNEY_HASH_SECRET": "x" * 16}, {"JITNEY_HASH_SECRET": "x" * 15}
HASHES = {"JITNEY_HISTORY_INPUTS": "hash"}


@pytest.mark.parametrize(
    ("environ", "is_shared", "mark", "said"),
    [
        ({}, True, Mark.FAIL, "not set here: front ends that are started as we are with --cache-url end at once"),
        (HASHES, False, Mark.FAIL, "with --history-inputs hash end at once"),
        (SHORT, False, Mark.FAIL, "JITNEY_HASH_SECRET is shorter than 16 characters"),
        (LONG, True, Mark.OK, "is set"),
        (LONG | HASHES, False, Mark.OK, "is set"),
    ],
)
def test_the_secret_of_hashes_is_there_where_it_is_needed(environ, is_shared: bool, mark: Mark, said: str) -> None:
    [found] = of_secret(environ, is_shared=is_shared)

    assert (found.mark, said in found.said, "xxx" in found.said + found.remedy) == (mark, True, False)
    assert ("openssl rand -hex 32" in found.remedy) is (mark is Mark.FAIL)


@pytest.mark.parametrize("environ", [{}, LONG])
def test_the_secret_of_hashes_is_no_subject_where_nothing_is_hashed(environ) -> None:
    assert list(of_secret(environ, is_shared=False)) == []


WRITTEN = HistoryOverview(writer="w", database="sqlite:h.db", written=12, beat_age=2.0, dropped=3)


def test_a_history_that_gets_on_is_told_and_what_was_dropped_before() -> None:
    [found] = of_history(WRITTEN)

    assert found.mark is Mark.OK and "12 rows to sqlite:h.db" in found.said and "3 were dropped, ever" in found.said


@pytest.mark.parametrize(
    ("seen", "remedy"),
    [
        (replace(WRITTEN, beat_age=60.0, waiting=1), "jitney history run"),
        (HistoryOverview(waiting=1), "jitney history run"),
        (replace(WRITTEN, error="no disk"), "mend its database"),
        (HistoryOverview(dropped=1, dropped_age=5.0), "jitney_history_rows_total"),
    ],
)
def test_a_history_that_does_not_is_among_what_is_amiss(seen: HistoryOverview, remedy: str) -> None:
    [found] = [one for one in of_overview(overview(history=seen), facts(), {}) if one.about == "history"]

    assert found.mark is Mark.WARN and remedy in found.remedy
    assert list(of_history(seen)) == []


def test_where_there_is_no_history_nothing_is_said_of_it() -> None:
    assert list(of_history(HistoryOverview())) == []
