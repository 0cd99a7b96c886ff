"""What DeepL's clients look up: languages, and how much of a quota is used, of which there is none here."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.api.fields import fields_of
from server.dialects.deepl.languages import sources, targets
from server.dialects.libretranslate.languages import spoken
from server.dialects.libretranslate.pages import card_of
from server.errors import Problem
from server.front_end import FrontEnd
from server.json import to_json

NO_LIMIT = 1_000_000_000_000  # characters: as DeepL tells those who may send any number
KINDS = ("source", "target")


def languages(front_end: FrontEnd) -> Route:
    """GET /v2/languages. Its field comes behind the question mark or, by DeepL's own clients, as a form with GET."""

    async def listed(request: Request) -> Response:
        kind = (await fields_of(front_end, request)).get("type", KINDS[0])
        if kind not in KINDS:
            raise Problem("malformed", f"type must be {' or '.join(KINDS)}")
        known = spoken(card_of(front_end))
        if kind == "source":
            return _json([{"language": code, "name": name} for code, name in sources(known).items()])
        found = targets(known).items()
        return _json([{"language": code, "name": name, "supports_formality": False} for code, name in found])

    return Route("/v2/languages", listed, methods=["GET"])


def usage(front_end: FrontEnd) -> Route:
    """GET /v2/usage."""

    async def told(request: Request) -> Response:
        return _json({"character_count": 0, "character_limit": NO_LIMIT})

    return Route("/v2/usage", told, methods=["GET"])


def _json(told: object) -> Response:
    return Response(to_json(told), media_type="application/json")
