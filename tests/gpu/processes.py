"""Real batchers with a broker of their own: one is killed, one has too little memory, the card of one fails."""

from __future__ import annotations

import asyncio
import random
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from batcher.engines.lost_device import DEVICE_LOST
from benchmarks.lib.summary import ANSWERED
from benchmarks.translation.callers import TIMED_OUT, callers
from benchmarks.translation.sentences import Sentence
from benchmarks.translation.weights import END, SIZES, SPECIALS, checkpoint
from broker.errors import BrokerUnavailable
from tests.gpu.models import DIRECTORY, HEADROOM
from tests.gpu.parts import Check, Setup, Skipped
from tests.integration.processes import Process
from tests.integration.stack import NAMESPACE, Stack, stack

LENGTH = 180  # tokens of an answer: a second of decoding, in which a process can be killed
ROWS = re.compile(r"^jitney_rows_in_flight\{.*\} (\S+)$", re.MULTILINE)
QUIET = 3.0  # seconds after a process has ended, in which nothing may come of it
READY = 60.0  # seconds until a batcher serves
ROOM = 700 << 20  # bytes: about a hundred rows of the size "mid" with their answers, beside cuBLAS's own room
OPTIONS = "beams=1,guard=off"


def kill(setup: Setup) -> Iterator[Check]:
    """Of two batchers the one that decodes is killed; the other answers its jobs."""
    with _system(setup) as system:
        spec = f"translation:{checkpoint('tiny', setup.directory)},name=model,device={setup.device},{OPTIONS}"
        batchers = [system.start_batcher(spec, wait=False) for _ in range(2)]
        system.until(lambda: len(system.announced()) == 2, "both batchers announce themselves", *batchers, within=READY)
        outcomes, running = asyncio.run(_kill_one(system, batchers, setup))
        left = [batcher.exit_code for batcher in batchers]
        figures = {"rows in flight when killed": running, **_counted(outcomes)}
        is_ok = running > 0 and set(outcomes) == {ANSWERED} and sorted(left, key=str) == [-9, None]
        yield Check(name="kill -9 in the middle of decoding: another process answers", is_ok=is_ok, figures=figures)


async def _kill_one(system: Stack, batchers: Sequence[Process], setup: Setup) -> tuple[list[str], int]:
    sentences = _sentences(setup.pick(128, 24))
    async with callers(system.broker.url, NAMESPACE, "model", ready_limit=READY) as asking:
        asked = [asyncio.create_task(asking.ask(one, setup.time_left)) for one in sentences]
        victim, running = None, 0
        while victim is None and not all(task.done() for task in asked):
            await asyncio.sleep(0.01)
            rows = {number: await asyncio.to_thread(_rows, batcher) for number, batcher in enumerate(batchers)}
            victim = next((batchers[number] for number, count in rows.items() if count), None)
            running = max(rows.values())
        if victim is not None:
            victim.kill()
        return [answer.outcome for answer in await asyncio.gather(*asked)], running


def memory(setup: Setup) -> Iterator[Check]:
    """More rows than fit: they start over in smaller groups, and each is answered."""
    size = "mid" if setup.is_cuda else "tiny"
    with _system(setup, size) as system:
        batcher = _started(system, "Cramped", setup, max_batch_size=256, **{HEADROOM: ROOM})
        outcomes = asyncio.run(_ask(system, "cramped", _sentences(256 if setup.is_cuda else 40, size), setup.time_left))
        smaller = batcher.stderr().count("rows did not fit")
        is_ok = smaller > 0 and set(outcomes) == {ANSWERED} and batcher.exit_code is None
        yield Check(
            name="out of memory: rows go in smaller groups",
            is_ok=is_ok,
            figures={"times it did not fit": smaller, **_counted(outcomes)},
        )


def sticky(setup: Setup) -> Iterator[Check]:
    """The card fails under one text among others: the process ends, and tells nothing of any of them."""
    with _system(setup) as system:
        batcher = _started(system, "Doomed", setup)
        sound = asyncio.run(_ask(system, "doomed", _sentences(4), setup.time_left))
        rows = [*_sentences(7), *_sentences(1, pieces=[1])]
        outcomes = asyncio.run(_ask(system, "doomed", rows, setup.time_left, ends_with=batcher))
        is_ok = set(sound) == {ANSWERED} and set(outcomes) == {TIMED_OUT} and batcher.exit_code == DEVICE_LOST
        yield Check(
            name="a failed card: the process ends and publishes nothing",
            is_ok=is_ok,
            figures={"exit status": batcher.exit_code, "said": _word(batcher), **_counted(outcomes)},
        )


def _word(batcher: Process) -> str:
    return "device lost" if "device lost" in batcher.stderr() else "nothing of its card"


@contextmanager
def _system(setup: Setup, size: str = "tiny") -> Iterator[Stack]:
    try:
        with stack(models=(), front_ends=0, **{DIRECTORY: checkpoint(size, setup.directory)}) as system:
            yield system
    except BrokerUnavailable as error:
        raise Skipped(f"no broker: {str(error).splitlines()[0]}") from error


def _started(system: Stack, made_of: str, setup: Setup, **settings: object) -> Process:
    spec = f"tests.gpu.models:{made_of},device={setup.device},{OPTIONS}"
    batcher = system.start_batcher(spec, wait=False, **settings)
    system.until(lambda: bool(system.announced()), "the batcher announces itself", batcher, within=READY)
    return batcher


async def _ask(
    system: Stack, model: str, sentences: Sequence[Sentence], seconds: float, *, ends_with: Process | None = None
) -> list[str]:
    """What became of each. Where a process is to end nobody waits longer than `QUIET` after that."""
    async with callers(system.broker.url, NAMESPACE, model, ready_limit=READY) as asking:
        asked = [asyncio.create_task(asking.ask(one, seconds)) for one in sentences]
        if ends_with is not None:
            while ends_with.exit_code is None and not all(task.done() for task in asked):
                await asyncio.sleep(0.02)
            await asyncio.wait(asked, timeout=QUIET)
            return [task.result().outcome if task.done() else _given_up(task) for task in asked]
        return [answer.outcome for answer in await asyncio.gather(*asked)]


def _given_up(task: asyncio.Task[object]) -> str:
    task.cancel()
    return TIMED_OUT


def _counted(outcomes: Sequence[str]) -> dict[str, int]:
    return {f"outcome {name}": count for name, count in Counter(outcomes).items()}


def _rows(batcher: Process) -> int:
    try:
        found = ROWS.search(batcher.metrics())
    except OSError:
        return 0
    return int(float(found[1])) if found else 0


def _sentences(count: int, size: str = "tiny", pieces: Sequence[int] = range(5, 40)) -> list[Sentence]:
    """Texts of so many pieces as one of `pieces` says, each with an answer of `LENGTH` tokens."""
    rng = random.Random(1)
    return [_sentence(rng, rng.choice(pieces), SIZES[size].pieces) for _ in range(count)]


def _sentence(rng: random.Random, pieces: int, known: int) -> Sentence:
    languages = range(known, known + 100)
    ids = [rng.choice(languages), *rng.choices(range(len(SPECIALS), known), k=pieces), END]
    return Sentence(source=array("i", ids), target=rng.choice(languages), length=LENGTH)
