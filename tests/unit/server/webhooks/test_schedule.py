"""What comes of a try: delivered, stopped, or when the next one is due."""

from __future__ import annotations

import pytest

from server.webhooks.schedule import Fate, Reply, after, retry_after

DAY = 86_400.0


@pytest.mark.parametrize(
    ("reply", "tries", "left", "expected"),
    [
        pytest.param(Reply(status=204), 1, DAY, (Fate.DELIVERED, None), id="2xx"),
        pytest.param(Reply(status=410), 1, DAY, (Fate.GONE, None), id="it wants no more"),
        pytest.param(Reply(is_refused=True), 1, DAY, (Fate.REFUSED, None), id="no address to send to"),
        pytest.param(Reply(status=500), 1, DAY, (Fate.RETRIED, 5.0), id="the first failure"),
        pytest.param(Reply(), 2, DAY, (Fate.RETRIED, 300.0), id="the second: not reached"),
        pytest.param(Reply(status=302), 3, DAY, (Fate.RETRIED, 1800.0), id="a redirect is a failure"),
        pytest.param(Reply(status=503, retry_after=60.0), 1, DAY, (Fate.RETRIED, 60.0), id="it says when"),
        pytest.param(
            Reply(status=429, retry_after=1.0), 2, DAY, (Fate.RETRIED, 300.0), id="never sooner than we would"
        ),
        pytest.param(Reply(status=500, retry_after=60.0), 1, DAY, (Fate.RETRIED, 5.0), id="only the busy say when"),
        pytest.param(Reply(status=500), 99, 2 * DAY, (Fate.RETRIED, DAY), id="the last pause comes again"),
        pytest.param(Reply(status=500), 2, 299.0, (Fate.GIVEN_UP, None), id="forgotten before the next"),
        pytest.param(Reply(status=503, retry_after=9 * DAY), 1, DAY, (Fate.GIVEN_UP, None), id="it says never"),
    ],
)
def test_a_try_has_a_fate(reply, tries, left, expected):
    assert after(reply, tries, left) == expected


def test_those_that_failed_together_come_back_apart():
    assert after(Reply(status=500), 1, DAY, spread=1.1)[1] == pytest.approx(5.5)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0.0),
        ("120", 120.0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", 0.0),
        ("-1", 0.0),
        ("9" * 400, 999_999_999.0),
    ],
)
def test_retry_after_is_read_in_both_forms(header, seconds):
    assert retry_after(header, 100.0) == seconds
