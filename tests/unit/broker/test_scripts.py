"""A script's source: its own file, and what it uses of what all share."""

from __future__ import annotations

from broker.redis import scripts


def test_a_script_brings_of_what_all_share_only_what_it_uses():
    finish, drain = scripts.FINISH.source.decode(), scripts.DRAIN.source.decode()

    assert "local function publish(" in finish
    assert "local function publish(" not in drain
    assert "local function now_ms(" in drain
    assert "local function now_ms(" not in finish


def test_a_script_brings_what_is_used_by_what_it_uses():
    assert "wake(" not in scripts.FINISH.source.decode()
    assert "local function ring(" in scripts.FINISH.source.decode()  # it rings by `publish`


def test_every_shared_function_is_found_to_be_one():
    assert len(scripts.FUNCTION.findall(scripts.COMMON)) == scripts.COMMON.count("local function ")
