"""Every API that a front end speaks: what `--dialects` chooses from. Where several share an address, the one that
stands first here says what a body may be, and answers what is meant for none of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from server.api.operation import Operation
from server.api.operations import ALWAYS_THERE, CLUSTERS, OF_MODELS
from server.clustering.endpoint import Clustering
from server.dialects import clustering, native, sentences
from server.dialects.deepl import family as deepl
from server.dialects.family import Family
from server.dialects.huggingface import family as huggingface
from server.dialects.libretranslate import family as libretranslate
from server.dialects.oip import family as oip
from server.dialects.openai import family as openai
from server.dialects.rerank import family as rerank
from server.dialects.tei import family as tei

NATIVE = Family(
    name="native",
    inferences=native.ROUTES,
    operations=OF_MODELS,
    is_answered_later=True,
    is_in_batches=True,
)
OF_CLUSTERS = Family(
    name="native",
    inferences={**clustering.ROUTES, **sentences.ROUTES},
    endpoint=Clustering,
    operations=CLUSTERS,
    is_answered_later=True,
    is_in_batches=True,
)
FAMILIES: Sequence[Family] = (
    NATIVE,
    OF_CLUSTERS,
    openai.FAMILY,
    openai.BESIDE,
    huggingface.FAMILY,
    tei.FAMILY,
    rerank.FAMILY,
    libretranslate.FAMILY,
    deepl.FAMILY,
    oip.FAMILY,
)


def chosen(names: str) -> list[Family]:
    """Those that a setting names."""
    wanted = names.replace(",", " ").split()
    return [family for family in FAMILIES if family.name in wanted]


def operations(families: Sequence[Family]) -> Iterator[Operation]:
    """What these can be asked, and what every front end can."""
    for family in families:
        yield from family.operations
    yield from ALWAYS_THERE
