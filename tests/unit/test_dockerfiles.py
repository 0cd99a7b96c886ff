"""What the images say of themselves is true of their Dockerfiles. No image is built here."""

from __future__ import annotations

import ast
import json
import re
import shlex
import sys
from configparser import ConfigParser
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEFT_OUT = {"numpy"}  # 73 MB that only clustering needs: docs/clustering.md says how an image gets it
OURS = {"server", "broker", "batcher", "history"}
HEAVY = {"torch", "transformers", "safetensors"}
BOTH = pytest.mark.parametrize("name", ["Dockerfile.api", "Dockerfile.gpu"])


def instructions(name: str) -> list[tuple[str, str]]:
    """The file's instructions with what they say, comments gone and continued lines joined."""
    lines = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def said(name: str, word: str) -> list[str]:
    return [rest for instruction, rest in instructions(name) if instruction == word]


def last_stage(name: str) -> list[tuple[str, str]]:
    found = instructions(name)
    start = max(index for index, (word, _) in enumerate(found) if word == "FROM")
    return found[start:]


def copied(name: str) -> list[str]:
    """What comes from the repository, in any stage."""
    words = [shlex.split(rest) for rest in said(name, "COPY")]
    return [source for copy in words if not copy[0].startswith("--from") for source in copy[:-1]]


def requirements(extra: str) -> set[str]:
    """What `pip install .[extra]` asks for by name."""
    config = ConfigParser(strict=False)
    config.read(ROOT / "setup.cfg")
    text = config["options"]["install_requires"] + config["options.extras_require"][extra]
    return {line for line in text.split() if not line.startswith("#")}


def extras(name: str) -> set[str]:
    found = re.findall(r'"\.\[([\w,]+)\]"', " ".join(said(name, "RUN")))
    return {extra for several in found for extra in several.split(",")}


@cache
def distributions() -> dict[str, str]:
    """Import name to the name that pip knows it by."""
    return {root: found[0].lower().replace("_", "-") for root, found in packages_distributions().items()}


def imported(package: str) -> set[str]:
    """The distributions of what this package's files import by name, our own apart."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / package).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    roots = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - OURS
    return {distributions()[root] for root in roots}


@BOTH
def test_it_installs_what_its_code_imports(name):
    needed = {dist for source in copied(name) if (ROOT / source).is_dir() for dist in imported(source)}
    asked = {dist for extra in extras(name) for dist in requirements(extra)}

    assert needed <= asked | LEFT_OUT


def test_the_front_end_installs_no_torch():
    asked = set().union(*(requirements(extra) for extra in extras("Dockerfile.api")))
    by_name = HEAVY & set(re.findall(r"[\w-]+", " ".join(said("Dockerfile.api", "RUN"))))

    assert extras("Dockerfile.api") == {"server", "images", "langid", "client", "files", "history"}
    assert not asked & HEAVY and not by_name


def test_the_front_end_carries_three_packages_only():
    code = {source for source in copied("Dockerfile.api") if (ROOT / source).is_dir()}

    assert code == {"broker", "history", "server"}


def test_the_batcher_carries_two_packages_only():
    code = {source for source in copied("Dockerfile.gpu") if (ROOT / source).is_dir()}

    assert code == {"broker", "batcher"}


def test_torch_comes_from_the_index_that_the_build_names():
    installs = [rest for rest in said("Dockerfile.gpu", "RUN") if rest.endswith(" torch")]

    assert 'TORCH_INDEX=""' in said("Dockerfile.gpu", "ARG") and '--index-url "$TORCH_INDEX"' in installs[0]


@BOTH
def test_every_install_is_pinned(name):
    installs = [rest for rest in said(name, "RUN") if "pip install" in rest]

    assert installs and all("--constraint constraints.txt" in rest for rest in installs)


@BOTH
def test_it_does_not_run_as_root(name):
    user = [rest for word, rest in last_stage(name) if word == "USER"][-1]

    assert all(int(part) > 0 for part in user.split(":"))


@BOTH
def test_everything_copied_exists(name):
    missing = [source for source in copied(name) if not (ROOT / source).exists()]

    assert missing == []


@BOTH
def test_everything_copied_reaches_the_build(name):
    allowed = {line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}

    assert set(copied(name)) <= allowed


@BOTH
def test_signals_reach_the_process(name):
    commands = [rest for word, rest in last_stage(name) if word in ("CMD", "ENTRYPOINT")]

    assert [json.loads(rest)[:2] for rest in commands] == [["python", "-m"]]


@BOTH
def test_no_base_floats(name):
    bases = [rest.split()[0] for rest in said(name, "FROM")]

    assert all(":" in base and not base.endswith(":latest") for base in bases)


@BOTH
@pytest.mark.parametrize("label", ["title", "description", "licenses", "version", "revision"])
def test_the_image_says_what_it_is(name, label):
    labels = " ".join(rest for word, rest in last_stage(name) if word == "LABEL")

    assert f'org.opencontainers.image.{label}="' in labels


def test_the_front_end_is_asked_whether_it_lives():
    (check,) = said("Dockerfile.api", "HEALTHCHECK")

    assert ":9527/livez" in check and json.loads(check[check.index("[") :])[0] == "python"


def test_the_front_end_listens_on_9527():
    assert said("Dockerfile.api", "EXPOSE") == ["9527"]
