"""A key tells its own typing errors, and nothing of its secret to whoever prints it."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from broker.credentials.api_key import LETTERS, new_key, parse_key


def test_a_key_is_read_as_it_was_made() -> None:
    key = new_key()

    assert parse_key(key.text) == key


def test_a_key_has_the_shape_that_scanners_are_told() -> None:
    assert re.fullmatch("jit_[a-z2-7]{12}_[0-9A-Za-z]{38}", new_key().text)


def test_a_changed_letter_anywhere_is_a_typing_error() -> None:
    text = new_key().text

    for at, letter in enumerate(text):
        other = "a" if letter != "a" else "b"
        assert parse_key(text[:at] + other + text[at + 1 :]) is None, at


@pytest.mark.parametrize("text", ["", "jit_", "sk-123", "EMPTY", "jit_abc_def", "jit_é", "\x00", "jit_" + "a" * 10_000])
def test_what_is_no_key_is_none(text: str) -> None:
    assert parse_key(text) is None


def test_spaces_and_cut_keys_are_no_keys() -> None:
    text = new_key().text

    assert [parse_key(one) for one in (text + "\n", " " + text, text[:-1], text + "0", text.upper())] == [None] * 5


def test_two_keys_share_neither_id_nor_secret_nor_hash() -> None:
    one, other = new_key(), new_key()

    assert one.id != other.id
    assert one.secret != other.secret
    assert one.hash != other.hash


def test_a_rotated_key_keeps_its_id() -> None:
    key = new_key()

    again = new_key(key.id)

    assert again.id == key.id
    assert again.secret != key.secret


def test_printing_a_key_shows_its_id_alone() -> None:
    key = new_key()

    assert key.secret not in f"{key} {key!r}"
    assert key.id in str(key)


def test_secrets_use_every_letter() -> None:
    found = Counter("".join(new_key().secret for _ in range(200)))

    assert set(found) == set(LETTERS)
