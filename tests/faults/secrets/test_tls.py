"""The link to the broker over TLS: it carries everything, and what is wrong with it is told in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.embedded import Server
from tests.faults.kit.authority import TlsBroker, tls_broker
from tests.faults.kit.command import jitney
from tests.faults.kit.oracle import check_answers, check_nothing_left
from tests.faults.kit.traffic import ask
from tests.integration.stack import stack

SPEC = "synthetic:1ms+0ms"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsBroker]:
    with tls_broker(tmp_path_factory.mktemp("tls")) as made:
        yield made


def test_requests_travel_over_tls(broker: TlsBroker) -> None:
    looked_at = Server(url=broker.plain_url, kind="with TLS")
    with stack(models=[], front_ends=0, broker=looked_at) as system:
        system.start_batcher(SPEC, JITNEY_REDIS_URL=broker.url())
        system.start_front_end(JITNEY_REDIS_URL=broker.url())
        system.wait_live()

        check_answers(ask(system.urls, 20))

        check_nothing_left(system)
    assert jitney("doctor", url=broker.url()).code == 0


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_a_server_that_another_authority_vouches_for_is_refused(broker: TlsBroker, command: str) -> None:
    wrong = broker.url().replace(str(broker.authority), str(broker.stranger))

    said = jitney(command, url=wrong)

    assert said.code == 1
    assert "signed by a CA that is not trusted here" in said.all and "ssl_ca_certs=" in said.all


def test_a_certificate_for_another_name_is_refused(broker: TlsBroker) -> None:
    said = jitney("status", url=broker.url(host="127.0.0.1"))

    assert said.code == 1
    assert "its certificate is made out to another name" in said.err


def test_an_authority_that_is_not_there_is_told(broker: TlsBroker, tmp_path: Path) -> None:
    said = jitney("status", url=broker.url().replace(str(broker.authority), str(tmp_path / "none.crt")))

    assert "a certificate file that the URL names is not there" in said.err


def test_a_plain_url_for_the_tls_port_is_told(broker: TlsBroker) -> None:
    said = jitney("status", url=f"redis://localhost:{broker.tls_port}/0")

    assert said.code == 1
    assert "its port wants TLS" in said.err and "write rediss://" in said.err


def test_a_tls_url_for_the_plain_port_is_told(broker: TlsBroker) -> None:
    said = jitney("status", url=f"rediss://localhost:{broker.plain_port}/0")

    assert said.code == 1
    assert "write redis:// for a plain port" in said.err


def test_a_front_end_and_a_batcher_say_that_a_certificate_is_not_trusted(broker: TlsBroker) -> None:
    wrong = broker.url().replace(str(broker.authority), str(broker.stranger))
    with stack(models=[], front_ends=0, broker=Server(url=broker.plain_url, kind="with TLS")) as system:
        front_end = system.start_front_end(wait=False, JITNEY_REDIS_URL=wrong)
        batcher = system.start_batcher(SPEC, wait=False, JITNEY_REDIS_URL=wrong)

        system.until(lambda: "ssl_ca_certs=" in front_end.stderr(), "the front end names the remedy", front_end)
        system.until(lambda: "ssl_ca_certs=" in batcher.stderr(), "the batcher names the remedy", batcher)
