"""The hash that stands for an input."""

from __future__ import annotations

import pytest

from broker.history.hashing import REMEDY, SECRET, hash_secret_from, input_hash

LONG = "correct horse battery staple"


def made(text: str) -> bytes:
    secret = hash_secret_from({SECRET: text})
    assert secret is not None
    return secret


def test_no_secret_is_none() -> None:
    assert hash_secret_from({}) is None
    assert hash_secret_from({SECRET: ""}) is None


@pytest.mark.parametrize("text", ["x", "fifteen letters"])
def test_a_short_secret_is_refused_with_the_remedy_and_is_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -hex 32") as caught:
        hash_secret_from({SECRET: text})

    assert REMEDY in str(caught.value)
    assert text not in str(caught.value).replace(SECRET, "").split()


def test_a_secret_of_any_length_is_a_key() -> None:
    assert len(made("sixteen letters!")) == len(made(1000 * "ü")) == 32


def test_a_hash_stays_what_it_is() -> None:
    """Rows of years are found by it."""
    assert input_hash(made(LONG), "Grüße").hex() == "c355472682bdd4213736d7ecb509d816"


def test_a_text_and_its_bytes_have_one_hash_and_others_have_others() -> None:
    secret = made(LONG)
    hashes = [input_hash(secret, "ü"), input_hash(secret, "u"), input_hash(made(LONG + "!"), "ü")]

    assert input_hash(secret, "ü".encode()) == hashes[0]
    assert len(set(hashes)) == 3
    assert {len(one) for one in hashes} == {16}


def test_half_a_character_has_a_hash_too() -> None:
    assert input_hash(made(LONG), "\ud800")
