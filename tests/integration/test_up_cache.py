"""`jitney up` with a cache: its front ends are told, and one that cannot start says why."""

from __future__ import annotations

from pathlib import Path

from tests.integration.up import READY, running_up

MODEL = ("--model", "synthetic:1ms+0ms")


def test_front_ends_are_told_by_their_environment(tmp_path: Path) -> None:
    url = "redis://:secret@127.0.0.1:1"
    given = {"JITNEY_CACHE_URL": url, "JITNEY_HASH_SECRET": "0123456789abcdef"}
    with running_up(*MODEL, "--cache-bytes", "1000000", output=tmp_path / "said", **given) as up:
        up.says(READY)
        front_end = up.child("server --host")
        environ = Path(f"/proc/{front_end}/environ").read_bytes().split(b"\0")

        assert b"JITNEY_CACHE_BYTES=1000000" in environ and f"JITNEY_CACHE_URL={url}".encode() in environ
        assert "secret" not in "".join(up.children().values()) + up.said()


def test_a_server_without_memory_in_front_of_it_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with running_up(*MODEL, "--cache-url", "redis://127.0.0.1:1", output=tmp_path / "said") as up:
        up.says("JITNEY_CACHE_URL needs JITNEY_CACHE_BYTES above 0")

        assert up.ends() == 2
