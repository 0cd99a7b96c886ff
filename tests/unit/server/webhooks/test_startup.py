"""A front end that cannot send webhooks says so at its start."""

from __future__ import annotations

import pytest

from server.settings import ServerSettings
from server.webhooks import startup
from server.webhooks.startup import secrets_from
from tests.webhook_receiver import SECRET

ON = ServerSettings(webhooks=True)


def test_nothing_is_read_while_webhooks_are_off():
    assert secrets_from({"JITNEY_WEBHOOK_SECRET": "nonsense"}, ServerSettings()) == ()


def test_the_secrets_come_from_the_environment():
    assert secrets_from({"JITNEY_WEBHOOK_SECRET": SECRET}, ON) == (bytes(range(32)),)


def test_without_a_secret_it_does_not_start():
    with pytest.raises(ValueError, match="JITNEY_WEBHOOK_SECRET must be whsec_"):
        secrets_from({}, ON)


def test_without_httpx2_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(startup, "find_spec", lambda name: None)

    with pytest.raises(ValueError, match="pip install 'jitney\\[client\\]'"):
        secrets_from({"JITNEY_WEBHOOK_SECRET": SECRET}, ON)


def test_networks_that_are_none_are_refused():
    assert ServerSettings(webhook_allow="10.0.0.0/8, fd00::/8").complaints() == []
    assert ServerSettings(webhook_allow="inside").complaints()[0].startswith("--webhook-allow: ")
