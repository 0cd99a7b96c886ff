"""`jitney keys`: what is kept, what is printed where, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from broker.common.durations import parse_duration
from broker.credentials.api_key import parse_key
from broker.credentials.credential import decode_lines
from jitney.cli import app

runner = CliRunner()


def run(path: Path, *arguments: str) -> Any:
    return runner.invoke(app, ["keys", *arguments, "--file", str(path)])


def added(path: Path, *arguments: str) -> str:
    said = run(path, "add", *(arguments or ("alice",)))
    assert said.exit_code == 0, said.stderr
    return said.stdout.strip()


def kept(path: Path) -> Any:
    [one] = decode_lines(path.read_text()).values()
    return one


def test_a_new_key_is_printed_alone_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys"

    said = run(path, "add", "alice")

    key = parse_key(said.stdout.removesuffix("\n"))
    assert key is not None
    assert kept(path).hash == key.hash
    assert key.secret not in path.read_text() + said.stderr
    assert key.id in said.stderr


def test_a_file_of_keys_is_its_owner_s(tmp_path: Path) -> None:
    added(tmp_path / "keys")

    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600


def test_what_is_asked_for_is_kept(tmp_path: Path) -> None:
    how = ["--weight", "3", "--limits", "5 jobs/min", "--models", "m2m*, other", "--lanes", "bulk", "--rights", "admin"]
    added(tmp_path / "keys", "alice", *how)

    one = kept(tmp_path / "keys")

    assert (one.name, one.weight, one.limits) == ("alice", 3, "5 jobs/min")
    assert (one.models, one.lanes, one.rights, one.expires) == (("m2m*", "other"), ("bulk",), ("admin",), 0.0)


def test_a_key_that_expires_does_so_after_that_time(tmp_path: Path) -> None:
    added(tmp_path / "keys", "alice", "--expires", "30d")

    one = kept(tmp_path / "keys")

    assert one.expires - one.created == pytest.approx(30 * 86_400, abs=2.0)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (["--weight", "10"], "9"),
        (["--limits", "many"], "'many' is no limit: say"),
        (["--lanes", "fast"], "lanes are"),
        (["--rights", "root"], "rights are"),
        (["--models", " "], "models is empty"),
        (["--expires", "soon"], "is no time: say 30d"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_kept(tmp_path: Path, how: list[str], said: str) -> None:
    found = run(tmp_path / "keys", "add", "alice", *how)

    assert found.exit_code == 2
    assert said in found.stderr
    assert found.stdout == ""
    assert not (tmp_path / "keys").exists()


def test_the_list_shows_everything_but_secrets_and_hashes(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    key = added(path, "alice", "--limits", "5 jobs/min")

    table, rows = run(path, "list").stdout, json.loads(run(path, "list", "--json").stdout)

    assert all(word in table for word in (kept(path).id, "alice", "5 jobs/min", "never"))
    assert rows["keys"][0] | {"id": 0, "created": 0} == {
        "id": 0,
        "name": "alice",
        "weight": 1,
        "limits": "5 jobs/min",
        "models": ["*"],
        "lanes": ["interactive", "bulk"],
        "rights": ["infer", "files"],
        "created": 0,
        "expires": None,
        "disabled": False,
        "former_until": None,
    }
    assert kept(path).hash not in table + str(rows)
    assert key not in table + str(rows)


def test_a_list_of_none_says_so(tmp_path: Path) -> None:
    assert run(tmp_path / "keys", "list").stdout == "there is no key\n"


def test_a_revoked_key_is_gone_and_others_and_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# ours\n\n")
    first, second = added(path), added(path, "bob")

    said = run(path, "revoke", first.split("_")[1])

    assert said.exit_code == 0
    assert kept(path).id == second.split("_")[1]
    assert path.read_text().startswith("# ours\n\n{")


def test_a_rotated_key_has_another_secret_and_the_one_before_counts_for_the_grace(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    first, before = added(path), kept(path)

    second = run(path, "rotate", first.split("_")[1], "--grace", "1h").stdout.strip()

    after, key = kept(path), parse_key(second)
    assert key is not None
    assert (after.id, after.name, after.hash) == (before.id, before.name, key.hash)
    assert after.former_hash == before.hash
    assert after.former_until > before.created + 3000


def test_a_key_that_has_leaked_counts_no_more_at_once(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    id = added(path).split("_")[1]
    run(path, "rotate", id)

    run(path, "rotate", id, "--grace", "0s")

    assert (kept(path).former_hash, kept(path).former_until) == ("", 0.0)


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_an_id_that_nobody_has_is_told_with_where_to_look(tmp_path: Path, command: str) -> None:
    said = run(tmp_path / "keys", command, "nobody")

    assert said.exit_code == 1
    assert "jitney keys list" in said.stderr
    assert said.stdout == ""


@pytest.mark.parametrize("command", [("add", "alice"), ("list",), ("revoke", "x"), ("rotate", "x")])
def test_a_file_of_something_else_is_not_touched(tmp_path: Path, command: tuple[str, ...]) -> None:
    path = tmp_path / "keys"
    path.write_text("something else\n")

    said = run(path, *command)

    assert said.exit_code == 1
    assert "line 1" in said.stderr
    assert said.stdout == ""
    assert path.read_text() == "something else\n"


def test_a_link_leads_to_the_same_file_afterwards(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("")
    (tmp_path / "keys").symlink_to("real")

    added(tmp_path / "keys")

    assert (tmp_path / "keys").is_symlink()
    assert decode_lines((tmp_path / "real").read_text())


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 2_592_000.0), ("24h", 86_400.0), ("90 min", 5400.0), ("0s", 0.0), ("5s", 5.0)]
)
def test_times_are_read_as_people_say_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5", "-5s", "1.5h", "5 m", "9999999d"])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no time: say 30d"):
        parse_duration(text)
