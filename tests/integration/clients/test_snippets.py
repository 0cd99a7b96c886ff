"""What the pages show of others' clients is what these answer."""

from __future__ import annotations

import doctest

import pytest

from tests.integration.processes import ROOT
from tests.integration.stack import Stack

SHOWN = "http://127.0.0.1:9527"


@pytest.mark.parametrize("page", ["libretranslate"])
def test_every_snippet_answers_as_it_says(system: Stack, page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8").replace(SHOWN, system.url).replace("```", "")
    snippets = doctest.DocTestParser().get_doctest(text, {}, page, None, None)
    said: list[str] = []
    doctest.DocTestRunner().run(snippets, out=said.append)

    assert len(snippets.examples) > 3
    assert "".join(said) == ""
