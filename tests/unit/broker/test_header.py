"""A job's header is one table: what scripts, the wire and operators' commands read of it is what was written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from broker import header, wire
from broker.keys import PROTOCOL
from broker.messages import Job, Lane
from broker.redis import scripts

SCRIPTS = Path(scripts.__file__).parents[1] / "scripts"
JOB = Job(
    id="0123456789abcdef0123456789abcdef",
    front_end="fedcba9876543210",
    input=None,
    cost=17,
    lane=Lane.BULK,
    list=3,
    weight=9,
    attempts=2,
    admitted=1700000000.123,
    deadline=1700000060.5,
)
FIELDS = {
    "version": str(PROTOCOL),
    "kind": "s",
    "lane": "b",
    "list": "3",
    "weight": "9",
    "attempts": "2",
    "cost": "0000017",
    "admitted": "1700000000123",
    "deadline": "1700000060500",
    "front_end": JOB.front_end,
    "id": JOB.id,
}


def places_in(source: bytes) -> dict[str, Any]:
    """The numbers that a script is given in front of its own lines."""
    found = re.search(r"^local (PROTOCOL.*) = (.*)$", source.decode(), re.M)
    assert found is not None
    values = [value.strip("'") for value in found[2].split(", ")]
    return dict(zip(found[1].split(", "), [int(one) if one.isdigit() else one for one in values], strict=True))


def test_every_field_stands_where_the_table_says() -> None:
    data = wire.encode_job(JOB)

    assert {name: data[place].decode() for name, place in header.PLACES.items()} == FIELDS


def test_scripts_are_given_the_places_of_the_table() -> None:
    written = wire.encode_job(JOB).decode("latin-1")
    found = places_in(scripts.ADMIT.source)

    # Lua counts from 1, and both ends are inside.
    assert {name: written[found[name.upper()] - 1 : found[f"{name.upper()}_END"]] for name in FIELDS} == FIELDS
    assert (found["HEADER"], found["PROTOCOL"]) == (header.SIZE, PROTOCOL)


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.lua")), ids=lambda path: path.stem)
def test_no_script_has_a_place_of_its_own(script: Path) -> None:
    assert re.findall(r"job:sub\((?!1, )\d.*|job:sub\(1, \d.*|'\d[A-Z]'", script.read_text()) == []


def test_numbers_and_texts_of_a_header_are_read_whatever_stands_behind_it() -> None:
    data = wire.encode_job(JOB)[: header.SIZE] + b"\xc1"

    assert [header.number(data, name) for name in header.NUMBERS] == [3, 9, 2, 17, 1700000000123, 1700000060500]
    assert (header.text(data, "front_end"), header.text(data, "id")) == (JOB.front_end, JOB.id)


@pytest.mark.parametrize("digits", [b"    nan", b"-000009", b"0x7ffff", b"1_000_0", b" 000001", b""])
def test_what_is_no_number_counts_as_zero(digits: bytes) -> None:
    place = header.PLACES["cost"]

    assert header.number(b"0" * place.start + digits, "cost") == 0


def test_the_version_fits_its_field() -> None:
    assert len(str(PROTOCOL)) == header.WIDTHS["version"]
