"""The card that a batcher announces, made from what its model says of itself."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

from batcher.models.contract import About
from batcher.models.errors import ModelSpecError
from broker.body import pack
from broker.contract import MAX_ARTIFACT
from broker.messages import ModelCard

REVISION_DIGITS = 12


def make_card(name: str, about: About) -> ModelCard:
    """Its revision hashes all that changes answers or their encoding, so equal batchers share one queue."""
    for file, content in about.files.items():
        if len(content) > MAX_ARTIFACT:
            raise ModelSpecError(f"{file} is larger than {MAX_ARTIFACT >> 20} MiB: front ends do not read such a file")
    artifacts = {file: _sha256(content) for file, content in sorted(about.files.items())}
    facts = {key: value for key, value in asdict(about).items() if key not in ("files", "description")}
    revision = _sha256(pack([facts, sorted(artifacts.items())]))[:REVISION_DIGITS]
    return ModelCard(
        name=name,
        task=about.task,
        codec=about.codec,
        revision=revision,
        max_cost=about.max_cost,
        labels=tuple(about.labels),
        languages=tuple(about.languages),
        artifacts=artifacts,
        options=dict(about.options),
        description=about.description,
    )


def artifacts_of(about: About) -> dict[str, bytes]:
    """The tokenizer files by their SHA-256, as the broker keeps them."""
    return {_sha256(content): content for content in about.files.values()}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
