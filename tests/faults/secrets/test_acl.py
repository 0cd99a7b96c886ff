"""Each side of the system does all its work as the user that docs/acl ships for it, and can do nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
import redis

from broker.admin.redis import connect_admin
from broker.admin.rights import Role, rights
from broker.embedded import Server, embedded_server, inspect_binary
from broker.keys import Keys
from tests.contract.servers import FINDERS
from tests.contract.users import SHIPPED, rules, url_as
from tests.faults.kit.command import jitney
from tests.faults.kit.oracle import check_answers, check_nothing_left
from tests.faults.kit.poison import SPEC, meet_poison
from tests.faults.kit.traffic import ask, traffic
from tests.integration.stack import Stack, stack
from tests.waiting import until

KEYS = Keys("default")
DENIED = "(?i)no permissions|executing the script can't"
FORBIDDEN = [
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "GET", "dir"),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("KEYS", "*"),
    ("PUBLISH", "channel", "word"),
    ("SUBSCRIBE", "channel"),
    ("SHUTDOWN",),
    ("ACL", "LIST"),
    ("SCRIPT", "FLUSH"),
    ("GET", "session:1"),
    ("GET", "jitney:{other}:epoch"),
    ("EVAL", "return redis.call('GET', 'session:1')", "0"),
]
NOT_THEIRS = {
    Role.FRONT_END: [
        ("DEL", KEYS.lease("b")),
        ("DEL", KEYS.leases("m")),
        ("SET", KEYS.leases("m"), "1"),
        ("LRANGE", KEYS.dead("m"), "0", "1"),
        ("LRANGE", KEYS.suspects("m"), "0", "1"),
        ("SET", KEYS.cards, "1"),
        ("SET", KEYS.artifact("0"), "1"),
        ("ZSCORE", KEYS.cancel("m"), "0"),
    ],
    Role.BATCHER: [("GET", KEYS.admit("f")), ("SCAN", "0")],
    Role.OPERATOR: [
        ("LRANGE", KEYS.reply("f"), "0", "1"),
        ("SET", KEYS.epoch, "1"),
        ("LREM", KEYS.queue("m", "bulk"), "1", "x"),
        ("LREM", KEYS.history, "0", "1"),
    ],
    Role.WRITER: [
        ("LRANGE", KEYS.queue("m", "bulk"), "0", "1"),
        ("LRANGE", KEYS.reply("f"), "0", "1"),
        ("RPUSH", KEYS.history, "1"),
        ("SET", KEYS.epoch, "1"),
        ("HGET", KEYS.credentials, "1"),
    ],
}


@pytest.fixture(scope="module", params=FINDERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Valkey, then Redis, with the users that we ship."""
    found = FINDERS[request.param]()
    binary = inspect_binary(Path(found)) if found else None
    if binary is None:
        pytest.skip(f"no {request.param}-server on this machine")
    users = tmp_path_factory.mktemp("acl") / "users.acl"
    users.write_text(rules("default"))
    with embedded_server(tcp=True, binary=binary, options=["--aclfile", str(users)]) as made:
        yield made


@pytest.fixture
def anybody(server: Server) -> Iterator[redis.Redis]:
    """One who may do everything."""
    with redis.Redis.from_url(server.url, socket_timeout=5.0) as client:
        yield client


def start_batcher(system: Stack, *, wait: bool = False) -> None:
    system.start_batcher(SPEC, wait=wait, lease=0.6, JITNEY_REDIS_URL=url_as(Role.BATCHER, system.broker.url))


def start_front_end(system: Stack) -> None:
    system.start_front_end(drain_seconds=0.1, JITNEY_REDIS_URL=url_as(Role.FRONT_END, system.broker.url))


