"""Which shown commands are not run by tests/integration/shown: what the pages mark, and what another test runs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.shown_commands import PAGES, ROOT, Shown, of_line, shown

# By program: a line that begins with none of them is output.
PROGRAMS = (
    *("chown", "curl", "cut", "docker", "echo", "grep", "gzip", "jitney", "k6", "kind", "kubectl", "locust", "make"),
    *("openssl", "printf", "python", "redis-cli", "rm", "sed", "umask", "valkey-server", "xargs", "zcat"),
)

PREPARE = ("", "rm", "sed")  # variables and files for the next command
# What a page may say that a command needs, and what a command has that does need it.
NEEDS: Mapping[str, str] = {
    "a cluster": r"\b(kubectl|kind)\b",
    "an image engine": r"\bdocker\b|\bmake (images|push)\b",
    "a CUDA card": r"\bmake gpu\b|\btests/gpu\b|\bcompose\.gpu\b",
    "models from the hub": r"--model [\w-]+:(?!demo/)[\w-]+/",
    "wrk": r"\bbenchmarks (spine|scale|cost)\b",
    "k6": r"^k6 ",
    "Locust": r"\blocust\b",
}


class Elsewhere(NamedTuple):
    """Another test runs these commands, maybe with the shortest flags they have; this text of its file says so."""

    pattern: str
    file: str
    proof: str
    page: str = ""  # of this one alone


MEASUREMENTS = "tests/integration/shown/test_measurements.py"
TABLE: Sequence[Elsewhere] = (
    Elsewhere("make check", ".ci/run", "\nmake check\n"),
    Elsewhere("make test", ".ci/run", "\nmake test\n"),
    Elsewhere("(JITNEY_TEST_EXAMPLES=5000 )?make test-faults.*", ".ci/run", "\nmake test-faults\n"),
    Elsewhere("make soak.*", "tests/faults/load/test_soak.py", "from tests.faults.soak import main"),
    Elsewhere('make gpu ARGS="--device cpu --tiny"', "tests/faults/test_gpu_parts.py", "PARTS[part].run(setup)"),
    Elsewhere("make sbom", "tests/integration/images/test_images.py", "from docs.sbom import"),
    Elsewhere(".*", "tests/integration/client/test_page.py", 'PAGE = ROOT / "docs" / "client.md"', "docs/client.md"),
    Elsewhere(".*", "tests/integration/clients/test_snippets.py", 'PAGES = ("clients"', "docs/clients.md"),
    Elsewhere(".*", "tests/integration/clients/test_snippets.py", '"oip", ', "docs/oip.md"),
    Elsewhere(
        "jitney history erase --(key|input -) .*",
        "tests/integration/history/test_commands.py",
        "def test_who_gives_a_text_by_standard_input_is_asked_at_the_terminal",
    ),
    Elsewhere(r"python -m demo\.train.*", MEASUREMENTS, 'f"train --'),
    Elsewhere(r"python -m demo\.evaluate.*", MEASUREMENTS, '"evaluate --'),
    Elsewhere("jitney doctor --cache-url .*", "tests/integration/test_doctor.py", "def test_the_command_looks_at_it"),
    *(
        Elsewhere(rf"\S*python -m benchmarks {command}( .*)?", file, proof)
        for command, file, proof in (
            ("stress_test --table", "tests/integration/test_stress_table.py", '"--table"'),
            ("tune", "tests/integration/test_tune.py", "from benchmarks.tuning.tune.command import UNTRUSTED, main"),
            ("sweep", "tests/integration/test_sweep.py", "from benchmarks.tuning.sweep import main"),
            ("compare", "tests/integration/test_ceilings.py", "compare.main("),
            ("ceiling", "tests/integration/test_ceilings.py", "ceiling.main("),
            ("batches", "tests/integration/test_batch_benchmarks.py", "command.main("),
            ("predictions", "tests/integration/test_batch_benchmarks.py", "predictions.main("),
            ("report", "tests/unit/benchmarks/tuning/report/test_command.py", "report.command import main"),
            ("callers", "tests/unit/benchmarks/parts/test_callers.py", "main(["),
            ("bodies", "tests/unit/benchmarks/parts/test_bodies.py", "main(["),
            ("clustering", "tests/unit/benchmarks/parts/test_clustering.py", "clustering.main("),
            ("additions", "tests/unit/benchmarks/parts/test_additions.py", "additions.main("),
            ("languages", "tests/unit/benchmarks/languages/test_command.py", "main(["),
            ("crowd", MEASUREMENTS, '"crowd --'),
            ("cache", MEASUREMENTS, '"cache --'),
            ("translation", MEASUREMENTS, '"translation --'),
            ("encoders", MEASUREMENTS, '"encoders --'),
            ("protected", MEASUREMENTS, '"protected"'),
            ("one_by_one", MEASUREMENTS, '"one_by_one --'),
            ("packing", MEASUREMENTS, '"packing --'),
            ("pictures", MEASUREMENTS, '"pictures --'),
        )
    ),
)


def all_shown() -> Iterator[Shown]:
    """Of every page but CHANGELOG.md, which is about what was."""
    for page in PAGES:
        if page.name != "CHANGELOG.md":
            yield from shown(page, PROGRAMS)


def elsewhere(one: Shown) -> list[Elsewhere]:
    """Who runs it."""
    text = bare(one).rstrip(" &")
    page = str(one.page.relative_to(ROOT))
    return [row for row in TABLE if row.page in ("", page) and re.fullmatch(row.pattern, text, re.DOTALL)]


def run_here() -> Mapping[str, Sequence[Shown]]:
    """By page, those that are neither marked nor run elsewhere: tests/integration/shown runs them."""
    found: dict[str, dict[str, Shown]] = defaultdict(dict)
    for one in all_shown():
        if not one.needs and not elsewhere(one):
            found[str(one.page.relative_to(ROOT))].setdefault(bare(one), one)
    return {page: list(ones.values()) for page, ones in found.items()}


def bare(one: Shown) -> str:
    """Without the comment: a page that shows it twice has it run once."""
    return re.sub(r"\s+#.*", "", one.text)


def is_honest(one: Shown) -> bool:
    """Whether the command needs something of what its page says."""
    only_prepares = all(command.program in PREPARE for command in of_line(one.page, one.text))
    return only_prepares or any(re.search(NEEDS[need], one.text) for need in one.needs)
