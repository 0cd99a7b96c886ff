"""`cost` on a real broker where that is quick, and what it says when it cannot begin."""

from __future__ import annotations

from benchmarks.cost.command import main
from benchmarks.cost.standing import measure
from benchmarks.cost.whole_path import how_many


def test_the_broker_is_measured_while_a_backlog_stands():
    found = measure(100, rounds=2)

    assert (found.backlog, found.batch) == (100, 64)
    assert min(found.admit, found.claim, found.finish) > 0.0


def test_few_clients_send_many_records():
    assert (how_many(1, 33), how_many(256, 33)) == (256, 8)


def test_long_texts_are_sent_by_as_many_clients_as_a_front_end_lets_wait():
    assert how_many(1, 10_000) == 50


def test_without_wrk_nothing_is_started(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")

    status = main([])

    assert (status, "apt install wrk" in capsys.readouterr().err) == (1, True)
