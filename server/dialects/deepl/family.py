"""DeepL's API as a front end speaks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broker.common.tasks import BOX, TRANSLATION
from server.api.operation import ALWAYS, Operation, Schema, problems_of_inferences
from server.dialects.deepl import schema
from server.dialects.deepl.flavour import refuse, status_of
from server.dialects.deepl.pages import languages, usage
from server.dialects.deepl.translate import Translate
from server.dialects.family import Family
from server.settings import ServerSettings

PATH = "/v2/translate"
NOT_THERE = ("/v2/", "/v2/document", "/v2/document/", "/v2/glossaries", "/v2/glossaries/", "/v2/write/", "/v3/")
REFUSES: Mapping[str, Any] = {"problem": schema.DeepLProblem, "status_of": status_of}


def bound(schemas: Mapping[str, Schema], settings: ServerSettings, models: Sequence[str]) -> None:
    """How many texts there may be."""
    schemas["DeepLTranslateRequest"]["properties"]["text"]["anyOf"][1]["maxItems"] = settings.max_records


def example(languages: Sequence[str]) -> Any:
    """In languages that live models know."""
    pair = TRANSLATION.payload(languages)
    return {"text": [BOX], "source_lang": pair["fromLang"], "target_lang": pair["toLang"]}


OPERATIONS = [
    Operation(
        method="post",
        path=PATH,
        summary="Translate texts, as DeepL's clients ask for it",
        task=TRANSLATION.name,
        body=schema.DeepLTranslateRequest,
        example=example,
        reply=schema.DeepLTranslateReply,
        problems=problems_of_inferences(status_of),
        bound=bound,
        **REFUSES,
    ),
    Operation(
        method="get",
        path="/v2/languages",
        summary="The languages of the model that translates, as DeepL spells them",
        query=schema.DeepLKind,
        reply=list[schema.DeepLLanguage],
        problems=(*ALWAYS, 503),
        **REFUSES,
    ),
    Operation(
        method="get",
        path="/v2/usage",
        summary="How many characters were translated: nothing is counted",
        reply=schema.DeepLUsage,
        **REFUSES,
    ),
]
FAMILY = Family(
    name="deepl",
    inferences={PATH: Translate()},
    pages=[languages, usage],
    flavours={path: refuse for path in (PATH, *(one.path for one in OPERATIONS), *NOT_THERE)},
    operations=OPERATIONS,
    key_field="auth_key",
)