def test_the_system_lives_through_everything_and_nobody_is_ever_denied_anything(
    server: Server, anybody: redis.Redis
) -> None:
    operator = url_as(Role.OPERATOR, server.url)
    anybody.execute_command("ACL", "LOG", "RESET")
    with stack(models=[], front_ends=0, broker=server) as system:
        start_batcher(system)
        start_front_end(system)
        system.wait_live()

        check_answers(ask(system.urls, 20))
        poisoned = meet_poison(system, lambda: start_batcher(system))
        [letter] = jitney("dead", "list", "--json", url=operator).json()
        dropped = jitney("dead", "drop", letter["job_id"], url=operator)
        lose_a_batcher(system)
        roll(system)
        seen, examined = jitney("status", "--json", url=operator).json(), jitney("doctor", url=operator)
        check_nothing_left(system)

    assert (poisoned.json()["code"], letter["attempts"], dropped.out) == ("poison", 3, "1 dropped\n")
    assert seen["models"][0]["batchers"] >= 1
    assert examined.code == 0, examined.all
    assert anybody.execute_command("ACL", "LOG") == []


def lose_a_batcher(system: Stack) -> None:
    """kill -9 under load: another one takes over."""
    start_batcher(system, wait=True)
    start_batcher(system, wait=True)
    with traffic(system.urls, rate=50) as calls:
        until(lambda: len(calls) > 20, "there is load")
        system.batchers[-2].kill()
        answered = len(calls)
        until(lambda: len(calls) > answered + 20, "load goes on")
    check_answers(calls)


def roll(system: Stack) -> None:
    """A new batcher and a new front end come, the old ones end by SIGTERM; nobody notices."""
    start_batcher(system, wait=True)
    start_front_end(system)
    for old in [*system.batchers[:-1], system.front_ends[0]]:
        if old.exit_code is None:
            assert old.stop() == 0, old.stderr()
    check_answers(ask(system.urls, 20))


@pytest.mark.parametrize("role", Role)
def test_nobody_may_do_what_only_administrators_should(server: Server, role: Role) -> None:
    with redis.Redis.from_url(url_as(role, server.url), socket_timeout=5.0) as user:
        for command in [*FORBIDDEN, *NOT_THEIRS[role]]:
            with pytest.raises(redis.ResponseError, match=DENIED):
                user.execute_command(*command)


@pytest.mark.parametrize("role", Role)
def test_the_doctor_finds_each_user_fit_for_its_role_and_for_no_other(server: Server, role: Role) -> None:
    url = url_as(role, server.url)
    others = [word for other in Role if other is not role for word in ("--role", other.value)]

    fit, unfit = jitney("doctor", "--role", role.value, url=url), jitney("doctor", *others, url=url)

    assert fit.code == 0, fit.all
    assert unfit.code == 1
    is_writer_too = role is Role.FRONT_END  # it writes that list, and has the writer's commands for others
    assert unfit.out.count(f"user jitney-{role} may not act as") == len(Role) - 1 - is_writer_too


@pytest.mark.parametrize("role", Role)
def test_each_has_all_that_it_needs_and_nothing_that_it_does_not(
    server: Server, anybody: redis.Redis, role: Role
) -> None:
    """Without any one of its rules, or with less than that grants, something that it sends is denied."""
    [_, _, _, _, *granted] = _line_of(role)
    needed = [right.words(KEYS) for right in rights(role)]

    def denied(rules: Sequence[str]) -> list[int]:
        anybody.execute_command("ACL", "SETUSER", "trial", "reset", "on", ">word", *rules)
        with closing(connect_admin(server.url.replace("//", "//trial:word@"), "default")) as trial:
            return trial.denied(needed)

    assert denied(granted) == []
    for place, rule in enumerate(granted):
        if rule not in ("resetkeys", "resetchannels", "-@all"):
            without = [*granted[:place], *granted[place + 1 :]]
            assert denied(without), f"{role} does not need {rule}"
        if rule.startswith("%RW~"):
            for less in ("%R~", "%W~"):
                weaker = rule.replace("%RW~", less)
                assert denied([*granted[:place], weaker, *granted[place + 1 :]]), f"{weaker} is enough for {role}"
    anybody.execute_command("ACL", "DELUSER", "trial")


def _line_of(role: Role) -> list[str]:
    """A selector is one rule."""
    line = next(line for line in SHIPPED.read_text().splitlines() if f"jitney-{role} " in line)
    return re.findall(r"\([^)]*\)|\S+", line)
