"""The rules for sentences and what stands between them know a language by its code of FLORES-200."""

from __future__ import annotations

import pytest

from server.codecs.errors import CodecError
from tests.unit.server.codecs.samples import SENTENCES
from tests.unit.server.codecs.translating import codec, echo, sources

BOX = SENTENCES["zh"][0]
CODES = ("eng_Latn", "zho_Hans", "zho_Hant", "jpn_Jpan", "deu_Latn", "hin_Deva", "yue_Hant")


@pytest.mark.parametrize(
    ("source", "target", "text", "said"),
    [
        ("eng_Latn", "jpn_Jpan", "One ox. Two hens.", "One ox.Two hens."),
        ("eng_Latn", "zho_Hant", "One ox. Two hens.", "One ox.Two hens."),
        ("zho_Hans", "deu_Latn", BOX + BOX, f"{BOX} {BOX}"),
        ("yue_Hant", "zho_Hans", BOX + BOX, BOX + BOX),
        ("deu_Latn", "eng_Latn", "Danke sehr. Die Straße.", "Danke sehr. Die Straße."),
    ],
)
def test_between_sentences_stands_what_the_target_writes(source: str, target: str, text: str, said: str) -> None:
    assert echo(codec(codes=CODES), text, {"fromLang": source, "toLang": target}) == said


@pytest.mark.parametrize(
    ("source", "text", "pieces"),
    [
        ("deu_Latn", "Am 3. Mai geht es los.", 1),
        ("eng_Latn", "He is 3. May we go?", 2),
        ("hin_Deva", "क्या आपको चाय पसंद है| मेरी बहन", 2),
    ],
)
def test_a_text_is_cut_as_its_language_has_it(source: str, text: str, pieces: int) -> None:
    assert len(sources(codec(codes=CODES).encode(text, {"fromLang": source, "toLang": "jpn_Jpan"}))) == pieces


def test_one_language_by_two_names_answers_itself() -> None:
    assert not codec(codes=CODES).encode("As it is.", {"fromLang": "en", "toLang": "eng_Latn"}).pieces


def test_simplified_and_traditional_are_two_languages() -> None:
    assert codec(codes=CODES).encode(BOX, {"fromLang": "zh", "toLang": "zh-TW"}).pieces


def test_a_refusal_lists_its_own_codes() -> None:
    with pytest.raises(CodecError) as caught:
        codec(codes=CODES).check({"fromLang": "en", "toLang": "fr"})

    assert caught.value.extra == {"languages": sorted(CODES)}
