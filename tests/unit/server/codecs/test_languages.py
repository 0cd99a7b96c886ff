"""Which of a model's languages a caller means."""

from __future__ import annotations

from typing import Any

import pytest

from server.codecs.errors import CodecError
from server.codecs.translation.languages import by_tag, resolve

OFFERED = by_tag(["en", "ja", "zh", "no", "tl", "he", "id", "pt", "es", "sr", "ast"])


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("ast", "ast"),
        ("en-US", "en"),
        ("en_GB", "en"),
        ("pt-BR", "pt"),
        ("es-419", "es"),
        ("zh-CN", "zh"),
        ("zh_CN", "zh"),
        ("zh-Hans", "zh"),
        ("zh-Hans-SG", "zh"),
        ("nb", "no"),
        ("nb-NO", "no"),
        ("fil", "tl"),
        ("fil-PH", "tl"),
        ("iw", "he"),
        ("in", "id"),
        (" ja ", "ja"),
    ],
)
def test_a_language_goes_by_its_usual_names(tag: str, code: str) -> None:
    assert resolve(tag, OFFERED, "fromLang") == code


@pytest.mark.parametrize("tag", ["zh-TW", "zh-Hant", "ZH-HANT-HK", "zh_tw"])
def test_traditional_chinese_is_refused_by_its_name(tag: str) -> None:
    with pytest.raises(CodecError, match="Traditional Chinese") as caught:
        resolve(tag, OFFERED, "toLang")

    assert caught.value.code == "unknown_language"


@pytest.mark.parametrize("tag", ["xx", "auto", "english", "sr-Latn", "nn", "-", "en-", "zh-Hans-x"])
def test_what_a_model_does_not_speak_is_refused(tag: str) -> None:
    with pytest.raises(CodecError, match="is not one of this model's languages"):
        resolve(tag, OFFERED, "fromLang")


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_language_must_be_given(nothing: Any) -> None:
    with pytest.raises(CodecError, match="fromLang is missing"):
        resolve(nothing, OFFERED, "fromLang")


@pytest.mark.parametrize("odd", [7, True, ["en"], {"en": 1}, 0])
def test_a_language_is_a_string(odd: Any) -> None:
    with pytest.raises(CodecError, match="toLang must be a language code"):
        resolve(odd, OFFERED, "toLang")


def test_a_refusal_lists_the_languages() -> None:
    with pytest.raises(CodecError) as caught:
        resolve("xx", OFFERED, "fromLang")

    assert caught.value.extra == {"languages": sorted(set(OFFERED.values()))}


def test_a_model_that_writes_traditional_chinese_may_say_so() -> None:
    offered = by_tag(["zh-Hans", "zh-Hant"])

    assert resolve("zh_hant", offered, "toLang") == "zh-Hant"


def test_a_name_is_repeated_short_and_escaped() -> None:
    with pytest.raises(CodecError) as caught:
        resolve("\ud800" + "x" * 1000, OFFERED, "fromLang")

    assert caught.value.message.isascii()
    assert len(caught.value.message) < 120
