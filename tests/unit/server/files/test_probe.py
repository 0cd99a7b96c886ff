"""`python -m server.files` knows a store that will do from one that will not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from server.files.__main__ import complaint, main
from server.files.folder import Folder
from server.files.store import Store
from tests.s3_server import BUCKET

pytestmark = pytest.mark.anyio


class Forgiving(Folder):
    """As object storage that does not know If-None-Match."""

    async def put(self, name: str, data: bytes, is_new: bool = False) -> None:
        await super().put(name, data)


class Forgetful(Folder):
    """As one that answers before it keeps anything."""

    async def get(self, name: str) -> bytes | None:
        return None


async def test_a_store_that_will_do_has_nothing_left_of_the_probe(store: Store):
    assert await complaint(store) is None
    assert await store.names("probe") == []


@pytest.mark.parametrize(("kind", "said"), [(Forgiving, "takes a name twice"), (Forgetful, "is not found")])
async def test_a_store_that_breaks_a_promise_is_found_out(tmp_path: Path, kind: type[Folder], said: str):
    found = await complaint(kind(tmp_path))

    assert found is not None
    assert said in found[0]


def test_a_directory_that_cannot_be_written_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "file").write_text("in the way")

    code = main([str(tmp_path / "file")])

    assert (code, json.loads(capsys.readouterr().out.splitlines()[-1])["said"]) == (
        1,
        "The directory of files cannot be used at the moment: File exists",
    )


def test_a_bucket_that_is_there_will_do_and_another_will_not(
    s3: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name, value in s3.items():
        monkeypatch.setenv(name, value)

    assert main([f"s3://{BUCKET}/probed"]) == 0
    assert main(["s3://nobody-has-made-this"]) == 1
    assert "The bucket of files is not there" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["gs://bucket"]])
def test_an_address_that_is_none_is_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(arguments) == 2
    assert "s3://bucket/prefix" in json.loads(capsys.readouterr().out)["said"]
