"""A plan shared out to several processes."""

from __future__ import annotations

import pytest

from benchmarks.lib.loops import Call
from benchmarks.load.command import Plan, read_plan
from benchmarks.load.sending import Sent, dues
from benchmarks.load.shares import shares, together


def plan(*arguments: str, processes: int = 3) -> Plan:
    times = ["--warm-up", "0", "--duration", "100"]
    return read_plan([*times, *arguments, "--processes", str(processes)])[0]


def all_dues(asked: Plan) -> list[float]:
    return sorted(due for share in shares(asked) for due in dues(share))


def test_clients_are_all_shared_out_and_nobody_gets_none():
    assert [share.concurrency for share in shares(plan("--concurrency", "8"))] == [3, 3, 2]
    assert [share.concurrency for share in shares(plan("--concurrency", "2"))] == [1, 1]


def test_constant_arrivals_of_all_together_leave_the_same_gap():
    asked = plan("--rate", "12", "--arrivals", "constant")

    assert all_dues(asked) == pytest.approx([number / 12 for number in range(1200)])


@pytest.mark.parametrize("arrivals", ["poisson", "burst"])
def test_random_arrivals_of_all_together_keep_the_rate(arrivals: str):
    assert len(all_dues(plan("--rate", "100", "--arrivals", arrivals))) == pytest.approx(10_000, rel=0.03)


def test_no_two_shares_draw_the_same_arrivals_nor_do_those_of_another_seed():
    seeds = [share.seed for seed in "01" for share in shares(plan("--rate", "10", "--seed", seed))]

    assert len(set(seeds)) == 6


def test_every_request_of_a_trace_is_sent_once(tmp_path):
    (tmp_path / "trace").write_text("".join(f"{number},{number + 1}\n" for number in range(5)))

    asked = plan("--replay", str(tmp_path / "trace"), processes=2)

    assert [list(share.replay) for share in shares(asked)] == [[(0.0, 1), (2.0, 3), (4.0, 5)], [(1.0, 2), (3.0, 4)]]


def test_each_share_begins_with_texts_of_its_own(tmp_path):
    (tmp_path / "texts").write_text("a\nb\nc\n")

    asked = plan("--rate", "10", "--texts-file", str(tmp_path / "texts"))

    assert [share.workload.texts for share in shares(asked)] == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]


def test_calls_of_all_shares_come_in_the_order_in_which_they_ended_and_the_busiest_share_counts():
    first, second, third = (Call(due=0.0, sent=0.0, ended=float(ended), outcome="200") for ended in (1, 2, 3))

    sent = together([Sent(calls=[first, third], busy=0.5), Sent(calls=[second], busy=0.75)])

    assert sent == Sent(calls=[first, second, third], busy=0.75)
