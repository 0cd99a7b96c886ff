"""What a change of files starts again, and what it leaves alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from jitney.up.child import Child
from jitney.up.plan import ChildSpec, Role
from jitney.up.reload import Change, Reloader, Watch, watches_of
from jitney.up.sources import Module, Packages
from tests.unit.jitney.children import Output

pytestmark = pytest.mark.anyio

GOOD = "class Mine: ..."


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(GOOD)
    return file


@pytest.fixture
def watch(mine: Path) -> Watch:
    return Watch(Module("mine", [mine.parent]), ["batcher mine"], here=mine.parent)


def settled(watch: Watch) -> Change | None:
    """What is told when a change has kept still."""
    assert watch.look() is None
    return watch.look()


async def test_a_change_is_named_by_its_file(watch: Watch, mine: Path) -> None:
    mine.write_text(GOOD + "\nX = 1")

    assert settled(watch) == Change(what="mine.py", objection="")


async def test_of_many_files_one_is_named_and_the_others_counted(tmp_path: Path, mine: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text("")
    mine.write_text("import a, b")
    watch = Watch(Module("mine", [tmp_path]), [], here=tmp_path)

    for path in tmp_path.glob("*.py"):
        path.write_text("import a, b; Y = 2")

    assert settled(watch) == Change(what="a.py and 2 more", objection="")


@pytest.mark.parametrize(
    ("text", "objection"),
    [
        (b"class Mine:\n    def (", "mine.py, line 2: "),
        (b"X = '\xff'", "mine.py, line 1: "),
        (b"X = 1\0", "mine.py: source code"),
        (b"# coding: nonsense", "mine.py: unknown encoding"),
        (b"-" * 200_000 + b"1", "mine.py: nested too deeply"),
        (b"\n", "mine.py is empty"),
    ],
)
async def test_what_cannot_be_loaded_is_said_and_starts_nothing(
    watch: Watch, mine: Path, text: bytes, objection: str
) -> None:
    mine.write_bytes(text)

    change = settled(watch)

    assert change is not None and change.objection.startswith(objection)


async def test_once_it_is_mended_nothing_speaks_against_it(watch: Watch, mine: Path) -> None:
    mine.write_text("class (")
    settled(watch)

    mine.write_text(GOOD + "  # mended")

    assert settled(watch) == Change(what="mine.py", objection="")


async def test_a_module_that_is_deleted_starts_nothing_and_one_that_is_back_does(watch: Watch, mine: Path) -> None:
    mine.rename(mine.with_name("other.py"))
    gone = settled(watch)

    mine.write_text(GOOD)

    assert gone == Change(what="mine.py", objection="the module mine is gone")
    assert settled(watch) == Change(what="mine.py", objection="")


async def test_what_went_with_a_change_is_not_named(tmp_path: Path, mine: Path) -> None:
    (tmp_path / "helpers.py").write_text("")
    mine.write_text("import helpers")
    watch = Watch(Module("mine", [tmp_path]), [], here=tmp_path)

    (tmp_path / "helpers.py").unlink()
    mine.write_text(GOOD)

    assert settled(watch) == Change(what="mine.py", objection="")


async def test_a_file_that_goes_from_a_package_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "app.py").write_text("")
    watch = Watch(Packages([tmp_path / "server"]), [], here=tmp_path)

    (tmp_path / "server" / "app.py").unlink()

    assert settled(watch) == Change(what="server/app.py", objection="server/app.py is gone")


async def test_own_models_are_watched_by_their_modules_and_models_from_files_not_at_all(mine: Path) -> None:
    table = [
        ChildSpec(title="batcher mine 1", role=Role.BATCHER, command=(), model="mine", module="mine"),
        ChildSpec(title="batcher mine 2", role=Role.BATCHER, command=(), model="mine", module="mine"),
        ChildSpec(title="batcher large", role=Role.BATCHER, command=(), model="large"),
        ChildSpec(title="front end 1", role=Role.FRONT_END, command=()),
    ]

    watched = [sorted(watch.titles) for watch in watches_of(table, mine.parent)]

    assert watched == [["batcher mine 1", "batcher mine 2"], ["front end 1"], []]


class Obedient(Child):
    """Starts again as soon as it is told to, and is ready then; or cannot start."""

    def __init__(self, title: str, say: Callable[[str], None], *, can_start: bool = True) -> None:
        super().__init__(ChildSpec(title=title, role=Role.FRONT_END, command=()), say=say, relay=say)
        self._can_start = can_start

    def restart(self) -> None:
        self.starts += 1
        self.ready, self.trouble = self._can_start, "" if self._can_start else "it cannot start"


class Told(Watch):
    """Tells these changes, one a look."""

    def __init__(self, changes: Sequence[Change], titles: Sequence[str]) -> None:
        super().__init__(Packages([]), titles, here=Path())
        self._left = list(changes)
        self.acts = 0

    def look(self) -> Change | None:
        return self._left.pop(0) if self._left else None

    def acted(self) -> None:
        self.acts += 1


@contextlib.asynccontextmanager
async def reloading(
    watch: Watch, children: Sequence[Child], say: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    monkeypatch.setattr("jitney.up.reload.EVERY", 0.0)
    monkeypatch.setattr("jitney.up.reload.POLL", 0.0)
    running = asyncio.create_task(Reloader([watch], children, say).run())
    yield
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_only_what_a_change_concerns_is_started_again(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Obedient("one", output), Obedient("other", output)
    watch = Told([Change(what="a.py", objection=""), Change(what="b.py", objection="")], ["one"])

    async with reloading(watch, [one, other], output, monkeypatch):
        await output.wait_for("b.py")

    assert output.lines == ["one: a.py changed; it starts again", "one: b.py changed; it starts again"]
    assert (one.starts, other.starts, watch.acts) == (2, 0, 2)


async def test_an_objection_is_said_and_nothing_is_started_again(
    output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, waits = Obedient("runs", output), Obedient("waits", output)
    waits.trouble = "cannot start"
    watch = Told([Change(what="a.py", objection="a.py is gone")], ["runs", "waits"])

    async with reloading(watch, [runs, waits], output, monkeypatch):
        await output.wait_for("waits")

    assert output.lines == ["runs goes on as it is: a.py is gone", "waits waits: a.py is gone"]
    assert (runs.starts, waits.starts, watch.acts) == (0, 0, 0)


async def test_after_one_that_cannot_start_the_others_of_its_kind_go_on(
    output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = Obedient("bad", output, can_start=False), Obedient("good", output)
    changes = [Change(what="a.py", objection=""), Change(what="a.py", objection="it is over")]

    async with reloading(Told(changes, ["bad", "good"]), [bad, good], output, monkeypatch):
        await output.wait_for("it is over")

    assert (bad.starts, good.starts) == (1, 0)


async def test_what_concerns_what_cannot_be_started_again_is_said(
    output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reloading(Told([Change(what="a.py", objection="")], []), [], output, monkeypatch):
        await output.wait_for("a.py changed; batchers go on with what they have loaded")
