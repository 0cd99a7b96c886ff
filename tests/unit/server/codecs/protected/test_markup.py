"""HTML on its way to the model and back: words are translated, markup comes back as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.codecs.errors import Abandoned
from server.codecs.translation.protected.markup import read_markup, words_of
from server.codecs.translation.protected.stand_ins import STAND_IN, take_out
from server.codecs.work import Work
from tests.unit.server.codecs.translating import codec, echo, sources

HTML = {"fromLang": "en", "toLang": "fr", "format": "html"}


@pytest.mark.parametrize(
    "html",
    [
        "the box of bread",
        '<p>the box <span translate="no">:cat:</span> <a href="u" rel=\'x\'>leaves</a></p>',
        "<p>the box</p>\n\n  <p>the ferry</p>\n",
        "<ul>\n <li>One ox\n <li>Two hens\n</ul>",
        "the box<br>the ferry<BR/>leaves<hr>",
        "<!doctype html><html><head><title>the box</title><style>p > a {}</style></head><body id=a>the ferry</body>",
        '<script>if (a < b && "</p>") the("box");</script>the box<script>',
        "<!-- the > box --> the box <!-- unclosed",
        "the box &lt;b&gt; of bread",
        'the box <img alt="a > b" src=x> leaves <input disabled>',
        "the <b>box <i>leaves</i></b> seven",
        "the box <code>the ferry</code> leaves <time>seven</time> of",
        '<div class="x notranslate y">the box <div>of</div> bread</div> the ferry',
        '<p translate="no">the box</p><p translate="yes">the ferry</p>',
        'the box <a href="unclosed',
        "</p>the box</ b></>",
        "<p>&nbsp;</p><p></p>",
        "",
        "<pre>the box\n  the ferry\n</pre>",
        "the {name} box, www.example.com/a?b=c",
        "the box of {n, plural, one {<b>#</b> ferry} other {<b>#</b> hens}} leaves",
        "the box <b>http://例え.jp/x</b> {{name}}<i>:smile:</i>",
        "the box\x1e",
        "\x1e<p>\x1e the box</p> <pre>\x1e</pre>",
    ],
)
def test_an_echo_is_the_html(html: str) -> None:
    codec().check(HTML)

    assert echo(codec(), html, HTML) == html


def test_blocks_are_lines_and_tags_inside_cut_a_sentence() -> None:
    plan = codec().encode("<p>the box</p><p>the <b>ferry</b></p>", HTML)

    assert sources(plan) == [sources(codec().encode(part, HTML))[0] for part in ("the box", "the", "ferry")]


def test_what_is_left_alone_makes_no_job() -> None:
    html = '<style>the</style><p translate="no">the</p><svg><text>a</text></svg><code>a</code><i class=notranslate></i>'

    assert not codec().encode(html, HTML).pieces


def test_ends_of_lines_are_spaces_but_in_pre() -> None:
    html = "<p>the\n  box</p><pre>the\n  box</pre>"

    assert echo(codec(), html, HTML) == "<p>the box</p><pre>the\n  box</pre>"


def test_what_an_entity_means_is_translated_and_what_is_no_markup_stays_none() -> None:
    html = "Où est la &#103;are &lt;script&gt;alert(1)&lt;/script&gt; &amp;lt;"

    said = echo(codec(), html, {"fromLang": "fr", "toLang": "en", "format": "html"})

    assert "gare" in said
    assert "&lt;script&gt;" in said
    assert "<" not in said


def test_a_term_of_the_glossary_is_escaped() -> None:
    assert echo(codec(), "<p>the box</p>", HTML | {"glossary": {"box": "<b> & co"}}) == "<p>the &lt;b&gt; &amp; co</p>"


def test_placeholders_in_it_come_back() -> None:
    kept = read_markup("<p>{a} &lt;b&gt; %s</p>", {})

    assert kept.parts == ["<p>", "{a}", "&lt;b&gt;", "%s", "</p>"]


def test_a_choice_of_texts_is_one_word_with_the_tags_in_it() -> None:
    kept = read_markup("the {n, plural, one {<b>#</b>} other {# &amp; 1}} <b>box</b>", {})

    assert kept.parts == ["{n, plural, one {<b>#</b>} other {# &amp; 1}}", "<b>", "</b>"]


@pytest.mark.parametrize(
    "read", [lambda html, work: read_markup(html, {}, work), lambda html, work: words_of(html, 1, work)]
)
def test_markup_without_words_is_no_longer_read_when_nobody_waits(read: Callable[[str, Work], object]) -> None:
    work = Work(deadline=9, clock=count().__next__)

    with pytest.raises(Abandoned):
        read("<i>" * 99, work)


def test_entities_that_mean_a_stand_in_are_only_text() -> None:
    kept = read_markup("&#x17000; &#xF0000; {a} &#xD800; &#0; &#x1e;", {})

    assert len(STAND_IN.findall(kept.text)) == len(kept.parts) == 3


@given(st.text("ab \x1e\n\U00017000\U000f0000<>/&;{}%s="))
def test_there_are_as_many_stand_ins_as_parts(html: str) -> None:
    for text, parts in (take_out(html, {}), astuple(read_markup(html, {}))[:2]):
        assert len(STAND_IN.findall(text)) == len(parts)


def test_elements_that_are_named_are_left_alone_whole() -> None:
    html = "Open <Keep id=1>the <b>old</b> box</Keep> and <keeper>go</keeper>"
    kept = read_markup(html, {}, alone=["keep"])

    assert kept.parts == ["<Keep id=1>the <b>old</b> box</Keep>", "<keeper>", "</keeper>"]


def test_its_words_are_a_text_to_tell_the_language_by() -> None:
    html = '<h1>the &amp; box</h1>\n<p>of <b>bread</b><br>leaves <code>if</code> <i translate="no">x</i></p><style>'

    assert words_of(html).split() == ["the", "&", "box", "of", "bread", "leaves"]


@pytest.mark.parametrize(
    "html",
    [
        "<" * 200_000,
        "<a " * 70_000,
        '<a b="' * 40_000,
        "<a b=" + " " * 200_000,
        "<!--" * 50_000,
        "<p>" * 70_000,
        '<i translate="no">' * 10_000,
        "<script>" * 30_000,
        "</" * 100_000,
        "&" * 200_000,
        " " * 200_000,
    ],
    ids=lambda html: html[:8],
)
@pytest.mark.timeout(20)
def test_no_html_takes_quadratic_time(html: str) -> None:
    kept = read_markup(html, {})

    assert len("".join(kept.parts)) <= 5 * len(html)
