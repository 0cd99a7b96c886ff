"""The pages agree with the code, and with each other."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from docs import http, settings
from server.api.operation import ALWAYS
from tests.shown_commands import PAGES, ROOT

EXAMPLES = {"counting.py", "colours.py"}  # which the reader writes
FOLDERS = ("jitney", "server", "broker", "batcher", "history", "demo", "benchmarks", "tests", "docs")
DECISIONS = ROOT / "docs" / "decisions"
# [text](target), but neither an image's caption nor a link out of the repository.
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]*)\)")
# Files and folders of ours: `broker/messages.py` from the root or the page, `window.py` by its name alone.
NAMED = re.compile(
    rf"(?<![\w./*-])(?:(?:[\w*.-]+/)*[\w*-]+\.(?:py|lua)\b(?!:)|(?:{'|'.join(FOLDERS)})/(?:[\w-]+/)+(?=[`\s]))"
)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def links(text: str) -> list[str]:
    return LINK.findall(CODE.sub("", text))


def anchors(text: str) -> set[str]:
    """The anchors that the page's headings get where it is shown."""
    headings = re.findall(r"^#+ +(.+)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    found = []
    for link in links(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            found.append(link)
    return found


def missing(page: Path) -> list[str]:
    """The source files and folders that a page names and the repository has not."""
    named = set(NAMED.findall(page.read_text(encoding="utf-8"))) - EXAMPLES
    return sorted(name for name in named if not is_there(name, page))


def is_there(name: str, page: Path) -> bool:
    places = [ROOT.glob(name), page.parent.glob(name)]
    if "/" not in name:
        places += [(ROOT / folder).rglob(name) for folder in FOLDERS]
    return any(itertools.chain(*places))


@pytest.mark.parametrize("told", [settings, http], ids=["settings", "http"])
def test_a_page_that_is_written_says_what_the_code_says(told):
    written = told.PAGE.read_text(encoding="utf-8")

    assert written == told.page(), "run `make settings`"


def test_each_body_that_an_address_takes_has_a_row_with_its_fields():
    rows = re.findall(r"^\| `POST /invocations` \| (.+?) \| (.+?) \|", http.PAGE.read_text("utf-8"), re.MULTILINE)

    assert ("Turn texts into vectors, as TEI does", "`inputs`") in [(does, fields[:8]) for does, fields in rows]
    assert len({fields for _, fields in rows}) == 5  # TEI's four, and `instances`


def test_the_page_of_http_has_all_of_openapi():
    written = http.PAGE.read_text(encoding="utf-8")

    for path, methods in http.described()["paths"].items():
        for method, operation in methods.items():
            (_, *rows) = written.split(f"| `{method.upper()} {path}` |")
            told = {status for row in rows for status in row.split("\n")[0].split("|")[2].strip().split(", ")}
            assert {int(status) for status in told} | set(ALWAYS) == {int(one) for one in operation["responses"]}, path
            for parameter in operation["parameters"]:
                assert parameter["in"] == "path" or f"| `{parameter['name']}` | {parameter['description']} |" in written


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
def test_every_link_leads_somewhere(page):
    assert broken(page) == []


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
def test_every_file_that_a_page_names_is_there(page):
    assert missing(page) == []


def test_a_file_that_is_gone_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("`broker/wire.py`, window.py, `broker/redis/`; `server/door.py`, `server/doors/`, vigil.py")

    assert missing(page) == ["server/door.py", "server/doors/", "vigil.py"]


def test_every_decision_is_in_the_list():
    listed = set(links((DECISIONS / "README.md").read_text(encoding="utf-8")))
    written = {page.name for page in DECISIONS.glob("[0-9]*.md")}

    assert listed == written


def test_a_decision_is_a_page_long():
    lengths = {page.name: len(page.read_text(encoding="utf-8").splitlines()) for page in DECISIONS.glob("[0-9]*.md")}

    assert {name for name, lines in lengths.items() if lines > 40} == set()


def test_every_page_is_in_the_index():
    docs = ROOT / "docs"

    listed = {link.partition("#")[0] for link in links((docs / "README.md").read_text(encoding="utf-8"))}

    assert {page.name for page in docs.glob("*.md")} - {"README.md"} <= listed
