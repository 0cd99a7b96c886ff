"""The files of Docker Compose: right by their schema, and by our settings."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from batcher.models.settings import ModelSettings
from batcher.settings import BatcherSettings
from broker.settings import BrokerSettings, parser_for, pick
from history.settings import HistorySettings
from server.settings import ServerSettings
from tests.integration.images.composed import compose
from tests.integration.images.dockerfile import ROOT, read

FILES = ["compose.yaml", "compose.gpu.yaml"]
SERVICES = compose("compose.yaml")["services"]
CARD = compose("compose.yaml", "compose.gpu.yaml")["services"]["translation"]
OURS = {name: said for name, said in SERVICES.items() if name != "broker"}
EVERY = pytest.mark.parametrize("name", OURS)


def tables(said: dict[str, Any]) -> tuple[type, ...]:
    if "gpu" in said["image"]:
        return BrokerSettings, BatcherSettings, ModelSettings
    return (BrokerSettings, HistorySettings) if "command" in said else (BrokerSettings, ServerSettings)


def complaints(said: dict[str, Any]) -> list[str]:
    parser = parser_for("x", "", *tables(said), environ=said["environment"])
    values = parser.parse_args([])
    found = [pick(table, values) for table in tables(said)]
    return [word for table in found if hasattr(table, "complaints") for word in table.complaints()]


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
    weights = yaml.safe_load((ROOT / "k8s/overlays/gpu/m2m100/weights.yaml").read_text(encoding="utf-8"))["data"]
    baked = CARD["build"]["args"]

    assert (baked["MODEL"], baked["MODEL_REVISION"]) == (weights["WEIGHTS_REPOSITORY"], weights["WEIGHTS_REVISION"])
    assert CARD["environment"]["JITNEY_MODEL"] == f"translation:/models/{baked['MODEL'].partition('/')[2]}"


def test_a_process_may_finish_before_it_is_killed():
    parser = parser_for("x", "", BrokerSettings, ServerSettings, environ=SERVICES["front-end"]["environment"])
    server = pick(ServerSettings, parser.parse_args([]))
    grace = int(re.fullmatch(r"(\d+)s", SERVICES["front-end"]["stop_grace_period"])[1])

    assert grace > server.drain_seconds + server.default_timeout


def test_every_folder_that_is_mounted_is_there():
    mounted = [volume.partition(":")[0] for said in SERVICES.values() for volume in said.get("volumes", [])]
    files = [path for path in mounted if path.startswith("./")]

    assert files and all((ROOT / path).is_dir() for path in files)
    assert {path for path in mounted if path not in files} == compose("compose.yaml")["volumes"].keys()


def test_each_file_says_how_it_is_run():
    for name in FILES:
        assert yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        assert name in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
