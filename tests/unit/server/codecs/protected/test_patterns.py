"""What of a text comes back as it is, and what does not."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.languages.texts import read_texts
from server.codecs.translation.protected.markup import read_markup
from server.codecs.translation.protected.patterns import has_hint
from server.codecs.translation.protected.stand_ins import AT_ONCE, BLOCK, SIGN, WORD, fill, take_out

STAND_INS = WORD + SIGN + BLOCK


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Hello {name}!", ["{name}"]),
        ("{0} and {} and { x }", ["{0}", "{}", "{ x }"]),
        ("{user.first_name}{price:.2f} {items[0]!r}", ["{user.first_name}", "{price:.2f}", "{items[0]!r}"]),
        ("{n, number}", ["{n, number}"]),
        ("{{ user.name }}, {{x}}", ["{{ user.name }}", "{{x}}"]),
        ("${x} #{x} %{x}", ["${x}", "#{x}", "%{x}"]),
        ("%s, %d of %1$s: %5.2f%%", ["%s", "%d", "%1$s", "%5.2f", "%%"]),
        ("%(name)s is %(age)03d", ["%(name)s", "%(age)03d"]),
        ("page 1 %s of 2 %ld, 3 %s", ["%s", "%ld", "%s"]),
        ("%@ took %ld ms", ["%@", "%ld"]),
        ("A <b>big</b> <br/> box", ["<b>", "</b>", "<br/>"]),
        (
            '<a href="https://x.com/?a=1&b=2" rel=nofollow>here</a>',
            ['<a href="https://x.com/?a=1&b=2" rel=nofollow>', "</a>"],
        ),
        ("Click <0>here</0>", ["<0>", "</0>"]),
        ("See https://example.com/a_(b)?c=d#e.", ["https://example.com/a_(b)?c=d#e"]),
        ("(see http://example.com)", ["http://example.com"]),
        ("www.example.org, then", ["www.example.org"]),
        ("HTTPS://EXAMPLE.COM!", ["HTTPS://EXAMPLE.COM"]),
        ("https://example.com/xを読む", ["https://example.com/x"]),
        ("请看https://example.com/x。", ["https://example.com/x"]),
        ("Write to a.b+c@mail.example.co.uk.", ["a.b+c@mail.example.co.uk"]),
        ("请写信给anna@example.cn。", ["anna@example.cn"]),
        ("mailto:a@b.de", ["mailto:a@b.de"]),
        ("ssh git+ssh://host/x", ["git+ssh://host/x"]),
        ("an jürgen@example.de, info@müller.de", ["jürgen@example.de", "info@müller.de"]),
        ("Пишите: почта@пример.рф.", ["почта@пример.рф"]),
        ("{{{name}}} and ${{ github.ref }}", ["{{{name}}}", "${{ github.ref }}"]),
        ("Save 50%<b>now</b>", ["<b>", "</b>"]),
        ("{{{{raw}}}} {{ {'a': 1} | json }} ${x + ${y}}", ["{{{{raw}}}}", "{{ {'a': 1} | json }}", "${x + ${y}}"]),
        ("https://münchen.example/straße.", ["https://münchen.example/straße"]),
        ("http://пример.рф/путь?x=й", ["http://пример.рф/путь?x=й"]),
        ("see http://例え.jp/x now", ["http://例え.jp/x"]),
        ("http://例え.jp/xを読む", ["http://例え.jp/x"]),
        ("http://例え.テスト を見る", ["http://例え.テスト"]),
        ("See https://ja.wikipedia.org/wiki/東京.", ["https://ja.wikipedia.org/wiki/東京"]),
        ("http://x.jp/検索?q=東京タワー&hl=ja です", ["http://x.jp/検索?q=東京タワー&hl=ja"]),
        ("詳細は https://example.com/をご覧ください", ["https://example.com/"]),
        ("请访问https://example.com/了解更多。", ["https://example.com/"]),
        ("http://a.com和http://b.com或www.c.com。", ["http://a.com", "http://b.com", "www.c.com"]),
        ("写信给a@b.com或访问c.com", ["a@b.com"]),
        ("anna@例え.jpへ", ["anna@例え.jp"]),
        ("ดูhttps://example.com/xได้ที่นี่", ["https://example.com/x"]),
        ("https://example.com/x। और", ["https://example.com/x"]),
        ("ראו https://דוגמה.example/דף, {name}!", ["https://דוגמה.example/דף", "{name}"]),
        ("\u202bانظر https://مثال.example/صفحة؟ %s", ["https://مثال.example/صفحة", "%s"]),
        ("WWW.EXAMPLE.com. Www.example.com", ["WWW.EXAMPLE.com", "Www.example.com"]),
        ("https://example.com/{id}, ftp://[::1]/x", ["https://example.com/{id}", "ftp://[::1]/x"]),
        ("`https://a.b/c` [here](https://d.e/f)", ["https://a.b/c", "https://d.e/f"]),
        ("{n, plural, one {# file} other {# files}}", ["{n, plural, one {# file} other {# files}}"]),
        (
            "{n,plural,=0{none}one{# in {dir}}other{<b>#</b> in {dir, select, a {A} other {{dir}}}}}.",
            ["{n,plural,=0{none}one{# in {dir}}other{<b>#</b> in {dir, select, a {A} other {{dir}}}}}"],
        ),
        (
            "{n, plural,\n one {it''s '{' one}\n other {l'{n}'}\n} {x}",
            ["{n, plural,\n one {it''s '{' one}\n other {l'{n}'}\n}", "{x}"],
        ),
        ("{ $n ->\n [one] a\n *[other] {$n} b\n} c", ["{ $n ->\n [one] a\n *[other] {$n} b\n}"]),
        (":smile: Great! (:+1:)", [":smile:", ":+1:"]),
        ("好:tada:吗 :a::b:!", [":tada:", ":a::b:"]),
        ("\0{a}\0", ["{a}"]),
    ],
)
def test_placeholders_tags_and_addresses_are_parts(text: str, parts: list[str]) -> None:
    assert take_out(text, {})[1] == parts


@pytest.mark.parametrize(
    "text",
    [
        "50 % discount, 100%sure, 5% more",
        "a < b and c > d, <3, x<5 and y>3",
        "He paid $5, or #1; {see above, please",
        "{two words} in braces",
        "Meet me @ noon, or @anna",
        "and/or: 3://4 no",
        "Yüzde %50 indirim",
        "eine 10 %ige Lösung, 20 %auf alles, 30 %hoch, 50\u00a0%des",
        "C:\\new, C://",
        "a@b",
        "at 10:30:45, a:b:c, std::vector::size, Kolleg:innen:",
        "{count, plural, one {# file",
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert take_out(text, {}) == (text, [])


def test_filled_in_again_it_is_the_text() -> None:
    text = "A {b} <i>c</i> https://d.e/f, \x1e and \U00017000 and \U000f0000 %s"

    taken, parts = take_out(text, {})

    assert taken != text
    assert fill(taken, iter(parts)) == text


WHOLE = [
    *("{name}", "{0}", "{{name}}", "{{ a.b }}", "{{{a}}}", "${x}", "#{x}", "%{x}", "%s", "%1$s", "%5.2f", "%(name)s"),
    *("%%", "<b>", "</b>", "<0>", ":smile:", ":+1:", "a.b@example.org", "WWW.example.com", "http://例え.jp/x"),
    *("https://example.com/a?b=c", "https://münchen.example/straße", "{n, plural, one {# file} other {{n} files}}"),
]


@pytest.mark.parametrize("part", WHOLE)
@pytest.mark.parametrize(
    "around",
    ["_", "_ a", "a _", "a, _: b.", "(_)", '"_"', "“_”", "a _!", "_ _", "a\n_\nb", "<i>_</i>", "„_“ – _…", "「_」"],
)
def test_each_of_them_is_whole_in_any_place(part: str, around: str) -> None:
    text = around.replace("_", part)

    assert take_out(text, {})[1].count(part) == around.count("_")


@pytest.mark.parametrize("part", ["{a}", "{{a}}", "%s", "%%", "<b>", "{n, plural, other {#}}"])
def test_beside_its_like_each_of_them_is_whole(part: str) -> None:
    assert take_out(part * 3, {})[1] == [part] * 3


@pytest.mark.parametrize("length", [1999, 2001, 2 * AT_ONCE, 20 * AT_ONCE])
@pytest.mark.parametrize("end", ["x", "/a.b?c=(d)"])
def test_an_address_of_any_length_is_one_part(length: int, end: str) -> None:
    address = "https://example.com/" + ("a.b/" * length)[:length] + end

    assert take_out(f"see {address}. {{x}}", {})[1] == [address, "{x}"]


UNITS = [
    *("{", "<", "%", "{{", "{%", "${", "%(", "{x|", "}", "</", "<!", "<!--", "<a ", '<a x="', "{{a}", "&", "&amp"),
    *(
        "http://",
        "http://.",
        "http://(",
        "http://a[",
        "http://a{",
        "http://a./",
        "http://例え.",
        "http://a/あ-",
        "www.",
    ),
    *("a@", "a@b.", "a.b@c-", "x://(", "例え.", ":", "::", ":a", ":a:", ":+1:", "+:"),
    *(
        "{a,plural,",
        "{a,plural,{",
        "{a,plural,{}",
        "{a,plural,one{'",
        "{$a->{",
        "{'",
        "a",
        "ä.",
        "\0",
        "\u202e{",
        "é\u0301",
    ),
]
SHORT, LONG = 12_500, 100_000  # characters
MORE = LONG // SHORT


def seconds(read: Callable[[str], object], unit: str, length: int) -> float:
    """Of this thread's processor time, the least of three."""
    text = (unit * length)[:length]
    times = []
    for _ in range(3):
        started = time.thread_time()
        read(text)
        times.append(time.thread_time() - started)
    return max(min(times), 1e-4)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "read",
    [lambda text: take_out(text, {}), lambda text: read_markup(text, {}), has_hint],
    ids=["text", "html", "hint"],
)
def test_time_grows_with_the_length_of_a_text_and_not_with_its_square(read: Callable[[str], object], unit: str) -> None:
    assert seconds(read, unit, LONG) < 3 * MORE * seconds(read, unit, SHORT)


