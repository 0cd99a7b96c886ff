"""A model asked from a shell: texts in, a line for each answer out, and how it ended."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from jitney.client import (
    Answer,
    CannotReach,
    Classification,
    Embedding,
    Jitney,
    JitneyError,
    ModelFailed,
    Ranking,
    ReadAhead,
    Refused,
    TimedOut,
    Translation,
    calls,
)
from jitney.client.calls import Call
from jitney.client.sending.http import NotInstalled

FAILED, CANNOT_BE, NOT_NOW, NOT_REACHED = 1, 2, 3, 4  # exit codes; 0: all were answered
STREAM = "-"
LONGEST_LINE = 4 << 20  # characters
A = TypeVar("A", bound=Answer)


class NotRead(Exception):
    """What standard input has cannot be read."""


def run_translate(
    texts: Sequence[str], *, to: str, from_: str, keep: list[str] | None, model: str | None, **how: Any
) -> int:
    def make(few: list[str]) -> Call[list[Translation]]:
        return calls.translate(few, to=to, from_=from_, glossary=keep, model=model)

    return _many(make, texts, lambda answer: answer.text, **how)


def run_classify(texts: Sequence[str], *, labels: list[str] | None, top_k: int, model: str | None, **how: Any) -> int:
    def make(few: list[str]) -> Call[list[Classification]]:
        return calls.classify(few, labels=labels, top_k=top_k, model=model)

    def shown(answer: Classification) -> str:
        return "\t".join(f"{one.label}\t{one.score:.4f}" for one in answer.labels)

    return _many(make, texts, shown, **how)


def run_embed(texts: Sequence[str], *, prompt: str | None, model: str | None, **how: Any) -> int:
    def make(few: list[str]) -> Call[list[Embedding]]:
        return calls.embed(few, prompt=prompt, model=model)

    return _many(make, texts, lambda answer: json.dumps(answer.vector), **how)


def run_rerank(query: str, texts: Sequence[str], *, top_k: int | None, model: str | None, **how: Any) -> int:
    def shown(answer: Ranking) -> str:
        return f"{answer.score:.4f}\t{answer.text}"

    def ask(client: Jitney) -> Iterable[Ranking]:
        return client.rerank(query, list(_given(texts)), top_k=top_k, model=model)

    return _run(ask, shown, **how)


RUN: Mapping[str, Callable[..., int]] = {
    "translate": run_translate,
    "classify": run_classify,
    "embed": run_embed,
    "rerank": run_rerank,
}


def _many(
    make: Callable[[list[str]], Call[list[A]]], texts: Sequence[str], shown: Callable[[A], str], **how: Any
) -> int:
    given = ReadAhead(_given(texts)) if STREAM in texts else texts
    return _run(lambda client: client.many(make, given), shown, **how)


def _run(ask: Callable[[Jitney], Iterable[A]], shown: Callable[[A], str], *, as_json: bool, **how: Any) -> int:
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    try:
        client = Jitney(**how)
    except (NotInstalled, ValueError) as error:
        _say(str(error))
        return CANNOT_BE
    try:
        with client:
            return _told(ask(client), shown, as_json)
    except JitneyError as error:
        _say_end(error)
        return _exit_code(error)
    except NotRead as error:
        _say(str(error))
        return CANNOT_BE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _told(answers: Iterable[A], shown: Callable[[A], str], as_json: bool) -> int:
    code = 0
    for number, answer in enumerate(answers, 1):
        if answer.error is not None:
            code = FAILED
            _say(f"{number}: {answer.error.code}: {answer.error.message}")
        print(_as_json(answer.raw) if as_json else "" if answer.error else shown(answer), flush=True)
    return code


def _say_end(error: JitneyError) -> None:
    if error.places is None:
        return _say(str(error))
    first, last = error.places.start + 1, error.places.stop
    _say(f"{first}{f' to {last}' if last > first else ''}: {error}")
    if first > 1:
        _say(f"{first - 1} are answered; to go on, give those from number {first} on")


def _as_json(raw: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in raw.items() if name != "id"}, ensure_ascii=False)


def _exit_code(error: Exception) -> int:
    if isinstance(error, CannotReach):
        return NOT_REACHED
    if isinstance(error, ModelFailed):
        return FAILED
    is_of_the_server = isinstance(error, Refused) and (error.status == 429 or error.status >= 500)
    return NOT_NOW if is_of_the_server or isinstance(error, TimedOut) else CANNOT_BE


def _given(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        yield from _lines() if text == STREAM else (text,)


def _lines() -> Iterator[str]:
    """Of standard input. What is no UTF-8 goes as it is, and is that line's error. Not by `sys.stdin`, which a thread
    that still waits for a line at the end would keep from being closed."""
    try:
        with open(0, encoding="utf-8", errors="surrogateescape", newline="\n", closefd=False) as lines:
            for number, line in enumerate(iter(partial(lines.readline, LONGEST_LINE), ""), 1):
                if len(line) == LONGEST_LINE and line[-1] != "\n":
                    raise NotRead(f"line {number} of standard input is longer than {LONGEST_LINE} characters")
                yield line.rstrip("\r\n")
    except OSError as error:
        raise NotRead(f"standard input cannot be read: {error.strerror}") from error


def _say(message: str) -> None:
    with contextlib.suppress(OSError):
        print(f"jitney: {message}", file=sys.stderr)
