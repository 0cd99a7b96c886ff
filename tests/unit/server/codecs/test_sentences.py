"""Where sentences end, and that nothing is lost between them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.phrasebook import LANGUAGES, Meaning, meanings, read_slots, read_templates, split_meanings
from server.codecs.translation.sentences import sentences

LETTERS = "aB. ,!?\"'。、」\t\u3000\u00a0\u200b\u0301é3🦊«»…।։;-"
texts = st.one_of(st.text(LETTERS, max_size=80), st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
exact = settings(max_examples=300, deadline=None, derandomize=True, database=None)


@cache
def phrasebook() -> Sequence[Meaning]:
    return split_meanings(meanings(read_templates(), read_slots())).held_out


@exact
@given(texts, st.sampled_from(["en", "ja", "zh", "de", "th", "my", "hi", "el", "xx", ""]))
def test_sentences_together_are_the_text(text: str, language: str) -> None:
    assert "".join(sentences(text, language)) == text


@exact
@given(texts)
def test_no_sentence_is_empty_or_begins_with_whitespace(text: str) -> None:
    assert not [one for one in list(sentences(text.strip(), "en"))[1:] if not one or one[0].isspace()]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Thank you very much. |Good morning. |Where is the station?"),
        ("en", "Really?! |No!!! |Yes... |It is.  |Good.\t|Bye.\u3000|Hi.\u00a0|End"),
        ("en", "good morning. |where is the station? |thanks"),
        ("en", "Yes. |No. |No. 5 is here. |Thank you."),
        ("en", "Thank you very much.|Good morning to you."),
        ("en", "It costs 3.50 today. |Version 2.0.1 is out. |He is 5. |She is 6."),
        ("en", "Dr. Smith and Mrs. Jones vs. St. Paul. |J. R. R. Tolkien wrote it. |It is I. |Who?"),
        ("en", "We met at 5 p.m. yesterday, i.e. late. |The U.S. Army left. |I live in the U.S. |He does not."),
        ("en", "Eggs, milk, etc. are here. |Eggs, etc. |Then we go. |On Jan. 5 it rained. |See Fig. 3 for it."),
        ("en", "Go to www.example.com. |Mail a.b@example.org. |Open file.name.txt now."),
        ("en", '"Good morning." |"Thank you." |He left. |"Why?" she asked. |(Really.) |[Yes.] |Fine.'),
        ("en", "“Good morning. |Where is the station?” he asked. |Bye."),
        ("en", "Well… perhaps. |Thank you… |Good morning... |So... it goes."),
        ("en", "Good morning. |😆 Good evening.|😆 Hi! |❤️ Bye."),
        ("fr", "M. Dupont est là. |« Bonjour. » |Il part. |Où est la gare ? |Merci !"),
        ("de", "Am 3. Mai kommt Hr. Dr. Müller bzw. Fr. Meier. |Das ist z.B. gut usw. |Ja."),
        ("es", "El Sr. García y la Sra. López. |¡Hola! |¿Dónde está? |No. |Gracias."),
        ("ru", "Это ул. Ленина, т.е. центр. |И т.д. |Спасибо."),
        ("el", "Πού είναι; |Ευχαριστώ."),
        ("ja", "おはよう。|本当？！|はい。　|「駅はどこですか？」と言った。|（そうです。）|ええ…そう。"),
        ("ja", "価格は3.5円です。|おはよう．|第３．５節です。|U.S.の人。|はい｡|うん"),
        ("ja", "「おはよう。|元気？」|「はい。」|ありがとう。|「ええ。」は返事だ。"),
        ("zh", "早上好。|你好！|他说：“在哪里？”|然后走了。|再见"),
        ("ar", "صباح الخير. |أين المحطة؟ |شكرا."),
        ("ur", "شکریہ۔ |اچھا۔"),
        ("hi", "नमस्ते। |आप कैसे हैं? |ठीक॥ |हाँ"),
        ("bn", "শুভ সকাল।|ধন্যবাদ।"),
        ("hy", "Բարև։ |Լավ։"),
        ("am", "ሰላም። |እንዴት ነህ፧ |ደህና።"),
        ("my", "မင်္ဂလာပါ။ |ကောင်းပါတယ်။"),
        ("km", "សួស្តី។ |អរគុណ៕"),
        ("ko", "안녕하세요. |역이 어디예요? |감사합니다."),
        ("ka", "გმადლობთ. |დიახ."),
        ("en", "Hello!|How are you?!|Fine. |Open https://a.example/b?Query and x.js!Now please. |Ask Yahoo!now."),
        ("en", "Good morning.[1] |Where is it?² |He has a Ph.D. |He is here. |(Really.)|Good."),
        ("en", "Good morning 😀 |Thank you • |Where is it ❤️🙂? |I ❤️ Paris. |I like 🍎 very much."),
        ("de", "Guten Morgen 😀 |Vielen Dank. |Ich mag den 🍎 Baum. |Er ist 5. |Sie ist 6. |Der 2. Weltkrieg."),
        ("pl", "Był w 1999 r. |Dobrze. |Ma 5. |Tak. |2. wojna."),
        ("es", "¡Hola!|¿Qué tal?|¡Bien! |Buenos días.|¿Dónde? |Son las 5 p. m. |Vale."),
        ("fr", "Bonjour !|Merci ! |M. et Mme. Dupont. |Oui."),
        ("ru", "В 1990 г. |Потом. |И т. д. |Потом г. Москва и т. е. Киев."),
        ("ko", "안녕하세요.|감사합니다!|네."),
        ("ja", "おはよう 😀 |ありがとう。|私は🍎が好き"),
        ("hy", "Բարև: |Լավ: |10:30"),
        ("am", "ሰላም፡፡ |ደህና:: |ደህና"),
        ("en", ""),
    ],
)
def test_a_line_falls_into_sentences(language: str, text: str) -> None:
    assert "|".join(sentences(text.replace("|", ""), language)) == text


def test_a_typed_bar_is_a_danda() -> None:
    for language in ("hi", "mai", "sa"):
        assert list(sentences("नमस्ते| ठीक है | हाँ", language)) == ["नमस्ते| ", "ठीक है | ", "हाँ"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_any_two_sentences_of_the_phrasebook_are_two(language: str) -> None:
    held_out = phrasebook()
    between = "" if language in ("ja", "zh") else " "
    one_a_template = list({meaning.template: meaning.texts[language] for meaning in held_out}.values())
    texts = [*one_a_template, *(meaning.texts[language] for meaning in held_out)]
    pairs = [*combinations(one_a_template, 2), *pairwise(texts)]

    wrong = [pair for pair in pairs if list(sentences(between.join(pair), language)) != [pair[0] + between, pair[1]]]

    assert not wrong


@pytest.mark.parametrize(
    "text",
    [
        "Hello. ",
        "。",
        "a. ",
        '"a. ',
        "(a. ",
        ".",
        "Dr. ",
        "A.",
        "「あ。",
        "1. ",
        "a.b",
        ". ",
        "».",
        "…\u3000",
        "e.g. ",
        "aa!Bb",
        "aa.Bb",
        "B 😀 B",
        "1 г. ",
    ],
)
def test_a_hostile_line_takes_time_in_proportion_to_its_length(text: str) -> None:
    def seconds(repeats: int) -> float:
        started = time.process_time()
        for _ in sentences(text * repeats, "en"):
            pass
        return time.process_time() - started

    # Ten times as long, and less than forty times as much time: quadratic would be a hundred times.
    assert seconds(30_000) < 40 * seconds(3_000) + 0.05
