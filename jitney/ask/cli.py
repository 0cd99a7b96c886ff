"""The command lines of what asks a model. By argparse: typer would take longer to begin than the model to answer."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from broker.common.output import replace_letters
from jitney.ask import COMMANDS

Add = Callable[..., Any]

EXAMPLES = {
    "translate": """A line for each text, in their order.

jitney translate "Life is like a box of chocolates." --from en --to fr
jitney translate - --from en --to fr < lines.txt > french.txt
""",
    "classify": """A line for each text, in their order: the label, a tab, its score, and so on.

jitney classify "The staff were lovely." --top-k 2
jitney classify - --label travel --label cooking < lines.txt
""",
    "embed": """A line for each text, in their order: an array of JSON.

jitney embed "Life is like a box of chocolates."
jitney embed - --prompt document < lines.txt > vectors.jsonl
""",
    "rerank": """A line for each text, best first: its score, a tab, the text.

jitney rerank "When does the bus leave?" "At six." "It is blue."
jitney rerank "When does the bus leave?" - --top-k 3 < lines.txt
""",
}
ENDS = """
It ends with   0  all were answered
               1  some have an error, which is said on standard error; their line is empty
               2  this cannot be done, and no try would help
               3  the server refuses for now (429, 503), fails within itself (500), or does not answer in time
               4  the server is not reached
"""


def main(arguments: Sequence[str]) -> int:
    """Its exit code. `arguments` begin with the command."""
    replace_letters()
    name, *others = arguments
    asked = vars(parser(name).parse_args(others))
    from jitney.ask.command import RUN  # not for --help, nor for what cannot be meant

    return RUN[name](**asked)


def parser(name: str) -> argparse.ArgumentParser:
    """Of one command."""
    made = argparse.ArgumentParser(
        prog=f"jitney {name}",
        description=f"{COMMANDS[name]} {EXAMPLES[name]}",
        epilog=ENDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if name == "rerank":
        made.add_argument("query", metavar="QUERY", help="what the texts shall answer")
    made.add_argument("texts", nargs="+", metavar="TEXT", help="one or more; - for the lines of standard input")
    made.add_argument("--model", metavar="NAME", help="which model; else the default")
    made.add_argument("--url", metavar="URL", help="the server; else JITNEY_URL, else http://127.0.0.1:9527")
    time = "a request may take, with all its tries; else 60"
    made.add_argument("--timeout", type=_seconds, default=60.0, metavar="SECONDS", help=time)
    made.add_argument("--json", dest="as_json", action="store_true", help="for programs: a line of JSON an answer")
    OWN[name](made.add_argument)
    return made


def _of_translate(add: Add) -> None:
    add("--to", required=True, metavar="LANGUAGE", help="such as fr")
    found_out = "else the server finds out, where it can"
    add("--from", dest="from_", default="auto", metavar="LANGUAGE", help=found_out)
    add("--keep", action="append", metavar="WORD", help="a word that stays as it is; again for more")


def _of_classify(add: Add) -> None:
    labels = "to choose from, by a zero-shot model; again for more"
    add("--label", dest="labels", action="append", metavar="LABEL", help=labels)
    add("--top-k", type=_count, default=1, metavar="N", help="how many, best first")


def _of_embed(add: Add) -> None:
    add("--prompt", metavar="NAME", help="one of the model's, such as query")


def _of_rerank(add: Add) -> None:
    add("--top-k", type=_count, metavar="N", help="how many; else all")


OWN: Mapping[str, Callable[[Add], None]] = {
    "translate": _of_translate,
    "classify": _of_classify,
    "embed": _of_embed,
    "rerank": _of_rerank,
}


def _count(said: str) -> int:
    if not said.isdigit() or int(said) < 1:
        raise argparse.ArgumentTypeError("a number from 1 on")
    return int(said)


def _seconds(said: str) -> float:
    if not 0.001 <= (seconds := float(said)) < float("inf"):
        raise argparse.ArgumentTypeError("a number of seconds")
    return seconds
