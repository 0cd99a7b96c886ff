"""`make` builds and pushes the images with what is said to it. None is built here: docker only says what it is told."""

from __future__ import annotations

import re
import subprocess

from tests.integration.images.dockerfile import ROOT

BASE = "docker.io/library/python:3.11-slim@sha256:0"


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "DOCKER=echo docker", *arguments], cwd=ROOT, capture_output=True, text=True)


def test_make_builds_both_images_with_what_they_say_of_themselves():
    told = make("images", "VERSION=7.8.9", "TORCH_INDEX=https://index.example/cpu", "BUILD_ARGS=--no-cache")
    api, gpu = [line for line in told.stdout.splitlines() if line.startswith("docker build")]

    assert api.startswith("docker build --file Dockerfile.api --tag jitney-api:7.8.9 --build-arg VERSION=7.8.9")
    assert re.search(r"REVISION=([0-9a-f]{40}|unknown) .*CREATED=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ --no-cache \.$", api)
    assert "--tag jitney-gpu:7.8.9" in gpu and gpu.endswith("TORCH_INDEX=https://index.example/cpu --no-cache .")
    assert "BASE" not in told.stdout and "MODEL" not in told.stdout


def test_make_builds_on_the_python_that_is_said():
    told = make("images", f"BASE={BASE}")
    built = [line for line in told.stdout.splitlines() if line.startswith("docker build")]

    assert [f"--build-arg BASE={BASE} " in line for line in built] == [True, True]


def test_a_model_is_baked_into_an_image_of_its_own_and_only_that_is_pushed():
    baked = ("VERSION=7.8.9", "MODEL=team/Big_Model", "MODEL_REVISION=abc")
    *_, built = [line for line in make("images", *baked).stdout.splitlines() if line.startswith("docker build")]
    pushed = [line for line in make("push", "REGISTRY=r.example", *baked).stdout.splitlines() if "docker push" in line]

    assert "--tag jitney-gpu-big_model:7.8.9 " in built
    assert built.endswith("--build-arg MODEL=team/Big_Model --build-arg MODEL_REVISION=abc .")
    assert pushed == [f"docker push r.example/jitney-{name}:7.8.9" for name in ("api", "gpu-big_model")]


def test_podman_keeps_the_health_check():
    told = make("image-api", "DOCKER=printenv BUILDAH_FORMAT; echo docker")

    assert "\ndocker\n" in told.stdout


def test_make_pushes_both_images():
    told = make("push", "VERSION=7.8.9", "REGISTRY=registry.example.org/team")

    assert [line for line in told.stdout.splitlines() if line.startswith("docker push")] == [
        f"docker push registry.example.org/team/jitney-{name}:7.8.9" for name in ("api", "gpu")
    ]


def test_make_pushes_nowhere_unless_told():
    told = make("push")

    assert told.returncode and "REGISTRY=" in told.stderr and "docker" not in told.stdout
