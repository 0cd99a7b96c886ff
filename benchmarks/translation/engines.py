"""The engines that are compared, each as a function from sentences to answers, and what a round of them gives."""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batcher.engines.engine import Done, Engine
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from batcher.models.translation.outputs import pieces_of
from benchmarks.translation.sentences import Sentence, tokens
from broker.messages import Job

Answers = Sequence[Sequence[int]]  # pieces, in the order of the sentences
Translate = Callable[[Sequence[Sentence]], Answers]
Forward = Callable[[Sequence[Any]], list["array[int]"]]
Rates = Mapping[str, Sequence[float]]  # tokens a second by contender, one figure a round
MAX_TOKENS = 16384
FULL, FEW = 64, 8  # rows of a batch
WARM = 4  # sentences of each engine, before any is measured


class WrongAnswers(Exception):
    """An engine did not say as much as it was told to, so its speed would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One engine, and what it is given each round."""

    name: str
    translate: Translate
    sentences: Sequence[Sentence]


def name_of(who: str, dtype: str, rows: int) -> str:
    """A contender's name."""
    return f"{who} {dtype}, {rows} rows" if rows > 1 else f"{who} {dtype}, one at a time"


def load(checkpoint: Path, *, dtype: str = "fp32", engine: str = "in-flight") -> LoadedModel:
    """Our model on one thread, greedy, without the guard: random weights cycle, and that must cost nothing here."""
    options = f"dtype={dtype},engine={engine},beams=1,guard=off,threads=1,device=cpu"
    model = load_model(parse_spec(f"translation:{checkpoint},{options}"), ModelSettings())
    model.warm_up()
    return model


def engine_of(model: LoadedModel, slots: int) -> Engine:
    """Raises `WrongAnswers` where there is none."""
    if model.in_flight is None:
        raise WrongAnswers(f"{model.name} computes batch by batch: load it with engine=in-flight")
    return model.in_flight(max_size=slots, max_tokens=MAX_TOKENS)


def static(forward: Forward, batch: int) -> Translate:
    """One batch after the other, cut from the sentences as they come."""

    def translate(sentences: Sequence[Sentence]) -> Answers:
        parts = (sentences[start : start + batch] for start in range(0, len(sentences), batch))
        return [pieces_of(answer) for part in parts for answer in forward([sentence.input for sentence in part])]

    return translate


def in_flight(engine: Engine) -> Translate:
    """Jobs are admitted while there is room, as the batcher's loop does it."""

    def translate(sentences: Sequence[Sentence]) -> Answers:
        waiting = deque(jobs(sentences))
        answers: dict[str, Any] = {}
        while len(answers) < len(sentences):
            admit(engine, waiting)
            answers |= {done.job_id: _output(done) for done in engine.step()}
        return [answers[str(number)] for number in range(len(sentences))]

    return translate


def _output(done: Done) -> Any:
    if done.failure is not None:
        raise WrongAnswers(f"job {done.job_id} failed: {done.failure.message}")
    return pieces_of(done.output)


def admit(engine: Engine, waiting: deque[Job]) -> None:
    """As many as there is room for."""
    engine.admit([waiting.popleft() for _ in range(min(engine.room(), len(waiting)))])


def jobs(sentences: Iterable[Sentence]) -> list[Job]:
    """Their ids are the places of the sentences."""
    return [
        Job(id=str(number), front_end="benchmark", input=sentence.input, cost=len(sentence.source))
        for number, sentence in enumerate(sentences)
    ]


def rates(contenders: Sequence[Contender], rounds: int, slow: float, say: Callable[[str], None]) -> Rates:
    """All take turns, so that a machine that slows down does so for all.

    One whose round took more than `slow` seconds is not asked again: one long round is measured well enough.
    """
    found: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for one in contenders:
        one.translate(one.sentences[-WARM:])
    too_slow: set[str] = set()
    for number in range(rounds):
        for one in contenders:
            if one.name not in too_slow:
                seconds = timed(one.translate, one.sentences)
                found[one.name].append(tokens(one.sentences) / seconds)
                say(f"round {number + 1}: {one.name:<32} {found[one.name][-1]:8.1f} tokens/s in {seconds:.1f} s")
                too_slow |= {one.name} if seconds > slow else set()
    return found


def timed(translate: Translate, sentences: Sequence[Sentence]) -> float:
    """Seconds of the processor, all threads of this process: with one thread, whatever else runs counts least."""
    started = time.process_time()
    answers = translate(sentences)
    seconds = time.process_time() - started
    check(sentences, answers)
    return seconds


def check(sentences: Sequence[Sentence], answers: Answers) -> None:
    """Raises `WrongAnswers` unless each is as long as it was told to be."""
    wrong = sum(len(answer) != one.length for one, answer in zip(sentences, answers, strict=True))
    if wrong:
        raise WrongAnswers(f"{wrong} of {len(sentences)} answers have another length than they were told to have")
