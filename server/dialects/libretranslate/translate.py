"""POST /translate: texts of one language, or each of its own, in another. A request is answered whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.common.tasks import TRANSLATION
from server.api.incoming import Incoming
from server.dialects.contract import Call, Row
from server.dialects.libretranslate.asked import AUTO, Asked, asked
from server.dialects.libretranslate.detected import UNKNOWN, require_detection, told
from server.dialects.libretranslate.flavour import refuse
from server.dialects.libretranslate.languages import Spoken, spoken
from server.dialects.whole import Whole, translation_of
from server.errors import Problem, Refusal
from server.http.bodies import ANYTHING, Bodies
from server.json import to_json

TIMES = 4  # by default 1024 texts


class Translate(Whole):
    """JSON, a form, or nothing but what stands behind the question mark."""

    times = TIMES

    def takes(self, incoming: Incoming) -> Bodies:
        return ANYTHING

    def read(self, incoming: Incoming) -> Call:
        wanted = asked(incoming.fields())
        served = incoming.model_of(TRANSLATION.name)
        languages = spoken(served.card)
        source = AUTO if wanted.source == AUTO else languages.own(wanted.source)
        if source == AUTO:
            require_detection()
        options = {"fromLang": source, "toLang": languages.own(wanted.target), "format": wanted.format}
        return Call(self, served, wanted.texts, options, memo=wanted)

    def write(self, call: Call, answers: Sequence[Row | Problem]) -> bytes:
        wanted: Asked = call.memo
        rows = self.rows(call, answers)
        reply: dict[str, Any] = {"translatedText": [translation_of(row) for row in rows]}
        if wanted.source == AUTO:
            languages = spoken(call.served.card)
            reply["detectedLanguage"] = [_detected(row, languages) for row in rows]
        if wanted.alternatives:
            reply["alternatives"] = [[] for _ in rows]
        return to_json(reply if wanted.is_list else {name: value for name, (value,) in reply.items()})

    def refuse(self, problem: Problem, request_id: str) -> Refusal:
        return refuse(problem, request_id)


def _detected(row: Row, languages: Spoken) -> dict[str, Any]:
    """What is told of a text without letters is told by LibreTranslate as well."""
    own = row.get("detectedLang")
    return told(own, row["detectedScore"], languages) if own is not None else UNKNOWN
