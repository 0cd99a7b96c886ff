"""What wrk says, read."""

from __future__ import annotations

import pytest

from benchmarks.spine import wrk

OUTPUT = """Running 10s test @ http://127.0.0.1:9527/models/synthetic
  1 threads and 256 connections
Requests/sec:   6187.11
summary {"requests": 1000, "seconds": 2.000000, "refused": 100, "broken": 3, "p50": 40.700, "p99": 49.300}
"""


def test_the_summary_is_found_among_what_wrk_prints():
    run = wrk.read(OUTPUT)

    assert (run.requests, run.refused, run.broken, run.p99) == (1000, 100, 3, 49.3)


def test_a_refused_request_is_no_throughput():
    assert wrk.read(OUTPUT).per_second == 450.0


def test_wrk_without_a_summary_says_what_it_said():
    with pytest.raises(wrk.WrkFailed, match="unable to connect"):
        wrk.read("", "unable to connect to 127.0.0.1:9527 Connection refused")


def test_a_missing_wrk_names_its_package(monkeypatch):
    monkeypatch.setenv("PATH", "")

    with pytest.raises(wrk.WrkFailed, match="apt install wrk"):
        wrk.find()


def test_any_body_can_stand_in_the_script():
    body = '{"payload": {"records": [{"id": "1", "text": "100 % \\"quoted\\" ]] and ]=]"}]}}'

    assert f"wrk.body = [==[{body}]==]" in wrk.SCRIPT % body
