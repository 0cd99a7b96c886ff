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

import pytest

from batcher.models.files.weights import OLD_PATTERNS, PATTERNS
from docs import sbom
from tests.integration.images.context import files
from tests.integration.images.dockerfile import ROOT, parse, read

BASE = "docker.io/library/python:3.11-slim"
DEMO = "k8s/overlays/local/Dockerfile"
LEFT_OUT = {"numpy"}  # 73 MB that only clustering needs: docs/clustering.md says how an image gets it
OURS = {"server", "broker", "batcher", "history", "jitney"}
HEAVY = {"torch", "transformers", "safetensors"}
[EXTRAS] = re.findall(r"^ARG EXTRAS=(.+)$", (ROOT / "Dockerfile.api").read_text(encoding="utf-8"), re.MULTILINE)
BOTH = pytest.mark.parametrize("name", ["Dockerfile.api", "Dockerfile.gpu"])


def said(name: str, word: str) -> list[str]:
    """In any stage."""
    return [one.rest for stage in read(name) for one in stage.instructions if one.word == word]


def last(name: str, word: str) -> list[str]:
    """In the stage that becomes the image."""
    return [one.rest for one in read(name)[-1].instructions if one.word == word]


def copied(name: str) -> list[str]:
    """What comes from the repository, in any stage."""
    copies = [one for stage in read(name) for one in stage.instructions if one.word == "COPY" and not one.options]
    return [source for copy in copies for source in shlex.split(copy.rest)[:-1]]


def requirements(extra: str) -> set[str]:
    """What `pip install .[extra]` asks for by name."""
    config = ConfigParser(strict=False)
    config.read(ROOT / "setup.cfg")
    text = config["options"]["install_requires"] + config["options.extras_require"][extra]
    return {line for line in text.split() if not line.startswith("#")}


def extras(name: str) -> set[str]:
    text = " ".join(said(name, "RUN")).replace("$EXTRAS", EXTRAS)
    return {extra for several in re.findall(r'"\.\[([\w,]+)\]"', text) for extra in several.split(",")}


@cache
def distributions() -> dict[str, str]:
    """Import name to the name that pip knows it by; of a namespace that several share the shortest."""
    return {root: min(found, key=len).lower().replace("_", "-") for root, found in packages_distributions().items()}


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

    assert extras("Dockerfile.api") == {"server", "images", "langid", "client", "files", "history", "tracing"}
    assert not asked & HEAVY and not by_name


def test_the_front_end_carries_no_batcher():
    code = {source for source in copied("Dockerfile.api") if (ROOT / source).is_dir()}

    assert code == {"broker", "history", "jitney", "server"}


def test_the_batcher_carries_two_packages_only():
    code = {source for source in copied("Dockerfile.gpu") if (ROOT / source).is_dir()}

    assert code == {"broker", "batcher"}


def test_torch_comes_from_the_index_that_the_build_names():
    installs = [rest for rest in said("Dockerfile.gpu", "RUN") if rest.endswith(" torch")]

    assert "TORCH_INDEX=" in said("Dockerfile.gpu", "ARG") and '--index-url "$TORCH_INDEX"' in installs[0]


@BOTH
def test_every_install_is_pinned(name):
    installs = [rest for rest in said(name, "RUN") if " -m pip " in rest]

    assert installs and all("--constraint constraints.txt" in rest for rest in installs)


@BOTH
def test_it_does_not_run_as_root(name):
    [user] = last(name, "USER")

    assert all(int(part) > 0 for part in user.split(":"))


@BOTH
def test_everything_copied_exists(name):
    missing = [source for source in copied(name) if not (ROOT / source).exists()]

    assert missing == []


@BOTH
def test_everything_copied_reaches_the_build(name):
    given = {part for path in files(ROOT) for part in (path, path.partition("/")[0])}

    assert set(copied(name)) <= given


def test_a_build_is_given_code_alone():
    given = sorted(files(ROOT))

    assert "server/app.py" in given and "LICENSE" in given
    assert not [path for path in given if path.startswith(("tests", "demo", ".", "k8s")) or "__pycache__" in path]


@BOTH
def test_signals_reach_the_process(name):
    assert [json.loads(rest)[:2] for rest in last(name, "CMD")] == [["python", "-m"]]


@BOTH
def test_no_base_floats(name):
    stages = read(name)
    foreign = [stage.base for stage in stages if stage.base not in {other.name for other in stages}]

    assert all(":" in base and not base.endswith(":latest") for base in foreign)


@BOTH
def test_a_build_says_on_which_python_and_labels_the_image_with_it(name):
    other = "registry.example/python:3.11-slim@sha256:0"
    stages = parse((ROOT / name).read_text(encoding="utf-8").replace(BASE, other))

    assert [stage.base for stage in stages if "/" in stage.base] == [other, other]
    assert BASE in said(name, "ARG")[-1] and 'base.name="${BASE}"' in last(name, "LABEL")[0]


def test_the_image_with_the_demo_models_is_made_of_the_version_that_is_said():
    [stage] = parse((ROOT / DEMO).read_text(encoding="utf-8").replace("VERSION=0.1.0", "VERSION=7.8.9"))

    assert stage.base == "jitney-gpu:7.8.9" and read(DEMO)[0].base == "jitney-gpu:0.1.0"


@BOTH
@pytest.mark.parametrize(
    "label", ["title", "description", "licenses", "base.name", "version", "revision", "created", "source"]
)
def test_the_image_says_what_it_is(name, label):
    assert f'org.opencontainers.image.{label}="' in " ".join(last(name, "LABEL"))


@BOTH
def test_its_version_is_that_of_the_code(name):
    config = ConfigParser(strict=False)
    config.read(ROOT / "setup.cfg")

    assert f"VERSION={config['metadata']['version']}" in said(name, "ARG")


@pytest.mark.parametrize(
    ("name", "variable", "path"),
    [("Dockerfile.api", "JITNEY_PORT", "/livez"), ("Dockerfile.gpu", "JITNEY_METRICS_PORT", "/metrics")],
)
def test_it_is_asked_whether_it_lives_where_it_is_told_to_listen(name, variable, path):
    [check] = said(name, "HEALTHCHECK")
    program = json.loads(check.removeprefix("CMD"))

    assert program[:2] == ["python", "-c"] and f"e['{variable}'] + '{path}'" in program[2]


@pytest.mark.parametrize(("name", "ports"), [("Dockerfile.api", "9527 9528"), ("Dockerfile.gpu", "9529")])
def test_it_listens_on_the_ports_of_the_settings(name, ports):
    environ = " ".join(said(name, "ENV"))

    assert said(name, "EXPOSE") == [ports]
    assert all(f"_PORT={port}" in environ for port in ports.split())


def test_a_model_that_is_baked_in_has_the_files_that_a_batcher_reads():
    [bake] = [rest for rest in said("Dockerfile.gpu", "RUN") if "hf download" in rest]

    assert re.findall(r'--include "([^"]+)"', bake) == [*PATTERNS, *OLD_PATTERNS]


@pytest.mark.parametrize(
    "line", ["ADD . /app", "ENTRYPOINT x", "COPY --chown=1 a b", "RUN <<EOF", "RUN x\nFROM a AS", "FROM a b c"]
)
def test_what_the_reader_of_dockerfiles_does_not_know_fails(line):
    with pytest.raises(ValueError):
        parse(line)


@BOTH
def test_its_bill_is_of_what_it_installs(name):
    assert set(sbom.extras(name).split(",")) == extras(name)
