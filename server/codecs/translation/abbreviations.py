"""Words with a full stop that ends no sentence."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from sentencex import segment


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES = _words("mr mrs ms dr prof st mme mmes mlle")  # in every language
ENGLISH = TITLES | _words(
    """messrs mt ft rev fr gen col maj capt cmdr lt sgt hon pres gov sen rep supt vs viz cf al approx ave blvd rd dept
    est univ assn bros inc ltd co corp jr sr esq dist incl excl min max avg temp tel ext misc orig ed eds trans"""
)
# These stand at the end of a sentence as well; so they end one where a capital follows.
ENDS_TOO = _words(
    """etc usw ff a.m p.m m.a b.a u.a u.ä u.v.m o.ä d.c b.c a.d itd itp atd apod stb kb т.д т.п др пр т.ч т.к κλπ κ.λπ
    m.m o.s.v osv e.kr ecc enz vb"""
)
# Before a number or a small letter only: "Jan. 5".
MONTHS = _words(
    """jan feb mar apr jun jul aug sep sept oct okt nov dec dez déc mon tue tues wed thu thur fri sat sun"""
)
# Before a number only: "No. 5", and "No. Thank you."
NUMBERED = _words(
    """no nos nr nro núm num fig figs p pp pg pag pág s art vol ch chap cap kap sec sect abs eq ex ref tab bd ver op
    č бл рис стр гл п ст"""
)
# Here "3." is the third: "Am 3. Mai geht es los."
ORDINALS = _words("de lb da no nb nn sv fi et lv cs sk pl hu sl hr sr bs is tr az mk")
CAPITALS = _words("de lb")  # of these, those where any noun has one
# Words that seldom have a capital unless they begin a sentence.
STARTERS = _words(
    """The This That These Those There Here He She It We They You I My His Her Our Their Your A An And But So Or If When
    What Where Why Who How Is Are Was Were Do Does Did Can Could Will Would Please Thank Thanks Yes No Not Then Now
    In On At After Before Hello Hi Good Le La Les Il Elle Ils Elles Je Nous Vous Ce Un Une Mais Et Où El Los Las Él
    Ella Yo Es Una Pero Y Der Die Das Er Sie Wir Ich Ihr Ein Eine Aber Und Wo Wie
    Was Wer Wann Warum Ja Nein Danke Bitte Guten Vielen Merci Bonjour Oui Comment Pourquoi Gracias Cómo
    Dónde Он Она Они Мы Вы Я Это Но И"""
)
VOWELS = frozenset("aeiouyæøœıαεηιουωаеиоуыэюяє")
VOWELLESS = _words("cs sk sl hr sr bs mk bg cy br")  # languages with words that have no vowel
# And no abbreviations, whatever a list says or a vowel is missing.
WORDS = _words("kg km cm mm ml kb mb gb tb hz tv mar via art no sen maj am an in is")
LONGEST = 6  # letters: what is longer is a word


def is_abbreviation(word: str, language: str) -> bool:
    """Of `word` before a full stop, as it is written; whether it is known as one, or looks like one."""
    small = word.lower()
    if small in TITLES:
        return True
    if len(word) > LONGEST or not word.isalpha() or small in WORDS or word.isupper():
        return False
    if language == "en":
        return small in ENGLISH or _has_no_vowel(small)
    return (language not in VOWELLESS and _has_no_vowel(small)) or _is_listed(word, language)


def _has_no_vowel(word: str) -> bool:
    """As "bzw." and "Blvd." have none; in scripts that write their vowels."""
    return len(word) <= 4 and all(letter < "\u0530" and _base(letter) not in VOWELS for letter in word)


def _base(letter: str) -> str:
    return unicodedata.normalize("NFD", letter)[0]


@lru_cache(maxsize=4096)
def _is_listed(word: str, language: str) -> bool:
    # sentencex has lists for many languages, and no way to ask for them but this. It never sees a text: it drops
    # newlines, takes quadratic time for nested quotes, and panics over a wide space before a full stop.
    return len(segment(language, f"Xa {word}. Xa")) == 1
