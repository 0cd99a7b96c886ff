"""Every language of M2M100, with every script and region: resolved, or refused by rule."""

from __future__ import annotations

import itertools
import re

import pytest

from server.codecs.errors import CodecError
from server.codecs.translation.languages import by_tag, resolve
from server.codecs.translation.writing_systems import CODES, SCRIPTS

M2M100 = re.findall(
    "[a-z]+",
    """af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi hr ht hu hy
    id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps pt ro ru sd
    si sk sl so sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu""",
)
OFFERED = by_tag(M2M100)
SCRIPT_TAGS = re.findall(
    "[A-Z][a-z]+",
    """Arab Aran Armn Beng Cyrl Cyrs Deva Ethi Geor Grek Gujr Guru Hang Hani Hans Hant Hebr Hira Jpan Kana Khmr Knda
    Kore Laoo Latn Latf Mlym Mong Mymr Orya Sinh Taml Telu Tfng Thai Zyyy Zxxx""",
)
REGIONS = re.findall(
    "[A-Z0-9]+", "US GB DE RU CN TW HK MO SG 158 344 446 156 IN PK IR AF KZ MN RS ME BR PT 419 001 150 ZZ XK"
)
TRADITIONAL = {"TW", "HK", "MO", "158", "344", "446", "US", "GB"}  # as CLDR's likely subtags have it
IN_ANOTHER_SCRIPT = {
    *(
        "pa-PK",
        "uz-AF",
        "az-IR",
        "az-RU",
        "kk-CN",
        "kk-IR",
        "kk-AF",
        "kk-MN",
        "mn-CN",
        "uz-CN",
        "sd-IN",
        "sr-ME",
        "sr-RU",
    ),
    *("kk-156", "mn-156", "uz-156"),
}


def answer(tag: str) -> str:
    """The code, or "" where it is refused; any other error is none of the two."""
    try:
        return resolve(tag, OFFERED, "toLang")
    except CodecError as error:
        assert error.code == "unknown_language" and error.message.isascii()
        return ""


def test_the_table_of_scripts_has_every_language() -> None:
    assert len(M2M100) == 100
    assert sorted(SCRIPTS) == sorted(M2M100)


@pytest.mark.parametrize("code", M2M100)
def test_a_language_with_its_own_script_is_itself_and_with_another_refused(code: str) -> None:
    own = {script.capitalize() for script in SCRIPTS[code]}

    for script, region in itertools.product(SCRIPT_TAGS, ["", *REGIONS]):
        tag = f"{code}-{script}-{region}".rstrip("-")
        assert answer(tag) == (code if script in own else ""), tag


@pytest.mark.parametrize("code", M2M100)
def test_a_region_is_dropped_unless_the_language_is_written_otherwise_there(code: str) -> None:
    for region in REGIONS:
        tag = f"{code}-{region}"
        is_other = (code == "zh" and region in TRADITIONAL) or tag in IN_ANOTHER_SCRIPT
        assert answer(tag) == ("" if is_other else code), tag
        assert answer(tag.replace("-", "_").upper()) == ("" if is_other else code), tag


