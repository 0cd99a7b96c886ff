"""What LibreTranslate's clients look up before they translate, and what there is none of."""

from __future__ import annotations

from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.common.tasks import TRANSLATION
from broker.messages import ModelCard
from server.dialects.libretranslate.asked import AUTO
from server.dialects.libretranslate.languages import Spoken, spoken
from server.front_end import FrontEnd
from server.json import to_json

USUAL_TARGET = "en"  # what a client shows first
NO_FILES = "Files translation are disabled on this server."  # word for word what clients know
NO_SUGGESTIONS = "Suggestions are disabled on this server."


def card_of(front_end: FrontEnd) -> ModelCard:
    """Of the model that translates, also while it has no batcher: clients keep its languages for days. Raises `Problem`
    where there has been none."""
    directory = front_end.directory
    known = directory.listed.get(directory.default(TRANSLATION.name) or "")
    return directory.for_task(TRANSLATION.name, None, front_end.clock()).card if known is None else known.card


def languages(front_end: FrontEnd) -> Route:
    """GET /languages: each with those that it is translated into, which are all."""

    async def listed(request: Request) -> Response:
        return _json(_listed(spoken(card_of(front_end))))

    return Route("/languages", listed, methods=["GET"])


def settings(front_end: FrontEnd) -> Route:
    """GET /frontend/settings: what a web page needs to know."""

    async def told(request: Request) -> Response:
        has_keys = front_end.authentication is not None
        is_needed = has_keys and not front_end.settings.anonymous
        keys = {"apiKeys": has_keys, "keyRequired": is_needed}
        return _json(to_json(_settings(spoken(card_of(front_end))) | keys))

    return Route("/frontend/settings", told, methods=["GET"])


def no_files(front_end: FrontEnd) -> Route:
    """POST /translate_file."""
    return _refused("/translate_file", NO_FILES)


def no_suggestions(front_end: FrontEnd) -> Route:
    """POST /suggest."""
    return _refused("/suggest", NO_SUGGESTIONS)


def _refused(path: str, why: str) -> Route:
    async def refused(request: Request) -> Response:
        return Response(to_json({"error": why, "message": why}), status_code=403, media_type="application/json")

    return Route(path, refused, methods=["POST"])


@lru_cache(maxsize=16)  # models that a front end knows: M2M100's list has a hundred times a hundred codes
def _listed(languages: Spoken) -> bytes:
    codes = list(languages.names)
    return to_json([{"code": code, "name": name, "targets": codes} for code, name in languages.names.items()])


def _settings(languages: Spoken) -> dict[str, object]:
    target = USUAL_TARGET if USUAL_TARGET in languages.names else next(iter(languages.names), USUAL_TARGET)
    return {
        "apiKeys": False,
        "charLimit": -1,
        "filesTranslation": False,
        "frontendTimeout": 500,
        "keyRequired": False,
        "language": {
            "source": {"code": AUTO, "name": "Auto Detect"},
            "target": {"code": target, "name": languages.names.get(target, target)},
        },
        "suggestions": False,
        "supportedFilesFormat": [],
    }


def _json(told: bytes) -> Response:
    return Response(told, media_type="application/json")
