"""The bodies of the Open Inference Protocol, and those that have `instances`. Other fields than these are not read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from server.api.schema.classification import A_LABEL, TopK
from server.api.schema.envelope import Model

Shape = Annotated[list[int], Meta(min_length=1, max_length=2)]


class OipParameters(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How to compute the inputs, by the names of our own API; each is read by models of its task."""

    from_lang: Annotated[str | None, Meta(description="the language of the texts, to translate")] = None
    to_lang: Annotated[str | None, Meta(description="the language to translate into")] = None
    top_k: TopK | None = None
    prompt_name: Annotated[str | None, Meta(description="which of an embedding model's prompts to read before")] = None
    query: Annotated[str | None, Meta(description="what texts are compared with, to rank them")] = None
    labels: Annotated[list[str] | None, Meta(description="what to choose from, by a zero-shot model")] = None
    template: str | None = None
    multi_label: bool | None = None

    def options(self) -> dict[str, Any]:
        """Those that are there."""
        fields = {
            "fromLang": self.from_lang,
            "toLang": self.to_lang,
            "topK": None if self.top_k is None else int(self.top_k),
            "promptName": self.prompt_name,
            "query": self.query,
            "labels": self.labels,
            "template": self.template,
            "multiLabel": self.multi_label,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def beside(self) -> int:
        """About how many characters of them are read beside each input anew."""
        said = len(self.template or "") + A_LABEL
        return len(self.query or "") + sum(len(label) + said for label in self.labels or ())


class OipTensorParameters(Struct, frozen=True, kw_only=True):
    """Where a tensor's bytes are."""

    binary_data_size: Annotated[int | None, Meta(description="so many bytes behind the JSON; else it is `data`")] = None


class OipTensor(Struct, frozen=True, kw_only=True):
    """The inputs: texts, or pictures' files in base64; behind the JSON both are as they are, each with its length."""

    name: Annotated[str, Meta(description="text, or image for a model of pictures")]
    shape: Annotated[Shape, Meta(description="[n] or [n, 1]")]
    datatype: Literal["BYTES"]
    parameters: OipTensorParameters | None = None
    data: list[str | list[str]] | None = None


class OipWanted(Struct, frozen=True, kw_only=True):
    """An output that is to come back."""

    name: str


class OipRequest(Struct, frozen=True, kw_only=True):
    """One tensor of inputs."""

    inputs: Annotated[list[OipTensor], Meta(min_length=1, max_length=1)]
    id: str | None = None
    parameters: OipParameters | None = None
    outputs: Annotated[list[OipWanted] | None, Meta(description="those to return; else all")] = None


class OipOutput(Struct, frozen=True, kw_only=True):
    """An output, flat: the last dimension first."""

    name: str
    shape: list[int]
    datatype: Literal["BYTES", "FP32"]
    data: list[str | float]


class OipReply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outputs of all inputs."""

    model_name: str
    outputs: list[OipOutput]
    id: str | None = None


class OipDescribed(Struct, frozen=True, kw_only=True):
    """A tensor as a model takes or gives it; -1 stands for any number."""

    name: str
    datatype: str
    shape: list[int]


class OipModel(Struct, frozen=True, kw_only=True):
    """What a model takes and gives."""

    name: str
    platform: str
    inputs: list[OipDescribed]
    outputs: list[OipDescribed]


class OipServer(Struct, frozen=True, kw_only=True):
    """What this server is."""

    name: str
    version: str
    extensions: list[str]


class OipLive(Struct, frozen=True, kw_only=True):
    live: bool


class OipReady(Struct, frozen=True, kw_only=True):
    ready: bool


class OipModelReady(Struct, frozen=True, kw_only=True):
    name: str
    ready: bool


class OipInstance(Struct, frozen=True, kw_only=True):
    """An input in an object: a text, or a picture's file in base64."""

    text: str | None = None
    b64: str | None = None


class OipInstancesParameters(OipParameters, frozen=True, kw_only=True, rename="camel"):
    """The same, and which model is asked where the address does not say it."""

    model: Model = None


class OipInstancesRequest(Struct, frozen=True, kw_only=True):
    """Inputs by rows."""

    instances: Annotated[list[str | OipInstance], Meta(min_length=1)]
    parameters: OipInstancesParameters | None = None
    model: Model = None


class OipPredictions(Struct, frozen=True, kw_only=True):
    """A row for each: a text, a vector, labels with scores, a score, or what a custom model answers."""

    predictions: list[Any]
