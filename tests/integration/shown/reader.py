"""What a page leaves to its reader: addresses, files, keys, and how long something may take."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

from broker.common.free_port import free_port
from broker.embedded import first_binary
from tests.integration.processes import ROOT
from tests.integration.shown.walk import Walk
from tests.shown_commands import Shown
from tests.shown_elsewhere import bare

TOYS = ("client.toys:Meaning", "client.toys:Ranker", "toy_pairs:Nli")
MODELS = " ".join(f"--model tests.integration.{toy}" for toy in TOYS) + " --model synthetic:10ms+0.5ms"
TEXT = "Life is like a box of chocolates."
# Pages whose models are not here: others answer, in the same form.
STAND_INS = ("docs/images.md", "docs/pairs.md", "docs/clustering.md")
# Settings that a page has spoken of before its commands.
SUPPOSED: Mapping[str, Mapping[str, str]] = {
    "docs/history.md": {"JITNEY_API_KEYS": "on", "JITNEY_HASH_SECRET": "5d" * 32},
}


def redis_cli(walk: Walk) -> str:
    url = urlsplit(walk.broker)
    return f"redis-cli -s {url.path}" if url.scheme == "unix" else f"redis-cli -u {walk.broker}"


def prediction(walk: Walk) -> str:
    """The id of the last one."""
    return re.findall(r"location: /predictions/(\S+)", walk.said)[-1]


def newest(walk: Walk) -> str:
    """How the revision of the batcher that was started last begins."""
    [service] = [one for one in walk.services if "next" in one.text]
    return re.findall(r"translation@(\w{6})", service.said())[-1]


def server_port(walk: Walk) -> str:
    [service] = [one for one in walk.services if "--aclfile" in one.text]
    return re.findall(r"--port (\d+)", service.text)[0]


def password(walk: Walk) -> str:
    users = (walk.directory / "valkey" / "users.acl").read_text()
    return re.findall(r"^user jitney-batcher .*>(\w+)", users, re.MULTILINE)[0]


# What its reader has done before.
DONE_BEFORE: Mapping[str, Callable[[Walk], str]] = {
    "docs/security.md": lambda _: "jitney keys add reader",
    "docs/upgrade.md": lambda walk: f"{redis_cli(walk)} SET 'jitney:{{default}}:3:epoch' old",
}
# In this order: what stands in a shown command, and what stands there on this machine.
THEIRS: Sequence[tuple[str, Callable[[Walk], str]]] = (
    (r"127\.0\.0\.1:9527|(?<=http://)jitney:9527", lambda walk: f"127.0.0.1:{walk.port}"),
    # A new key is known within two seconds.
    (r"^curl(?= .*\$KEY)", lambda _: "curl --retry 5 --retry-all-errors --retry-delay 1"),
    (r"^curl\b", lambda _: "curl --fail-with-body"),
    (r"-d …", lambda _: """-d '{"payload": {"fromLang": "en", "toLang": "ja", "records": []}}'"""),
    (r'(?<=\$KEY") …', lambda walk: f" {walk.url}/v1/models"),
    (r"5d0c1f8e-0f…", prediction),
    (r"\bredis-cli\b", redis_cli),
    (r"redis://broker:6379/0", lambda walk: walk.broker),
    (r"jitney-batcher:…@broker:6379", lambda walk: f"jitney-batcher:{password(walk)}@127.0.0.1:{server_port(walk)}"),
    (r"postgresql://…", lambda _: "of-a-deployment.db"),
    (r"/models/m2m100", lambda _: "demo/translation"),
    (r"models/next\b", lambda _: "next"),
    (r"3f0c", newest),
    (r"0\.0\.0\.0", lambda _: "127.0.0.1"),
    (r"^make serve\b", lambda _: f'make serve --assume-old=.venv/.serve ARGS="--port 0 {MODELS}"'),
    (r"\bjitney up\b(?!.*--model)", lambda _: "jitney up --model synthetic:10ms+0.5ms"),
    (r"\bjitney up\b", lambda _: "jitney up --port 0"),
    (r"^python -m server\b", lambda _: f"python -m server --port {free_port()} --metrics-port {free_port()}"),
    (r"^python -m batcher\b", lambda _: f"python -m batcher --metrics-port {free_port()}"),
    (r"/etc/valkey\b", lambda walk: str(walk.directory / "valkey")),
    (r"\bchown valkey:", lambda _: 'chown "$(id -un):"'),
    (r"^valkey-server\b", lambda _: str(first_binary().path)),
    (r"(?<=users\.acl) …", lambda _: f" --port {free_port()}"),
    # Less of it.
    (r"(?<=benchmarks load)\b", lambda walk: f" --url {walk.url} --duration 1"),
    (r"(?<=benchmarks stress_test)\b", lambda walk: f" --url {walk.url}"),
    (r"--num-req 100", lambda _: "--num-req 10"),
    (r"--duration \d+", lambda _: "--duration 1"),
    (r"--warm-up \d+", lambda _: "--warm-up 0"),
)


def on_this_machine(one: Shown, walk: Walk) -> str:
    """The command as this machine can run it."""
    text = bare(one)
    for pattern, theirs in THEIRS:
        if re.search(pattern, text, re.MULTILINE):
            here = theirs(walk).replace("\\", r"\\")
            text = re.sub(pattern, here, text)
    return text


def write_files(directory: Path) -> None:
    """Those that pages suppose."""
    (directory / "lines.txt").write_text(f"{TEXT}\n{TEXT}\n")
    (directory / "text.txt").write_text(f"{TEXT}\n")
    (directory / "sentences.txt").write_text(f"{TEXT}\n")
    rows = "".join(json.dumps({"id": at, "text": TEXT}) + "\n" for at in range(3))
    (directory / "texts.jsonl").write_text(rows)
    (directory / "texts.jsonl.gz").write_bytes(gzip.compress(rows.encode()))
    (directory / "reviews.csv").write_text("number,review\n1,The staff were lovely.\n")
    body = {"model": "meaning", "input": "Dog walking"}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": body}
    (directory / "requests.jsonl").write_text(f"{json.dumps(line)}\n")
    for name, colour in {"blue.png": "blue", "cat.jpg": "orange", "picture.jpg": "green"}.items():
        Image.new("RGB", (32, 32), colour).save(directory / name)
    (directory / "valkey").mkdir()
    for written in ("k8s", "monitoring"):
        shutil.copytree(ROOT / written, directory / written)
    shutil.copytree(ROOT / "demo" / "translation", directory / "next")
    config = directory / "next" / "config.json"
    config.write_text(config.read_text().replace('"init_std": 0.02', '"init_std": 0.03'))  # another revision
    for page in (ROOT / "docs").glob("*.md"):
        for name, code in re.findall(r"`(\w+\.py)`:\n\n```python\n(.*?)^```", page.read_text("utf-8"), re.S | re.M):
            (directory / name).write_text(code)
