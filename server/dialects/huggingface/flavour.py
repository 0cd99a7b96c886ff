"""How Hugging Face's pipelines refuse: as TEI does, and fields have the names that their clients know."""

from __future__ import annotations

from dataclasses import replace

from server.dialects.tei import errors

NAMES = {
    "fromLang": "src_lang",
    "toLang": "tgt_lang",
    "labels": "candidate_labels",
    "template": "hypothesis_template",
    "image": "inputs",
}
FLAVOUR = replace(errors.FLAVOUR, names=NAMES)
