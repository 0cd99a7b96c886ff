"""Both images, built once, where this machine can: it takes root's right to mount, and PyPI."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.images.build import Image, build
from tests.integration.images.machine import missing


@pytest.fixture(scope="session")
def stages() -> Iterator[dict[str, Image]]:
    """By `Dockerfile.api` and `Dockerfile.gpu`; `builder` is that of the second."""
    if why := missing():
        pytest.skip(f"images cannot be built here: {why}")
    with tempfile.TemporaryDirectory(prefix="jitney-images-") as scratch:
        Path(scratch).chmod(0o755)  # processes of the images are not root
        api, gpu = (build(name, Path(scratch)) for name in ("Dockerfile.api", "Dockerfile.gpu"))
        yield {"jitney-api": api[""], "jitney-gpu": gpu[""], "builder": gpu["builder"]}
