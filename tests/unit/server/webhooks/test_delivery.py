"""One try: to the addresses that were checked and no others, whatever a name, a redirect or the environment says."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Sequence

import pytest

from server.webhooks.addresses import networks_in
from server.webhooks.delivery import Delivery
from server.webhooks.receiver import receiver_from
from server.webhooks.schedule import Reply
from tests.webhook_receiver import LOOPBACK, LocalReceiver, local_receiver

pytestmark = pytest.mark.anyio
ALLOWED = networks_in(LOOPBACK)


class Names:
    """A resolver that says these addresses, one list a look-up, and then the last again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def sent(to: LocalReceiver, names: Names, allowed=ALLOWED) -> Reply:
    receiver = receiver_from(f"http://hooks.example:{to.port}/in?x=1", ALLOWED)
    return await Delivery(allowed, names)(receiver, {"webhook-id": "1"}, b"{}")


async def test_it_is_posted_to_the_address_under_the_name_that_the_client_said():
    with local_receiver(200) as receiver:
        assert await sent(receiver, Names(["127.0.0.1"])) == Reply(status=200)

        [came] = receiver.came
        assert (came.path, came.body, came.headers["webhook-id"]) == ("/in?x=1", b"{}", "1")
        assert came.headers["host"] == f"hooks.example:{receiver.port}"
        assert came.headers["content-type"] == "application/json"


async def test_a_name_is_looked_up_once_so_another_answer_cannot_follow_the_check():
    with local_receiver() as receiver:
        names = Names(["127.0.0.1"], ["10.0.0.1"])

        assert (await sent(receiver, names)).status == 204
        assert names.asked == ["hooks.example"]


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["127.0.0.1", "169.254.169.254"], []])
async def test_a_name_with_an_address_that_is_not_allowed_gets_nothing(addresses):
    with local_receiver() as receiver:
        assert await sent(receiver, Names(addresses)) == Reply(is_refused=True)
        assert receiver.came == []


async def test_without_tls_nothing_goes_to_the_open_internet():
    with local_receiver() as receiver:
        assert await sent(receiver, Names(["8.8.8.8"])) == Reply(is_refused=True)


async def test_the_next_address_is_tried_when_one_takes_no_connection():
    with local_receiver() as receiver:
        assert (await sent(receiver, Names(["127.0.0.2", "127.0.0.1"]))).status == 204


async def test_a_redirect_is_not_followed():
    with local_receiver() as other, local_receiver(307, headers={"Location": other.url}) as receiver:
        assert (await sent(receiver, Names(["127.0.0.1"]))).status == 307
        assert other.came == []


async def test_no_proxy_of_the_environment_is_used(monkeypatch):
    with local_receiver() as proxy, local_receiver() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)

        assert (await sent(receiver, Names(["127.0.0.1"]))).status == 204
        assert proxy.came == []


async def test_what_a_busy_receiver_says_of_when_is_told():
    with local_receiver(503, headers={"Retry-After": "7"}) as receiver:
        assert await sent(receiver, Names(["127.0.0.1"])) == Reply(status=503, retry_after=7.0)


async def test_one_that_is_not_reached_or_not_found_said_nothing():
    with local_receiver() as receiver:
        pass

    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    assert await sent(receiver, Names(["127.0.0.1"])) == Reply()
    assert await sent(receiver, unknown) == Reply()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
@pytest.mark.parametrize(("named", "status"), [("hooks.example", 204), ("other.example", 0)])
async def test_the_certificate_must_be_that_of_the_name_and_not_of_the_address(tmp_path, named, status):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made += ["-keyout", str(key), "-out", str(cert), "-subj", "/CN=test", "-addext", f"subjectAltName=DNS:{named}"]
    subprocess.run(made, check=True, capture_output=True)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, key)
    wanted: list[str] = []
    serving.sni_callback = lambda _, name, __: wanted.append(name)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=serving) as server:
        port = server.sockets[0].getsockname()[1]
        trust = ssl.create_default_context(cafile=str(cert))
        receiver = receiver_from(f"https://hooks.example:{port}/", ALLOWED)

        reply = await Delivery(ALLOWED, Names(["127.0.0.1"]), trust)(receiver, {}, b"{}")

        assert (reply, wanted) == (Reply(status=status), ["hooks.example"])
