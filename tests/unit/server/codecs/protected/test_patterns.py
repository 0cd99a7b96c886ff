"""What of a text comes back as it is, and what does not."""

from __future__ import annotations

import pytest

from server.codecs.translation.protected.stand_ins import fill, take_out


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
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert take_out(text, {}) == (text, [])


def test_filled_in_again_it_is_the_text() -> None:
    text = "A {b} <i>c</i> https://d.e/f, \x1e and \U00017000 and \U000f0000 %s"

    taken, parts = take_out(text, {})

    assert taken != text
    assert fill(taken, iter(parts)) == text


@pytest.mark.parametrize(
    "text",
    [
        "{" * 200_000,
        "<a " * 70_000,
        '<a x="' * 30_000,
        "%(" * 100_000,
        "a" * 200_000 + "@",
        "a@" * 100_000,
        "http://" + "." * 200_000,
        "x://(" * 40_000,
        "{{" * 100_000 + "}",
        "a.b@c-" * 30_000,
    ],
    ids=lambda text: text[:8],
)
@pytest.mark.timeout(20)
def test_no_text_takes_quadratic_time(text: str) -> None:
    taken, parts = take_out(text, {})

    assert fill(taken, iter(parts)) == text
