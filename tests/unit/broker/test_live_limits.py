"""Live limits as the broker holds them: what is not a number is a `WireError`, and only what is named changes."""

from __future__ import annotations

import pytest

from broker import registry
from broker.errors import WireError
from broker.messages import Limits


@pytest.mark.parametrize(
    ("name", "value"),
    [(b"max_batch_size", b"many"), (b"max_wait", b""), (b"max_wait", b"\xff"), (b"\xff", b"1"), (b"version", b"1.5")],
)
def test_live_limits_that_are_not_numbers_are_a_wire_error(name: bytes, value: bytes) -> None:
    with pytest.raises(WireError):
        registry.decode_limits({name: value}, Limits())


def test_live_limits_change_only_what_they_name() -> None:
    entry = {b"max_wait": b"0.25", b"policy": b"fixed", b"colour": b"red"}

    assert registry.decode_limits(entry, Limits()) == Limits(max_wait=0.25, policy="fixed")


def test_no_entry_means_no_live_limits() -> None:
    assert registry.decode_limits({}, Limits()) is None
