"""Both images, built instruction by instruction, and what comes of them when compose.yaml runs them."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from docs.sbom import IMAGES, Item, bill, key, resolved
from docs.sbom import needs as needed
from tests.integration.images.build import Image, build_stage
from tests.integration.images.composed import compose
from tests.integration.images.dockerfile import ROOT, read
from tests.integration.images.hub import COMMIT, MODEL, hub
from tests.integration.images.machine import SLIM, Container
from tests.integration.images.project import Project, up
from tests.waiting import until

pytestmark = pytest.mark.timeout(900)  # the first test builds both

ASKED = {
    "jitney-api": ["torch", "transformers", "safetensors", "numpy", "batcher", "demo", "pip", "pytest"],
    "jitney-gpu": ["starlette", "uvicorn", "server", "history", "jitney", "demo", "pip", "pytest"],
}
OWN = {"jitney-api": ["broker", "history", "jitney", "server"], "jitney-gpu": ["broker", "batcher"]}
BOTH = pytest.mark.parametrize("name", ASKED)
FOUND = "import sys, importlib.util as u; print([name for name in sys.argv[1:] if u.find_spec(name)])"
IMPORT_ALL = """
import importlib, json, pkgutil, sys
lacking = set()
for package in map(importlib.import_module, sys.argv[1:]):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            lacking.add(error.name)
print(json.dumps(sorted(lacking)))
"""
INSTALLED = "import importlib.metadata as m; print(*(f'{d.name}=={d.version}' for d in m.distributions()))"
WRITE = """
import sys
for place in sys.argv[1:]:
    try:
        open(place + "/written", "w").close()
        print(place)
    except OSError:
        pass
