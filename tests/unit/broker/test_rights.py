"""The table of rights knows every command that the scripts send; docs/acl/users.acl grants exactly the table's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from broker.admin.rights import ALONE, BESIDE, TABLE, Role, rights

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "broker" / "scripts"
USERS = (ROOT / "docs" / "acl" / "users.acl").read_text().splitlines()
SHARED = ("common", "policies")
RUN_BY = {
    Role.FRONT_END: {"admit", "cancel"}
    | {f"prediction_{step}" for step in ("create", "begin", "finish", "remove", "beat", "hooks", "rows")}
    | {"history_append", "history_dropped"},
    Role.BATCHER: {"announce", "beat", "drain", "fail", "finish", "reclaim", "release"},
    Role.OPERATOR: {"overview", "letters", "drop", "rights", "credential"},
    Role.WRITER: {"history_trim", "history_beat"},
}
READS = {"get", "getrange", "exists", "llen", "lindex", "lrange"}
READS |= {"hget", "hlen", "hexists", "hgetall", "hmget", "hscan", "zcard", "zcount", "zrange", "zmscore"}
READS |= {"eval_ro", "evalsha_ro"}
SELECTOR = re.compile(r"\(([^)]*)\)")
WRITES = {"ltrim", "rpush", "pexpire", "unlink", "exists"}  # and read nothing; so does SET, by itself


def code(name: str) -> str:
    """A script without its comments."""
    return re.sub(r"--.*", "", (SCRIPTS / f"{name}.lua").read_text())


def shared() -> dict[str, str]:
    """The functions of these: name → body."""
    [_, *parts] = re.split(r"local function (\w+)", "".join(map(code, SHARED)))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def sent_by(source: str) -> set[str]:
    """The commands in this piece of Lua, and in the shared functions that it calls."""
    found = {name.lower() for name in re.findall(r"(?<!find)\('([A-Z]+)'", source)}
    called = [body for name, body in shared().items() if re.search(rf"\b{name}\(", source) and body not in source]
    return found.union(*(sent_by(body) for body in called))


def line_of(role: Role) -> list[str]:
    """Its rules but selectors."""
    return SELECTOR.sub("", _line(role)).split()


def selected(role: Role) -> list[list[str]]:
    """The rules of each of its selectors."""
    return [rules.split() for rules in SELECTOR.findall(_line(role))]


def _line(role: Role) -> str:
    return next(line for line in USERS if line.startswith(f"user jitney-{role} "))


def test_every_script_is_run_by_somebody() -> None:
    assert {path.stem for path in SCRIPTS.glob("*.lua")} - {*SHARED} == set().union(*RUN_BY.values())


@pytest.mark.parametrize("role", Role)
def test_the_table_knows_every_command_of_the_scripts(role: Role) -> None:
    sent = set().union(*(sent_by(code(name)) for name in RUN_BY[role]))

    assert sent - {right.command for right in rights(role)} == set()


@pytest.mark.parametrize("role", Role)
def test_the_shipped_user_may_send_the_commands_of_the_table_and_no_other(role: Role) -> None:
    granted = {rule[1:] for rule in line_of(role) if rule.startswith("+")}

    assert "-@all" in line_of(role)
    assert granted == {right.command for right in rights(role) if right.key not in ALONE.get(role, ())}


@pytest.mark.parametrize("role", Role)
def test_the_shipped_user_reads_and_writes_the_keys_of_the_table_and_no_other(role: Role) -> None:
    granted = [rule for rule in line_of(role) if "~" in rule]

    whole = ("cards", "batchers", "defaults", "traffic", "epoch", "refused")
    expected = [
        f"%{access(set(row.split()))}~jitney:{{default}}:"
        + (key if key in BESIDE else f"?:{key}{'' if key in whole else '*'}")
        for key, row in TABLE[role].items()
        if key and key not in ALONE.get(role, ())
    ]
    assert sorted(granted) == sorted(expected)


@pytest.mark.parametrize("role", Role)
def test_keys_that_stand_alone_are_open_to_the_commands_of_the_table_and_no_other(role: Role) -> None:
    keys = ALONE.get(role, ())
    commands = {command for key in keys for command in TABLE[role][key].split()}

    assert all(commands == set(TABLE[role][key].split()) <= READS for key in keys)
    expected = [f"+{command}" for command in sorted(commands)] + [f"%R~jitney:{{default}}:?:{key}*" for key in keys]
    assert selected(role) == ([expected] if keys else [])


def access(commands: set[str]) -> str:
    if commands <= READS:
        return "R"
    return "W" if commands <= WRITES | {"set"} else "RW"


def test_nobody_gets_in_without_a_name_and_a_password() -> None:
    assert USERS[0] == "user default off"
    assert all(any(word.startswith(">") for word in line.split()) for line in USERS[1:])
