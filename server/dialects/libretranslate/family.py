"""LibreTranslate's API as a front end speaks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broker.common.tasks import BOX, TRANSLATION
from server.api.limits import most_records
from server.api.operation import ALWAYS, Operation, Schema, problems_of_inferences
from server.api.ops import health
from server.dialects.either import FOR_ALL
from server.dialects.family import Family
from server.dialects.libretranslate import schema
from server.dialects.libretranslate.detect import detect
from server.dialects.libretranslate.flavour import refuse, status_of
from server.dialects.libretranslate.pages import languages, no_files, no_suggestions, settings
from server.dialects.libretranslate.patient import Patient
from server.dialects.libretranslate.translate import TIMES, Translate
from server.settings import ServerSettings

PATH = "/translate"
REFUSES: Mapping[str, Any] = {"problem": schema.LibreProblem, "status_of": status_of}


def bound(schemas: Mapping[str, Schema], settings: ServerSettings, models: Sequence[str]) -> None:
    """How many texts there may be."""
    schemas["LibreTranslateRequest"]["properties"]["q"]["anyOf"][1]["maxItems"] = most_records(settings, TIMES)


def example(languages: Sequence[str]) -> Any:
    """In languages that live models know."""
    source, target = TRANSLATION.payload(languages)["fromLang"], TRANSLATION.payload(languages)["toLang"]
    return {"q": BOX, "source": source, "target": target}


OPERATIONS = [
    Operation(
        method="post",
        path=PATH,
        summary="Translate texts, as LibreTranslate's clients ask for it",
        task=TRANSLATION.name,
        body=schema.LibreTranslateRequest,
        example=example,
        reply=schema.LibreTranslateReply,
        problems=problems_of_inferences(status_of),
        bound=bound,
        **REFUSES,
    ),
    Operation(
        method="post",
        path="/detect",
        summary="Which languages a text may be in, the likeliest first",
        body=schema.LibreDetectRequest,
        has_model=False,
        example=lambda languages: {"q": BOX},
        reply=list[schema.Detected],
        problems=ALWAYS,
        **REFUSES,
    ),
    Operation(
        method="get",
        path="/languages",
        summary="The languages of the model that translates, each by every code that clients know",
        reply=list[schema.LibreLanguage],
        problems=ALWAYS,
        **REFUSES,
    ),
    Operation(
        method="get",
        path="/frontend/settings",
        summary="What LibreTranslate's web pages look up",
        reply=schema.LibreSettings,
        problems=ALWAYS,
        **REFUSES,
    ),
    Operation(
        method="get",
        path="/health",
        summary="Whether this process can answer, for clients of other servers",
        reply=schema.LibreHealth,
        problems=(*ALWAYS, 503),
    ),
    *(
        Operation(
            method="post",
            path=path,
            summary=f"There is none of that here: {why}",
            reply=schema.LibreRefusal,
            ok=403,
            **REFUSES,
        )
        for path, why in (("/suggest", "better translations"), ("/translate_file", "files"))
    ),
]
FAMILY = Family(
    name="libretranslate",
    inferences={PATH: Translate()},
    endpoint=Patient,
    pages=[detect, languages, settings, health, no_files, no_suggestions],
    flavours={
        **{path: refuse for path in (*(one.path for one in OPERATIONS), "/frontend/", "/download_file/")},
        "/health": FOR_ALL.refuse,  # for those that start and stop servers: 503 means what it says
    },
    operations=OPERATIONS,
    key_field="api_key",
)
