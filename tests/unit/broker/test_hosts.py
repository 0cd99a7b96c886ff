"""Which words are addresses to listen on."""

from __future__ import annotations

from typing import Any

import pytest

from batcher.settings import BatcherSettings
from broker.common.hosts import host_complaint


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "0.0.0.0", "::", "::1", "fe80::1%eth0", "localhost", "front-end-0.jitney.svc", "my_host", "a.b."],
)
def test_an_address_or_a_name_is_fine(host: str) -> None:
    assert host_complaint(host) is None


@pytest.mark.parametrize(
    ("host", "said"),
    [
        pytest.param("", "is empty", id="nothing, which the system takes for every interface"),
        pytest.param("  ", "is empty", id="blanks"),
        pytest.param("0", "no address", id="a number, which the system takes for every interface"),
        pytest.param("1.2", "no address", id="an IPv4 address in short"),
        pytest.param("0x7f000001", "no address", id="one in hexadecimal"),
        pytest.param("256.1.1.1", "no address", id="a part beyond 255"),
        pytest.param("<broadcast>", "no address", id="what Python takes for 255.255.255.255"),
        pytest.param("http://0.0.0.0", "not a URL", id="a URL"),
        pytest.param("localhost:9527", "takes no port: write 'localhost'", id="a port behind it"),
        pytest.param("[::1]", "without brackets: '::1'", id="brackets"),
        pytest.param("a..b", "no address", id="an empty label"),
        pytest.param("a b", "no address", id="a blank within"),
        pytest.param("127.0.0.1/8", "no address", id="a network"),
        pytest.param("x" * 300, "no address", id="too long"),
        pytest.param("a\x00b", "no address", id="a control character"),
        pytest.param("*", "no address", id="a star"),
        pytest.param("localhost\n", "no address", id="the end of a line"),
    ],
)
def test_what_is_neither_is_told_with_what_to_write(host: str, said: str) -> None:
    complaint = host_complaint(host)

    assert complaint is not None and said in complaint


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"metrics_host": ""}, "metrics_host is empty"), ({"metrics_port": 70_000}, "metrics_port is a port")],
    ids=str,
)
def test_a_batcher_refuses_them_for_its_metrics_too(settings: dict[str, Any], said: str) -> None:
    [complaint] = BatcherSettings(model="synthetic:1ms", **settings).complaints()

    assert said in complaint
