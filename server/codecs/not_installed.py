"""In place of a codec whose library this front end was installed without: every request is told what to install."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import structlog

from broker.messages import ModelCard, Value
from server.codecs.contract import Input, Plan
from server.codecs.errors import CodecError
from server.codecs.work import UNBOUNDED, Work

log = structlog.get_logger("server.codecs")


class NotInstalled:
    """Refuses with `unknown_model`: to the clients of this front end it is as if there were none."""

    def __init__(self, card: ModelCard, extra: str) -> None:
        remedy = f"pip install 'jitney[server,{extra}]'"
        self._message = f"Model {card.name} cannot be served by this front end as it is installed: {remedy}"
        log.warning("codec not installed", model=card.key, codec=card.codec, remedy=remedy)

    def check(self, options: Mapping[str, Any]) -> None:
        """Raises `CodecError`."""
        self._refuse()

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        """Raises `CodecError`."""
        self._refuse()

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any]:
        """Raises `CodecError`; nothing comes here."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise CodecError(self._message, code="unknown_model")