"""
LIFE = "Life is like a box of chocolates."


def said(image: Image, *command: str) -> str:
    done = image.container(read_only=True, tmpfs=["/tmp"]).run(command)
    assert done.returncode == 0, done.stderr
    return done.stdout


@BOTH
def test_it_cannot_import_what_is_not_its_own(stages, name):
    assert json.loads(said(stages[name], "python", "-c", FOUND, *ASKED[name], "redis").replace("'", '"')) == ["redis"]


@BOTH
def test_it_imports_all_that_is_its_own(stages, name):
    lacking = json.loads(said(stages[name], "python", "-c", IMPORT_ALL, *OWN[name]))

    assert lacking == (["numpy"] if name == "jitney-api" else [])  # clustering, which is left out: docs/clustering.md


@BOTH
def test_nothing_is_installed_that_was_not_tested(stages, name):
    pinned = {canonical(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] != "#"}
    installed = {canonical(one) for one in said(stages[name], "python", "-c", INSTALLED).split()}

    assert "redis" in str(installed) and {one.partition("+")[0] for one in installed} - pinned == {"jitney==0.1.0"}


@pytest.mark.parametrize("image", IMAGES)
def test_its_bill_names_all_that_it_has_and_what_each_needs(stages, image):
    installed = inspected(stages, image)
    said = json.loads(written(image, installed))

    there = {(one["metadata"]["name"], one["metadata"]["version"]) for one in installed}
    needs = {one["ref"]: one.get("dependsOn", []) for one in said["dependencies"]}
    assert {(one["name"], one["version"]) for one in said["components"]} == there - {("jitney", "0.1.0")}
    assert said["metadata"]["component"]["name"] == f"jitney-{image}"
    assert len(needs["pkg:pypi/uvicorn@0.54.0" if image == "api" else "pkg:pypi/transformers@5.23.0"]) > 1
    assert set().union(*(needed(one) for one in installed)) <= {key(one) for one in installed}


def test_what_pip_would_install_is_told_with_hashes_and_licences_and_is_valid_cyclonedx():
    text = written("api", resolved("history"))
    components = {one["name"]: one for one in json.loads(text)["components"]}

    assert {"asyncpg", "redis", "typer"} <= components.keys() and "starlette" not in components
    assert all(len(one["hashes"][0]["content"]) == 64 and one["licenses"] for one in components.values())
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_the_image_of_front_ends_is_small(stages):
    """docs/deploy.md says 210 MB on top of its base."""
    assert 100_000_000 < stages["jitney-api"].size() < 220_000_000
    assert stages["jitney-api"].size() + SLIM < 360_000_000


@pytest.mark.parametrize(("name", "places"), [("jitney-api", ["/tmp", "/data"]), ("jitney-gpu", ["/tmp"])])
def test_it_may_write_there_and_nowhere_else(stages, name, places):
    """By who it is; with a read-only root, which has volumes there, compose.yaml is run below."""
    tried = ["/", "/app", "/app/broker", "/venv", "/etc", "/usr/local", "/root", "/models", "/tmp", "/data"]
    done = stages[name].container(tmpfs=["/tmp"]).run(["python", "-c", WRITE, *tried])

    assert done.stdout.split() == places


@BOTH
def test_it_is_a_user_with_a_name_and_a_home(stages, name):
    program = "import getpass, os; print(os.getuid(), os.getgid(), getpass.getuser(), os.path.expanduser('~'))"

    assert said(stages[name], "python", "-c", program).split() == ["10001", "10001", "jitney", "/tmp"]


@BOTH
def test_it_holds_no_weights(stages, name):
    heavy = [path for path in stages[name].root.rglob("*.safetensors")]

    assert heavy == []


def bake(stages, root: Path, arguments: dict[str, str]) -> Path:
    [stage] = [one for one in read("Dockerfile.gpu") if one.name == "weights"]
    return build_stage(stage, root, ROOT, stages, arguments).root / "models"


def test_the_files_that_a_batcher_reads_are_baked_in(stages, tmp_path):
    with hub() as address:
        arguments = {"MODEL": "team/labels", "MODEL_REVISION": COMMIT, "HUB": address}
        models = bake(stages, tmp_path / "root", arguments)

    baked = {path.name: path.read_bytes() for path in (models / "labels").iterdir()}
    assert baked == {path.name: path.read_bytes() for path in MODEL.iterdir()}


def test_a_commit_that_the_hub_has_not_is_no_image(stages, tmp_path):
    with hub() as address, pytest.raises(AssertionError, match=r"(?s)RUN mkdir /models.*404"):
        bake(stages, tmp_path / "root", {"MODEL": "team/labels", "MODEL_REVISION": "f" * 40, "HUB": address})


def test_without_a_model_the_layer_is_empty(stages):
    assert [*(stages["jitney-gpu"].root / "models").iterdir()] == []


@pytest.fixture(scope="module")
def project(stages, tmp_path_factory) -> Iterator[Project]:
    scratch = tmp_path_factory.mktemp("compose")
    with up(compose("compose.yaml", variables={"JITNEY_HISTORY": "on"}), stages, scratch) as running:
        yield running


def test_compose_answers_what_the_readme_asks(project):
    records = [{"id": "123", "text": LIFE}]
    translated = project.ask("/translation", {"payload": {"fromLang": "en", "records": records, "toLang": "ja"}})
    happy = [{"id": 1, "text": "The delivery was quick and the staff were lovely."}]
    labelled = project.ask("/classification", {"payload": {"topK": 2, "records": happy}})
    picture = (ROOT / "demo/image_classification/red_circle.png").read_bytes()
    seen = project.ask("/image-classification", picture, "image/png")

    assert translated == {"result": [{"id": "123", "text": "人生はチョコレートの箱のようなものだ。"}]}
    assert labelled["result"][0]["label"] == "positive"
    assert seen["result"][0]["label"] == "red circle"


def test_a_history_lies_on_its_volume(project):
    project.ask("/classification", {"payload": {"records": [{"id": "h", "text": "lovely"}]}})
    path = next((project.scratch / "volumes" / "history").glob("*.db"))

    until(lambda: rows_of(path) > 0, "a row is there", within=20.0)


@pytest.mark.parametrize(
    ("service", "command", "says"),
    [
        ("front-end", "status", "translation@"),
        ("front-end", "doctor", "ok"),
        ("history", "report per-day --csv", "day,"),
    ],
)
def test_an_operator_looks_from_within(project, service, command, says):
    """`docker compose exec front-end python -m jitney status`, as docs/deploy.md and docs/operators.md say."""
    done = project.services[service].container.run(["python", "-m", "jitney", *command.split()], timeout=60.0)

    assert done.returncode == 0 and says in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["front-end", "translation", "history"])
def test_a_process_with_a_read_only_root_writes_to_its_volumes_alone(project, name):
    done = project.services[name].container.run(["python", "-c", WRITE, "/app", "/venv", "/etc", "/tmp", "/data"])

    assert done.stdout.split() == (["/tmp", "/data"] if name == "history" else ["/tmp"])


def test_every_process_ends_cleanly_when_told_and_is_then_not_healthy(project):
    """The last: it stops them."""
    for service in project.services.values():
        service.process.send_signal(signal.SIGTERM)
    codes = {name: service.process.wait(60.0) for name, service in project.services.items()}

    assert codes == dict.fromkeys(project.services, 0)
    assert not [name for name, service in project.services.items() if service.is_healthy()]


def written(image: str, installed: Sequence[Item]) -> str:
    return make_outputter(bill(image, installed), OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()


def inspected(stages, image: str) -> list[Item]:
    """By pip, of what the image has, in the form of its report."""
    root, environ = stages[f"jitney-{image}"].root, stages["builder"].environ
    asked = ["python", "-m", "pip", "--python", "/venv/bin/python", "inspect"]
    told = Container(root=root, environ=environ).run(asked)
    return [{**one, "download_info": {}} for one in json.loads(told.stdout)["installed"]]


def canonical(requirement: str) -> str:
    name, _, version = requirement.partition("==")
    return f"{re.sub('[-_.]+', '-', name).lower()}=={version}"


def rows_of(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute("select count(*) from prediction").fetchone()[0]
