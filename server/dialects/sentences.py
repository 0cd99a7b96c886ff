"""A bare list of sentences in, a list of clusters out, each a list of its sentences: the call of a clustering service
that Jitney replaces. Model and threshold are the defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.json import Decoder

from broker.common.tasks import EMBEDDING
from server.api.incoming import Incoming
from server.api.schema.clustering import Sentences
from server.api.schema.envelope import read
from server.clustering.contract import Grouping, default_threshold
from server.dialects.contract import Call, Dialect, Row
from server.dialects.native import Native
from server.errors import Problem
from server.json import to_json

DECODER: Decoder[Sentences] = Decoder(Sentences)


class OfSentences(Native):
    """`POST /cluster`. There is no place for one sentence's problem, so it refuses them all."""

    def read(self, incoming: Incoming) -> Call:
        sentences = read(DECODER, incoming.body)
        served = incoming.model_of(EMBEDDING.name)
        memo = Grouping(threshold=default_threshold(served.card), asked=sentences)
        return Call(self, served, sentences, {}, memo=memo)

    def write(self, call: Call, answers: Sequence[Row | Problem]) -> bytes:
        for answer in answers:
            if isinstance(answer, Problem):
                raise answer
        return to_json([[call.memo.asked[member] for member in group.members] for group in call.memo.groups])


ROUTES: Mapping[str, Dialect] = {"/cluster": OfSentences()}
