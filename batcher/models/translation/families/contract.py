"""What is known of a checkpoint from its tokenizer files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A vocabulary, as front ends will read it."""

    codec: str
    files: Mapping[str, bytes]
    language_ids: Mapping[str, int]
    special_ids: Mapping[str, int]  # eos, unk, pad
    options: Mapping[str, Any] = field(default_factory=dict)  # what else the codec needs
