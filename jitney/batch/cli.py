"""The command line of `jitney batch`; its work is imported only when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.common.output import never_fail
from jitney.batch.contract import Stopped
from jitney.batch.options import (
    FORMATS,
    LANES,
    STREAM,
    BatchOptions,
    format_of,
    format_without_endpoint,
    parse_settings,
    usual_column,
)


def batch(
    source: Annotated[str, typer.Argument(metavar="IN", help="A file, .jsonl or .csv; - for standard input.")],
    target: Annotated[str, typer.Option("--out", "-o", metavar="OUT", help="A file; - for standard output.")],
    endpoint: Annotated[
        str, typer.Option(metavar="PATH", help="Such as /translation; without it IN has OpenAI's lines.")
    ] = "",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A field of the payload; again for more.", show_default=False),
    ] = None,
    url: Annotated[str, typer.Option(metavar="URL", envvar="JITNEY_URL", help="The server.")] = "http://127.0.0.1:9527",
    lane: Annotated[str, typer.Option(metavar="LANE", help="bulk, or interactive.")] = "bulk",
    window: Annotated[int, typer.Option(min=1, max=100_000, metavar="ROWS", help="In hand at once.")] = 256,
    rows_per_request: Annotated[int, typer.Option(min=1, max=10_000, metavar="ROWS", help="At most.")] = 32,
    column: Annotated[
        str, typer.Option(metavar="NAME", help="What is sent; else text, or image for pictures.", show_default=False)
    ] = "",
    id_column: Annotated[str, typer.Option(metavar="NAME", help="What a row is called; else id.")] = "",
    format: Annotated[str, typer.Option(metavar="FORMAT", help="jsonl or csv; else as the files' names end.")] = "",
    delimiter: Annotated[str, typer.Option(metavar="SIGN", help="Between the fields of CSV; tab for a tab.")] = ",",
    excel_safe: Annotated[bool, typer.Option("--excel-safe", help="CSV: ' before what looks like a formula.")] = False,
    bom: Annotated[bool, typer.Option("--bom", help="CSV: begin OUT so that Excel reads it as UTF-8.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Compute again what failed in OUT.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT when all is done.")] = False,
    timeout: Annotated[float, typer.Option(min=0.001, metavar="SECONDS", help="A request may take.")] = 600.0,
    patience: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for a server that is busy or away.")
    ] = 300.0,
) -> None:
    """Send a file of rows through an endpoint; OUT has a row for each, in the same order.

    \b
    jitney batch texts.jsonl -o french.jsonl --endpoint /translation --set fromLang=en --set toLang=fr
    jitney batch reviews.csv -o labels.csv --endpoint /classification --column review --id-column number
    zcat texts.jsonl.gz | jitney batch - -o - --format jsonl --endpoint /embedding > vectors.jsonl

    \b
    JSONL: a line {"id": …, "text": …} becomes {"id": …, fields of the answer}.
    CSV:   all columns are copied, those of the answer come behind them.
    OpenAI's lines {"custom_id", "method", "url", "body"}, without --endpoint: each goes to its url, OUT has its reply.
    A row that fails has its error there, and in OUT.errors.jsonl.

    Files are streamed, whatever their size. Until all is done OUT is called OUT.part. Killed or interrupted,
    the same command goes on from there, as long as IN and the options are the same; with - for a file it
    begins anew. A server that is busy or away is waited for, up to --patience.

    \b
    It ends with   0  all rows were answered
                   1  all are in OUT, some with an error
                   2  this cannot be done, and no try would help
                   3  the server refuses for now (429, 503)
                   4  the server is not reached
    After 3, 4, Ctrl-C (130) and SIGTERM (143) the same command goes on.
    """
    from jitney.batch.command import run_batch

    if lane not in LANES:
        raise typer.BadParameter("--lane is bulk or interactive")
    if format not in ("", *FORMATS):
        raise typer.BadParameter("--format is jsonl or csv")
    try:
        found, settings = format_of(source, target, format), parse_settings(set_ or [])
        found = found if endpoint else format_without_endpoint(found)
    except Stopped as stopped:
        raise typer.BadParameter(stopped.message) from stopped
    options = BatchOptions(
        source=source,
        target=target,
        endpoint=endpoint,
        url=url,
        settings=settings,
        lane=lane,
        window=window,
        rows_per_request=rows_per_request,
        timeout=timeout,
        patience=patience,
        format=found,
        column=column or usual_column(endpoint),
        id_column=id_column,
        delimiter="\t" if delimiter == "tab" else delimiter,
        excel_safe=excel_safe,
        bom=bom,
        retry_failed=retry_failed,
        overwrite=overwrite,
    )
    if target != STREAM:
        never_fail()  # whoever read what we say has gone: the file is the work
    raise typer.Exit(run_batch(options))
