"""What the command lines refuse."""

from __future__ import annotations

import pytest

from benchmarks.lib import arguments
from benchmarks.lib.arguments import above, at_least, cores, each, parser


def read(kind, text: str):
    command = parser("some", "Some.")
    command.add_argument("--number", type=kind)
    return command.parse_args(["--number", text]).number


@pytest.mark.parametrize(
    ("kind", "text", "number"),
    [
        pytest.param(above(0), "1", 1, id="above"),
        pytest.param(at_least(0.0), "0", 0.0, id="the least itself"),
        pytest.param(above(0.0), "1e-3", 0.001, id="a float where the least is one"),
    ],
)
def test_a_number_is_of_the_kind_of_its_least(kind, text, number):
    found = read(kind, text)

    assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        pytest.param(above(0), "0", "above 0, please", id="not above"),
        pytest.param(at_least(0.1), "0.05", "at least 0.1, please", id="below the least"),
        pytest.param(above(0.0), "nan", "above 0.0, please", id="no number to compare"),
        pytest.param(above(0), "1.5", "invalid int value", id="another kind"),
    ],
)
def test_a_number_that_cannot_be_is_refused_in_words(kind, text, said, capsys):
    with pytest.raises(SystemExit):
        read(kind, text)

    assert said in capsys.readouterr().err


def test_several_are_read_with_commas_between_them():
    assert read(each(above(0)), "1,16") == [1, 16]


def test_cores_are_some_of_those_that_are_here(monkeypatch):
    monkeypatch.setattr(arguments, "usable_cores", lambda: frozenset({0, 1, 5}))

    assert read(cores, "5,0") == {0, 5}


@pytest.mark.parametrize("text", ["7", "0,1,5"])
def test_cores_that_are_not_here_or_leave_none_to_us_are_refused(text, monkeypatch, capsys):
    monkeypatch.setattr(arguments, "usable_cores", lambda: frozenset({0, 1, 5}))

    with pytest.raises(SystemExit):
        read(cores, text)

    assert "some of 0, 1, 5, please, and not all of them" in capsys.readouterr().err
