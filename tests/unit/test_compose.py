"""The files of Docker Compose: right by their schema, and by our settings."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from broker.settings import parser_for, pick
from tests.graces import longest
from tests.integration.images.composed import compose
from tests.integration.images.dockerfile import ROOT, read
from tests.manifests import TABLES, render

FILES = ["compose.yaml", "compose.gpu.yaml"]
SERVICES = compose("compose.yaml")["services"]
CARD = compose("compose.yaml", "compose.gpu.yaml")["services"]["translation"]
LOCAL = render("local")
OURS = {name: said for name, said in SERVICES.items() if name != "broker"}
EVERY = pytest.mark.parametrize("name", OURS)


def tables(said: dict[str, Any]) -> tuple[type, ...]:
    if "gpu" in said["image"]:
        return TABLES["jitney-batcher"]
    return TABLES["jitney-history" if "command" in said else "jitney-front-end"]


def settings(said: dict[str, Any]) -> list[Any]:
    values = parser_for("x", "", *tables(said), environ=said["environment"]).parse_args([])
    return [pick(table, values) for table in tables(said)]


def complaints(said: dict[str, Any]) -> list[str]:
    return [word for table in settings(said) if hasattr(table, "complaints") for word in table.complaints()]


def grace(said: dict[str, Any]) -> int:
    found = re.fullmatch(r"(\d+)s", said["stop_grace_period"])
    assert found
    return int(found[1])


@pytest.mark.parametrize("name", FILES)
def test_it_is_what_the_schema_of_compose_asks_for(name):
    told = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / name],
        capture_output=True,
        text=True,
    )

    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("said", [*OURS.values(), CARD], ids=[*OURS, "translation on a card"])
def test_every_process_takes_its_settings(said):
    asked = {name for name in said["environment"] if name.startswith("JITNEY_")}
    known = parser_for("x", "", *tables(said), environ={}).format_help().replace("-", "_").upper()

    assert {name for name in asked if f"__{name.removeprefix('JITNEY_')} " not in known} == set()
    assert complaints(said) == []


@EVERY
def test_every_process_of_ours_is_as_restricted_as_it_can_be(name):
    said = SERVICES[name]

    assert said["read_only"] and said["tmpfs"] == ["/tmp"] and said["cap_drop"] == ["ALL"]
    assert said["security_opt"] == ["no-new-privileges:true"] and "user" not in said and "privileged" not in said


@EVERY
def test_every_process_of_ours_is_asked_for_its_health(name):
    image = "Dockerfile.api" if "api" in SERVICES[name]["image"] else "Dockerfile.gpu"
    by_image = [one.rest for one in read(image)[-1].instructions if one.word == "HEALTHCHECK"]

    assert by_image and ("command" in SERVICES[name]) == ("healthcheck" in SERVICES[name])


def test_strangers_do_not_reach_it():
    published = [port for said in SERVICES.values() for port in said.get("ports", [])]

    assert published and all(port.startswith("127.0.0.1:") for port in published)


def test_the_broker_forgets_nothing_and_is_that_of_the_manifests():
    broker = SERVICES["broker"]
    words = " ".join(broker["command"])

    assert "--appendonly yes" in words and "--maxmemory-policy noeviction" in words
    assert f"image: {broker['image']}\n" in (ROOT / "k8s/base/valkey.yaml").read_text(encoding="utf-8")


def test_the_model_of_the_card_is_that_of_the_manifests():
    said = (ROOT / "k8s/overlays/gpu/m2m100/weights.env").read_text(encoding="utf-8")
    weights = dict(re.findall(r"^(\w+)=(.*)$", said, re.MULTILINE))
    baked = CARD["build"]["args"]

    assert (baked["MODEL"], baked["MODEL_REVISION"]) == (weights["WEIGHTS_REPOSITORY"], weights["WEIGHTS_REVISION"])
    assert CARD["environment"]["JITNEY_MODEL"] == f"translation:/models/{baked['MODEL'].partition('/')[2]}"


@pytest.mark.parametrize(
    "said",
    [*(said for name, said in OURS.items() if name != "history"), CARD],
    ids=[*(name for name in OURS if name != "history"), "translation on a card"],
)
def test_a_process_may_finish_before_it_is_killed(said):
    assert grace(said) > longest(settings(said))


def test_it_waits_as_long_as_the_manifests_do_and_the_page_says_it():
    told = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    front_end, batcher = (LOCAL.pod(name)["spec"] for name in ("jitney-front-end", "jitney-batcher-translation"))
    before = front_end["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    there, here = front_end["terminationGracePeriodSeconds"], grace(SERVICES["front-end"])

    assert there == here + before and grace(CARD) == batcher["terminationGracePeriodSeconds"]
    said = f"front ends {here} seconds (in Kubernetes {there}, for its `preStop`) and batchers {grace(CARD)}."
    assert said in told
    assert settings(SERVICES["front-end"])[1].max_timeout == LOCAL.settings("jitney-front-end")[1].max_timeout == 60


def test_every_folder_that_is_mounted_is_there():
    mounted = [volume.partition(":")[0] for said in SERVICES.values() for volume in said.get("volumes", [])]
    files = [path for path in mounted if path.startswith("./")]

    assert files and all((ROOT / path).is_dir() for path in files)
    assert {path for path in mounted if path not in files} == compose("compose.yaml")["volumes"].keys()


def test_each_file_says_how_it_is_run():
    for name in FILES:
        assert yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        assert name in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
