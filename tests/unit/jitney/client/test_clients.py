"""`Jitney` and `AsyncJitney` themselves: one has what the other has, and neither needs more than httpx2."""

from __future__ import annotations

import inspect
import subprocess
import sys

import httpx2
import pytest

from jitney.client import AsyncJitney, Jitney, JitneyError, RecordFailed, calls
from tests.conftest import FakeClock
from tests.unit.jitney.client.scripted import Scripted

ONE_FAILED = {"result": [{"id": 0, "text": "a"}, {"id": 1, "error": {"code": "expired", "message": "too late"}}]}


def transport(server: Scripted) -> httpx2.Client:
    return httpx2.Client(transport=httpx2.MockTransport(server))


def client(server: Scripted) -> Jitney:
    return Jitney("http://jitney.test", http=transport(server))


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        found = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(method).parameters) for name, method in found if name[0] != "_"}

    assert methods(Jitney) == methods(AsyncJitney)


def test_a_method_has_the_parameters_and_the_words_of_its_call() -> None:
    assert list(inspect.signature(Jitney.embed).parameters) == ["self", "texts", "prompt", "model"]
    assert Jitney.embed.__doc__ == calls.embed.__doc__ and calls.embed.__doc__


def test_variables_say_the_url_and_the_key(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JITNEY_URL", "http://elsewhere.test/")
    monkeypatch.setenv("JITNEY_API_KEY", "k")
    server = Scripted(clock)

    with Jitney(http=transport(server)) as client:
        client.translate("a", to="fr")

    assert str(server.asked[0].url) == "http://elsewhere.test/translation"
    assert server.sent("authorization") == ["Bearer k"]


@pytest.mark.parametrize("url", ["localhost:9527", "ftp://jitney.test", "//jitney.test"])
def test_an_address_that_is_none_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(ValueError, match="begins with http:// or https://"):
        Jitney(url)


def test_a_password_in_the_address_is_never_shown(clock: FakeClock) -> None:
    server = Scripted(clock, replies=[httpx2.ConnectError("refused"), httpx2.ReadTimeout("slow")])

    with Jitney("http://me:secret@jitney.test", max_retries=0, http=transport(server)) as mine:
        for _ in range(2):
            with pytest.raises(JitneyError, match=r"http://jitney\.test") as caught:
                mine.models()
            assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://me:secret/x@jitney.test", "http:///x", "http://jitney.test:0"])
def test_an_address_without_a_host_or_a_port_is_refused_without_its_words(url: str) -> None:
    with pytest.raises(ValueError, match="has a host") as caught:
        Jitney(url)
    assert "secret" not in str(caught.value)


def test_a_key_from_a_file_has_a_line_end_that_is_not_sent(clock: FakeClock) -> None:
    server = Scripted(clock)

    with Jitney("http://jitney.test", api_key=" secret\n\n ", http=transport(server)) as mine:
        mine.translate("a", to="fr")

    assert server.sent("authorization") == ["Bearer secret"]


@pytest.mark.parametrize("key", ["secret\nX-Other: 1", "secret€", "secret secret"])
def test_a_key_that_no_header_can_say_is_refused_without_its_words(key: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII") as caught:
        Jitney("http://jitney.test", api_key=key)
    assert "secret" not in str(caught.value)


def test_a_records_error_is_raised_where_the_client_was_made_so(clock: FakeClock) -> None:
    server = Scripted(clock, replies=[(200, {}, ONE_FAILED), (200, {}, ONE_FAILED)])

    with client(server) as mine:
        assert [answer.error is None for answer in mine.translate(["a", "b"], to="fr")] == [True, False]
        with pytest.raises(RecordFailed, match="record 1: expired: too late"):
            mine.with_options(raise_on_error=True).translate(["a", "b"], to="fr")


def test_options_change_for_some_calls_only(clock: FakeClock) -> None:
    server = Scripted(clock)

    with client(server) as mine:
        mine.with_options(lane="bulk", timeout=5.0).translate("a", to="fr")
        mine.translate("a", to="fr")

    assert server.sent("jitney-lane") == ["bulk", "interactive"]


def test_a_submission_has_a_key_and_no_deadline_of_the_call(clock: FakeClock) -> None:
    server = Scripted(clock, replies=[(202, {"location": "/predictions/p1"}, {})] * 2)

    with client(server) as mine:
        prediction = mine.submit(calls.translate("a", to="fr"))
        mine.submit(calls.translate("a", to="fr"), key="mine", within=3600.0)

    assert prediction.id == "p1"
    assert server.sent("x-request-timeout") == [None, "3600.000"]
    assert server.sent("prefer") == ["respond-async"] * 2
    first, second = server.sent("idempotency-key")
    assert (bool(first), second) == (True, "mine")


def test_without_httpx2_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['httpx2'] = None\n"
        "import jitney.client\n"
        "try: jitney.client.Jitney()\n"
        "except ImportError as error: print(error)"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "pip install 'jitney[client]'" in said.stdout


def test_the_client_brings_neither_a_broker_nor_asyncio() -> None:
    program = (
        "import sys, jitney.client, httpx2\n"
        "print({'broker', 'redis', 'msgspec', 'typer', 'asyncio', 'numpy'} & sys.modules.keys())"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "set()"
