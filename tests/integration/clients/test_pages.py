"""What the pages show is what runs: their Python, as it stands, but for the address."""

from __future__ import annotations

import gc
import re

import pytest

from tests.integration.processes import ROOT
from tests.integration.stack import Stack

PAGES = ("tei.md", "huggingface.md", "oip.md")
ADDRESS = "127.0.0.1:9527"


def snippets(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


@pytest.mark.usefixtures("on_loopback")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # clients that nobody closes
@pytest.mark.parametrize("code", [code for page in PAGES for code in snippets(page)])
def test_a_page_s_python_runs(everybody: Stack, code: str) -> None:
    assert ADDRESS in code

    exec(code.replace(ADDRESS, everybody.url.removeprefix("http://")), {})

    gc.collect()  # here, and not in a test that would be blamed for them