@pytest.mark.parametrize("unit", UNITS)
def test_filled_in_again_any_text_is_itself(unit: str) -> None:
    text = unit * 999 + " {a} " + unit * 999

    taken, parts = take_out(text, {})

    assert fill(taken, iter(parts)) == text


SPECIAL = (
    *("{", "}", "{{", "}}", "%", "s", "1", "$", ":", "a", "plural", ",", " ", "<", ">", "/", "=", '"', "'", "http://"),
    *("www.", "WWW.", "@", ".", "com", "例え", "を", "。", "-", "_", "\n", "e\u0301", "\0", "\u202e", "😀", "#", "->"),
    *("[", "]", "(", ")", "เ\u0e31", "\u05d0", "+1", "smile", "!", STAND_INS),
)


@given(st.lists(st.sampled_from(SPECIAL)).map("".join))
def test_of_any_text_nothing_is_lost_and_no_part_is_without_a_hint(text: str) -> None:
    taken, parts = take_out(text, {})

    assert fill(taken, iter(parts)) == text
    assert has_hint(text) or not set(parts) - set(STAND_INS)


@pytest.mark.parametrize("language", sorted({text.language for text in read_texts()}))
def test_no_part_is_seen_in_what_people_write_without_any(language: str) -> None:
    texts = [text.words for text in read_texts() if text.language == language]
    plain = [text for text in texts if "{" not in text and "://" not in text]

    assert [text for text in plain if take_out(text, {}) != (text, [])] == []
