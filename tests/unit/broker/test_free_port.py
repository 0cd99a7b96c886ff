import json
import socket
import subprocess
import sys
from itertools import chain

import pytest

import broker.common.free_port as ports

ASK = "import broker.common.free_port as it; it.PORTS = range(20_000, 20_030); print([it.free_port() for _ in '12345'])"


def test_processes_that_ask_at_once_get_no_port_twice() -> None:
    asking = [subprocess.Popen([sys.executable, "-c", f"{ASK}; input()"], stdin=-1, stdout=-1) for _ in range(4)]

    given = [port for one in asking if one.stdout is not None for port in json.loads(one.stdout.readline())]

    for one in asking:
        one.communicate(b"\n")
    assert len(set(given)) == 20


def test_a_port_that_somebody_listens_on_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        offers = chain([taken], ports.PORTS)
        monkeypatch.setattr(ports.random, "choice", lambda _: next(offers))

        assert ports.free_port() in ports.PORTS


def test_a_process_keeps_a_bounded_number_of_them() -> None:
    for _ in range(2 * ports.KEPT):
        ports.free_port()

    assert len(ports._kept) == ports.KEPT
