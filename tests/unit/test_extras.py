"""What an extra installs where: nothing that would need a compiler."""

from __future__ import annotations

import configparser

import pytest
from packaging.requirements import Requirement

from tests.integration.processes import ROOT

LINUX = {"platform_machine": "x86_64", "sys_platform": "linux", "python_version": "3.13"}


def langid() -> list[Requirement]:
    said = configparser.RawConfigParser()
    said.read(ROOT / "setup.cfg")
    return [Requirement(line) for line in said["options.extras_require"]["langid"].split("\n") if line]


@pytest.mark.parametrize(
    ("place", "count"),
    [
        pytest.param({}, 2, id="where there are wheels"),
        pytest.param({"python_version": "3.14"}, 0, id="a Python without wheels"),
        pytest.param({"platform_machine": "aarch64"}, 0, id="a machine without wheels"),
        pytest.param({"sys_platform": "darwin", "platform_machine": "arm64"}, 2, id="a Mac"),
    ],
)
def test_languages_are_told_apart_only_where_that_has_wheels(place: dict[str, str], count: int) -> None:
    assert sum(one.marker is None or one.marker.evaluate(LINUX | place) for one in langid()) == count