@pytest.mark.parametrize("language", ["zh", "cmn", "zho", "chi", "zh-cmn"])
def test_traditional_chinese_is_never_simplified_chinese(language: str) -> None:
    asks = [f"{language}-Hant", *(f"{language}-{region}" for region in TRADITIONAL)]
    asks += [f"{language}-Hant-{region}" for region in REGIONS] + [f"{language}-TW-u-co-stroke"]

    for tag in asks:
        with pytest.raises(CodecError, match="Traditional Chinese"):
            resolve(tag, OFFERED, "toLang")


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("cmn-Hans-CN", "zh"),
        ("zh-cmn-Hans-CN", "zh"),
        ("zh-Hans-TW", "zh"),
        ("cmn", "zh"),
        ("CMN_hans_cn", "zh"),
        ("eng", "en"),
        ("eng-Latn-US", "en"),
        ("ger", "de"),
        ("deu-AT", "de"),
        ("fre", "fr"),
        ("jpn-Jpan-JP", "ja"),
        ("ko-Hang", "ko"),
        ("nb-Latn-NO", "no"),
        ("nob", "no"),
        ("fil-Latn-PH", "tl"),
        ("heb-Hebr", "he"),
        ("iw-IL", "he"),
        ("nso", "ns"),
        ("ar-arb", "ar"),
        ("ms-zsm", "ms"),
        ("sr-Cyrl-RS", "sr"),
        ("pa-Guru-PK", "pa"),
        ("en-US-u-ca-gregory", "en"),
        ("de-u-co-phonebk", "de"),
    ],
)
def test_a_language_goes_by_all_of_its_names(tag: str, code: str) -> None:
    assert answer(tag) == code


@pytest.mark.parametrize(
    "tag",
    [
        *("yue", "zh-yue", "yue-Hant-HK", "zh-yue-Hans", "wuu", "zh-min-nan", "zh-guoyu", "nan-TW", "lzh"),
        *("nn", "nno", "sh", "azb", "prs", "ku", "ku-Latn", "und", "mul", "zxx", "art-lojban", "i-klingon"),
        *("sr-Latn", "uz-Cyrl", "az-Arab", "az-Cyrl", "pa-Arab", "mn-Mong", "kk-Arab", "kk-Latn", "ja-Latn", "bs-Cyrl"),
        *("en-x-twain", "x-en", "en-a-bbb", "en-t-ja", "ja-t-it", "ca-valencia", "de-1996", "en-GB-oed", "en-u-"),
        *("en-cmn", "en--US", "-en", "en-", "en-USA", "en-Latn-Latn", "zh-Hans-Hant", "en-US-GB", "english", "e"),
        *("ｅｎ", "en-ＵＳ", "en-1", "en-12", "mo-Cyrl", "en" + "-u-abc" * 50, "zh-Hani", "zh-Hanb", "de-Latf"),
        *("en-u", "en us", "en_US.UTF-8", "en;q=0.8", "*"),
    ],
)  # fmt: skip
def test_what_would_be_lost_is_refused(tag: str) -> None:
    assert answer(tag) == ""


def test_no_other_name_is_a_language_of_its_own() -> None:
    assert not set(CODES) & set(M2M100)
    assert set(CODES.values()) <= set(M2M100)
    assert all(re.fullmatch("[a-z]{2,3}", code) for code in CODES)


def test_another_script_is_refused_by_its_name() -> None:
    with pytest.raises(CodecError, match=r"'sr-Latn' is not one .*: it writes sr in Cyrillic script only"):
        resolve("sr-Latn", OFFERED, "toLang")


@pytest.mark.parametrize(
    ("offered", "tag", "code"),
    [
        (["zh-Hans", "zh-Hant"], "zh-TW", "zh-Hant"),
        (["zh-Hans", "zh-Hant"], "zh", "zh-Hans"),
        (["zh-Hans", "zh-Hant"], "cmn-Hant-HK", "zh-Hant"),
        (["zh", "zh-Hant"], "zh-HK", "zh-Hant"),
        (["sr", "sr-Latn"], "srp-Latn-ME", "sr-Latn"),
        (["pt", "pt-BR"], "por-BR", "pt-BR"),
        (["pt", "pt-BR"], "pt-AO", "pt"),
        (["zh", "yue"], "zh-yue", "yue"),
        (["zh", "yue"], "zh-yue-HK", "yue"),
        (["eng", "deu"], "en-GB", "eng"),
        (["tlh"], "tlh", "tlh"),
    ],
)
def test_a_model_that_tells_more_apart_is_taken_at_its_word(offered: list[str], tag: str, code: str) -> None:
    assert resolve(tag, by_tag(offered), "toLang") == code
