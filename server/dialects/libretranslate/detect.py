"""POST /detect: which languages a text may be in, the likeliest first."""

from __future__ import annotations

from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.api.fields import fields_of
from server.codecs.translation.protected.markup import words_of
from server.dialects.libretranslate.asked import Fields, format_of, required
from server.dialects.libretranslate.detected import UNKNOWN, require_detection, told
from server.dialects.libretranslate.languages import Spoken, spoken
from server.dialects.libretranslate.pages import card_of
from server.front_end import FrontEnd
from server.json import to_json
from server.languages.identify import Identify, identifier

MOST = 3  # languages that are told
READ = 4_096  # characters of HTML, which is read on the event loop


def detect(front_end: FrontEnd) -> Route:
    """Restricted to the languages of the model that translates."""

    async def detected(request: Request) -> Response:
        text = _text(await fields_of(front_end, request))
        require_detection()
        found = _found(text, spoken(card_of(front_end)))
        return Response(to_json(found), media_type="application/json")

    return Route("/detect", detected, methods=["POST"])


def _text(fields: Fields) -> str:
    said = required(fields, "q")
    return words_of(said[:READ]) if format_of(fields) == "html" else said


def _found(text: str, languages: Spoken) -> list[dict[str, object]]:
    found = identify_in(languages)(text)[:MOST]
    return [told(guess.code, guess.score, languages) for guess in found] or [UNKNOWN]


@lru_cache(maxsize=16)  # models that a front end knows
def identify_in(languages: Spoken) -> Identify:
    """The function that tells these apart."""
    return identifier(languages.offered)
