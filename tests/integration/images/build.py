"""Builds an image as an engine would, instruction by instruction, without one."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.images.context import files
from tests.integration.images.dockerfile import ROOT, Instruction, Stage, expand, read
from tests.integration.images.machine import BASE, Container, build_environ, new_root, pip_cache


@dataclass(slots=True, kw_only=True)
class Image:
    """A root, and what its Dockerfile says of it."""

    root: Path
    environ: dict[str, str] = field(default_factory=lambda: dict(BASE))
    workdir: str = "/"
    user: str = "0:0"
    command: list[str] = field(default_factory=list)
    check: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    ports: list[str] = field(default_factory=list)
    arguments: dict[str, str] = field(default_factory=dict)  # of the stage that is being built

    def container(self, **how: object) -> Container:
        """Started as the image says, unless told otherwise."""
        said = {"environ": self.environ, "workdir": self.workdir, "user": self.user}
        return Container(root=self.root, **(said | how))  # type: ignore[arg-type]

    def size(self) -> int:
        """Bytes on top of its base."""
        paths = [path for top in self.root.iterdir() if top.name in OURS for path in [top, *top.rglob("*")]]
        return sum(path.lstat().st_size for path in paths if not path.is_dir())


OURS = {"venv", "app", "models", "data"}  # what our Dockerfiles put into a root
SLIM = "docker.io/library/python:3.11-slim"


def build(dockerfile: str, scratch: Path, arguments: Mapping[str, str] = {}) -> dict[str, Image]:
    """Its stages by their names, the last by ""."""
    context = scratch / "context"
    if not context.exists():
        _lay(context)
    built: dict[str, Image] = {}
    for number, stage in enumerate(read(dockerfile)):
        built[stage.name] = build_stage(stage, scratch / f"{dockerfile}-{number}", context, built, arguments)
    return built


def _lay(context: Path) -> None:
    for path in files(ROOT):
        (context / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, context / path)


def build_stage(
    stage: Stage, root: Path, context: Path, built: Mapping[str, Image], arguments: Mapping[str, str]
) -> Image:
    """Fails with what a RUN said when it fails."""
    if stage.base in built:
        below = built[stage.base]
        _copy_all(below.root, root)
        image = Image(root=root, environ=dict(below.environ), workdir=below.workdir, user=below.user)
    else:
        assert stage.base == SLIM, f"only that can be made here, not {stage.base}"
        new_root(root)
        image = Image(root=root)
    for one in stage.instructions:
        _follow(one, image, context, built, arguments)
    return image


def _follow(
    one: Instruction, image: Image, context: Path, built: Mapping[str, Image], arguments: Mapping[str, str]
) -> None:
    values = image.arguments | image.environ
    match one.word:
        case "ARG":
            image.arguments |= {name: arguments.get(name, value) for name, value in one.pairs().items()}
        case "ENV":
            image.environ |= {name: expand(value, values) for name, value in one.pairs().items()}
        case "LABEL":
            image.labels |= {name: expand(value, values) for name, value in one.pairs().items()}
        case "WORKDIR":
            image.workdir = one.rest
            (image.root / one.rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            image.user = one.rest
        case "EXPOSE":
            image.ports = one.rest.split()
        case "CMD":
            image.command = one.command()
        case "HEALTHCHECK":
            image.check = Instruction(word="CMD", options={}, rest=one.rest.removeprefix("CMD").strip()).command()
        case "COPY":
            _copy(one, image, built[one.options["from"]].root if "from" in one.options else context)
        case "RUN":
            _run(one, image)
        case _:
            raise ValueError(one.word)


def _run(one: Instruction, image: Image) -> None:
    caches = []
    if "mount" in one.options:
        kind, _, target = one.options["mount"].partition(",target=")
        assert (kind, target) == ("type=cache", "/root/.cache/pip"), "only pip's cache is known here"
        caches = [(pip_cache(), target, False)]
    environ = {**build_environ(), **image.arguments, **image.environ}
    done = image.container(environ=environ, volumes=caches).run(one.command())
    assert done.returncode == 0, f"RUN {one.rest}\n{done.stdout}{done.stderr}"


def _copy(one: Instruction, image: Image, source: Path) -> None:
    *names, target = shlex.split(one.rest)
    place = image.root / os.path.join(image.workdir, target).lstrip("/")
    for name in names:
        copied = source / name.lstrip("/")
        if copied.is_dir():
            _copy_all(copied, place)
        else:
            inside = target.endswith("/") or len(names) > 1
            place.mkdir(parents=True, exist_ok=True) if inside or place.is_dir() else None
            shutil.copy2(copied, place / copied.name if place.is_dir() else place)


def _copy_all(source: Path, target: Path) -> None:
    """What lies in the folder, without using its room twice."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", "--link", f"{source}/.", str(target)], check=True)
