"""Webhooks are signed by the rules of Standard Webhooks, whose example has this signature."""

from __future__ import annotations

import base64
import time

import pytest
from standardwebhooks import WebhookVerificationError

from server.webhooks.signature import headers, secrets_in
from tests.webhook_receiver import SECRET, Delivered

EXAMPLE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_known_message_has_its_known_signature() -> None:
    made = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', 1614265330.9, secrets_in(EXAMPLE))

    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_a_secret_rotates_the_old_and_the_new_one_both_verify() -> None:
    made = headers("id", b"{}", time.time(), secrets_in(f"{EXAMPLE} {SECRET}"))

    for secret in (EXAMPLE, SECRET):
        assert Delivered(path="/", headers=made, body=b"{}").verified(secret) == {}
    with pytest.raises(WebhookVerificationError):
        Delivered(path="/", headers=made, body=b"[]").verified()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="none"),
        pytest.param(base64.b64encode(b"x" * 32).decode(), id="no prefix"),
        pytest.param("whsec_" + base64.b64encode(b"x" * 23).decode(), id="too short"),
        pytest.param("whsec_" + base64.b64encode(b"x" * 65).decode(), id="too long"),
        pytest.param("whsec_secret!", id="no base64"),
        pytest.param(f"{SECRET} whsec_x", id="one of two"),
    ],
)
def test_what_is_no_secret_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="JITNEY_WEBHOOK_SECRET must be") as told:
        secrets_in(text)

    assert not text or text not in str(told.value)
