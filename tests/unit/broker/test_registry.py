"""Cards and presences: a field of another kind, or a name that would not fit a header, is a `WireError`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any

import msgpack
import pytest

from broker import registry
from broker.errors import WireError
from broker.messages import Limits, ModelCard, Presence, Slo, Speed

CARD = {"name": "toy", "task": "t", "codec": "text", "revision": "r"}


@pytest.mark.parametrize(
    "change",
    [
        {"name": 5},
        {"task": []},
        {"revision": None},
        {"max_cost": "many"},
        {"max_cost": -1},
        {"max_cost": True},
        {"languages": 3},
        {"languages": "en"},
        {"labels": [1]},
        {"artifacts": ["a"]},
        {"artifacts": {"a": 1}},
        {"options": []},
        {"options": {1: 2}},
        {"description": b"x"},
    ],
)
def test_a_card_with_a_field_of_another_kind_is_a_wire_error(change: dict[str, Any]) -> None:
    assert registry.decode_card(msgpack.packb(CARD)).name == "toy"

    with pytest.raises(WireError):
        registry.decode_card(msgpack.packb(CARD | change))


@pytest.mark.parametrize(
    "change",
    [
        {"room": -1},
        {"room": "big"},
        {"model": {}},
        {"speed": {"fixed": float("inf")}},
        {"speed": {"per_job": "1"}},
        {"limits": 3},
        {"limits": {"max_wait": "1"}},
        {"slo": 0.1},
        {"slo": {}},
    ],
)
def test_a_presence_with_a_field_of_another_kind_is_a_wire_error(change: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        registry.decode_presence(msgpack.packb({"batcher": "b", "model": "m@r"} | change))


@pytest.mark.parametrize(
    "fields",
    [{"name": "Toy"}, {"name": "a b"}, {"name": ""}, {"revision": "r\r\nSet-Cookie: x=1"}, {"revision": "é"}],
    ids=str,
)
def test_a_card_whose_name_or_revision_would_not_fit_a_header_is_refused(fields: dict[str, str]) -> None:
    card = ModelCard(**({"name": "toy", "task": "t", "codec": "text", "revision": "r"} | fields))

    with pytest.raises(WireError, match="plain characters"):
        registry.decode_card(registry.encode_card(card))


def test_a_field_of_a_card_or_a_presence_that_is_unknown_is_ignored() -> None:
    card = ModelCard(name="toy", task="t", codec="text", revision="r1", labels=[], languages=[])
    presence = Presence(batcher="b", model="toy@r1", speed=Speed(fixed=1.0))
    more = {"colour": "red"}
    later_speed = {"speed": {"fixed": 1.0, "per_job": 0.0, **more}}

    assert registry.decode_card(msgpack.packb(asdict(card) | more)) == card
    assert registry.decode_presence(msgpack.packb(asdict(presence) | more | later_speed)) == presence


def test_a_presence_that_does_not_say_which_jitney_it_is_is_read() -> None:
    presence = registry.decode_presence(msgpack.packb({"batcher": "b", "model": "toy@r1"}))

    assert (presence.protocol, presence.software, presence.limits) == (0, "", None)


def test_the_limits_and_the_slo_that_a_batcher_announces_are_read_whatever_a_later_one_adds_to_them() -> None:
    presence = Presence(
        batcher="b", model="toy@r1", limits=Limits(max_batch_size=7, policy="fixed"), slo=Slo(bound=0.1)
    )
    row = asdict(presence)
    row["slo"]["colour"] = "blue"
    row["limits"]["colour"] = "red"

    assert registry.decode_presence(registry.encode_presence(presence)) == presence
    assert registry.decode_presence(msgpack.packb(row)) == presence


@pytest.mark.parametrize("speed", [{"colour": 1}, {"fixed": 1.0, "per_job": 2.0, "x": 3}, {1: 2}, [1], "fast"])
def test_a_presence_whose_speed_is_something_else_is_a_wire_error_or_goes_unseen(speed: Any) -> None:
    with suppress(WireError):
        registry.decode_presence(msgpack.packb({"batcher": "b", "model": "m@r", "speed": speed}))
