"""Credentials ⇄ JSON: what cannot be read costs itself alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from broker.credentials.api_key import new_key
from broker.credentials.credential import (
    Credential,
    decode_all,
    decode_credential,
    decode_lines,
    encode_credential,
)


def credential(**fields: Any) -> Credential:
    key = new_key()
    return Credential(**({"id": key.id, "hash": key.hash, "name": "alice"} | fields))


def test_a_credential_is_read_as_it_was_written() -> None:
    one = credential(weight=3, limits="5 jobs/min", models=("m2m*",), lanes=("bulk",), rights=("admin",), expires=9.5)

    assert decode_credential(encode_credential(one)) == one


def test_fields_of_a_later_version_are_ignored() -> None:
    row = json.loads(encode_credential(credential())) | {"colour": "red"}

    assert decode_credential(json.dumps(row)).name == "alice"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": "x"}, "an id is spelled as"),
        ({"hash": "secret"}, "a hash is 64"),
        ({"hash": ""}, "a hash is 64"),
        ({"former_hash": "no"}, "a hash is 64"),
        ({"weight": 0}, "a weight is 1 to 9"),
        ({"weight": 10}, "a weight is 1 to 9"),
        ({"limits": "many"}, "limits: 'many' is no limit"),
        ({"models": ()}, "models is empty"),
        ({"lanes": ("fast",)}, "lanes are interactive or bulk"),
        ({"rights": ("root",)}, "rights are infer, files, history, admin"),
        ({"rights": ()}, "rights are"),
    ],
)
def test_what_makes_no_sense_lets_nobody_in(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode_credential(encode_credential(credential(**fields)))


def test_one_that_cannot_be_read_hides_no_other() -> None:
    good, bad = credential(), credential()

    found, wrong = decode_all({good.id: encode_credential(good), bad.id: b"{", "x": b"[[" * 5000, "": b"\xff"})

    assert found == {good.id: good}
    assert set(wrong) == {bad.id, "x", ""}


def test_an_entry_counts_only_under_its_own_id() -> None:
    one = credential()

    found, wrong = decode_all({"another": encode_credential(one)})

    assert (found, wrong) == ({}, {"another": "it says another id"})


def test_a_file_may_have_comments_and_empty_lines() -> None:
    one, other = credential(), credential()

    text = f"# alice\n{encode_credential(one).decode()}\n\n  {encode_credential(other).decode()}  \n"

    assert decode_lines(text) == {one.id: one, other.id: other}


def test_a_file_says_in_which_line_it_is_wrong() -> None:
    with pytest.raises(ValueError, match="line 3: "):
        decode_lines(f"# x\n{encode_credential(credential()).decode()}\nnonsense\n")


def test_a_file_with_an_id_twice_is_wrong() -> None:
    line = encode_credential(credential()).decode()

    with pytest.raises(ValueError, match=r"line 2: .* stands above already"):
        decode_lines(f"{line}\n{line}\n")
