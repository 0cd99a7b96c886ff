"""Which files a process is made of."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from jitney.up.sources import Module, Packages, files_of, imports, local_roots, own_packages

ROOT = Path(__file__).resolve().parents[3]
Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Texts at paths below the root of the modules."""

    def write(texts: Mapping[str, str]) -> None:
        for name, text in texts.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)

    return write


def names(root: Path, module: Module | Packages) -> set[str]:
    return {str(path.relative_to(root)) for path in module.look()}


@pytest.mark.parametrize(
    ("source", "package", "found"),
    [
        ("import a", "", {"a"}),
        ("import a.b as c, d", "", {"a.b", "d"}),
        ("from a import b, c", "", {"a.b", "a.c"}),
        ("def late():\n    import a", "", {"a"}),
        ("try:\n    import a\nexcept ImportError:\n    a = None", "", {"a"}),
        ("from . import b", "p.q", {"p.q.b"}),
        ("from .a import b", "p.q", {"p.q.a.b"}),
        ("from ..a import b", "p.q", {"p.a.b"}),
        ("from . import b", "", {"b"}),
        ("from .a import *", "p", {"p.a.*"}),
    ],
)
def test_every_import_is_found_wherever_it_stands(source: str, package: str, found: set[str]) -> None:
    assert set(imports(source.encode(), package)) == found


def test_a_module_is_itself_and_what_it_imports_directly_or_not(tmp_path: Path, write: Write) -> None:
    write({"mine.py": "import helpers, os, torch", "helpers.py": "from words import WORDS", "words.py": "WORDS = []"})
    write({"other.py": "import mine"})

    assert names(tmp_path, Module("mine", [tmp_path])) == {"mine.py", "helpers.py", "words.py"}


def test_a_package_is_the_files_that_an_import_runs(tmp_path: Path, write: Write) -> None:
    write({"models/__init__.py": "", "models/shout.py": "from .loud import LOUD", "models/loud.py": "LOUD = 1"})
    write({"models/quiet.py": "", "space/deep/lone.py": "", "models/unused/__init__.py": ""})

    found = names(tmp_path, Module("models.shout", [tmp_path]))

    assert found == {"models/__init__.py", "models/shout.py", "models/loud.py"}
    assert files_of("space.deep.lone", tmp_path) == [tmp_path / "space/deep/lone.py"]


def test_imports_that_go_in_circles_end(tmp_path: Path, write: Write) -> None:
    write({"mine.py": "import helpers", "helpers.py": "import mine"})

    assert names(tmp_path, Module("mine", [tmp_path])) == {"mine.py", "helpers.py"}


def test_jitneys_own_packages_are_no_part_of_a_model(tmp_path: Path, write: Write) -> None:
    write({"mine.py": "from batcher.models.contract import InvalidInput", "batcher/models/contract.py": ""})
    write({"batcher/__init__.py": "", "batcher/models/__init__.py": ""})

    assert names(tmp_path, Module("mine", [tmp_path])) == {"mine.py"}


def test_a_module_that_comes_later_is_part_of_it_from_then_on(tmp_path: Path, write: Write) -> None:
    write({"mine.py": "import helpers"})
    module = Module("mine", [tmp_path])
    before = names(tmp_path, module)

    write({"helpers.py": "import words", "words.py": ""})

    assert before == {"mine.py"}
    assert names(tmp_path, module) == {"mine.py", "helpers.py", "words.py"}


def test_while_a_file_cannot_be_read_it_imports_what_it_imported(tmp_path: Path, write: Write) -> None:
    write({"mine.py": "import helpers", "helpers.py": ""})
    module = Module("mine", [tmp_path])
    module.look()

    write({"mine.py": "import helpers\nclass ("})

    assert names(tmp_path, module) == {"mine.py", "helpers.py"}


def test_a_file_that_is_replaced_by_another_differs_though_time_and_size_are_the_same(
    tmp_path: Path, write: Write
) -> None:
    write({"mine.py": "one", "new.py": "two"})
    os.utime(tmp_path / "mine.py", ns=(0, 0))
    os.utime(tmp_path / "new.py", ns=(0, 0))
    module = Module("mine", [tmp_path])
    before = module.look()

    (tmp_path / "new.py").rename(tmp_path / "mine.py")

    assert module.look() != before


@pytest.mark.parametrize(
    ("texts", "lack"),
    [
        ({"mine.py": "class Mine: ..."}, ""),
        ({"mine/__init__.py": "class Mine: ..."}, ""),
        ({"mine.py": " \n"}, "mine.py is empty"),
        ({"other.py": ""}, "the module mine is gone"),
    ],
)
def test_without_a_module_nothing_can_be_started(
    tmp_path: Path, write: Write, texts: Mapping[str, str], lack: str
) -> None:
    write(texts)

    assert Module("mine", [tmp_path]).lack() == lack


def test_a_module_within_another_is_missed_though_that_is_there(tmp_path: Path, write: Write) -> None:
    write({"mine/__init__.py": "X = 1"})

    assert Module("mine.deep", [tmp_path]).lack() == "the module mine.deep is gone"


def test_packages_are_all_of_their_files_but_compiled_ones_and_an_editors(tmp_path: Path, write: Write) -> None:
    write({"server/app.py": "", "server/pages/docs.html": "", "server/__pycache__/app.pyc": "", "server/.#app.py": ""})
    write({"server/app.py~": "", "broker/scripts/admit.lua": "", "batcher/loop.py": ""})

    found = names(tmp_path, Packages([tmp_path / "server", tmp_path / "broker"]))

    assert found == {"server/app.py", "server/pages/docs.html", "broker/scripts/admit.lua"}


def test_a_persons_modules_lie_where_they_start_and_on_the_path_but_not_where_packages_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, site = tmp_path / "mine", tmp_path / "lib/site-packages"
    mine.mkdir()
    site.mkdir(parents=True)
    monkeypatch.setattr(
        sys, "path", ["", str(mine), str(site), str(tmp_path / "nowhere"), os.path.dirname(os.__file__)]
    )

    assert local_roots(tmp_path) == [tmp_path, mine]


def test_jitneys_packages_are_watched_where_they_are_run_from(tmp_path: Path, write: Write) -> None:
    write({"server/__init__.py": ""})

    assert own_packages(["server", "broker"], tmp_path) == [tmp_path / "server", ROOT / "broker"]
