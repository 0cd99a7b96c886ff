"""The addresses of files, as the OpenAPI document describes them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from server.api.operation import ALWAYS, Operation
from server.api.schema.openai import OpenAIProblem
from server.dialects.openai.errors import status_of
from server.files.files import File, FilePage
from server.files.form import LONGEST_KEPT, SHORTEST_KEPT

PATH = "/v1/files"
PROBLEMS = (*ALWAYS, 404, 503)
_operation = partial(Operation, problem=OpenAIProblem, status_of=status_of)
EXPIRES = {"anchor": "expires_after[anchor]", "seconds": "expires_after[seconds]"}


class FileForm(Struct, frozen=True, kw_only=True, rename=EXPIRES):
    """The fields of the form that brings a file."""

    purpose: Literal["batch"]
    file: Annotated[str, Meta(extra_json_schema={"format": "binary"})]
    anchor: Literal["created_at"] | UnsetType = UNSET
    seconds: Annotated[int, Meta(ge=SHORTEST_KEPT, le=LONGEST_KEPT)] | UnsetType = UNSET


class FileQuery(Struct, frozen=True, kw_only=True):
    """What may stand behind the '?' of the list."""

    after: Annotated[str, Meta(description="the last id of the page before")] = ""
    limit: Annotated[int, Meta(ge=1, le=10_000, description="most files of a page, which has 1,000 at most")] = 1_000
    order: Annotated[Literal["asc", "desc"], Meta(description="by the time of their creation")] = "desc"
    purpose: Annotated[str, Meta(description="only those of this purpose")] = ""


class DeletedFile(Struct, frozen=True, kw_only=True):
    """That a file is gone."""

    id: str
    object: str = "file"
    deleted: bool = True


FILES = (
    _operation(
        method="post",
        path=PATH,
        summary="Keep a file, for batches",
        form=FileForm,
        reply=File,
        problems=(*PROBLEMS, 413, 415, 507),
    ),
    _operation(
        method="get", path=PATH, summary="The files, newest first", query=FileQuery, reply=FilePage, problems=PROBLEMS
    ),
    _operation(method="get", path=f"{PATH}/{{id}}", summary="What is known of a file", reply=File, problems=PROBLEMS),
    _operation(method="delete", path=f"{PATH}/{{id}}", summary="Forget a file", reply=DeletedFile, problems=PROBLEMS),
    _operation(
        method="get",
        path=f"{PATH}/{{id}}/content",
        summary="The file itself",
        media_type="application/octet-stream",
        problems=PROBLEMS,
    ),
)
