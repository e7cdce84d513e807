"""``shardwright verify PLANS.json --certificate FILE``: recompute an answer's feasibility and bound."""

import json
from typing import Annotated, Any, Literal

import typer

from api.commands.ending import ends_cleanly, tell
from api.commands.reading import read_text
from api.exit_codes import ExitCode

MAX_BYTES = 1_000_000_000
"""Trees with many leaves make large files."""


@ends_cleanly
def command(
    plans: Annotated[str, typer.Argument(help="Answer (shardwright.plans/1); - reads standard input.")],
    certificate: Annotated[
        str, typer.Option(metavar="FILE", help="What `shardwright plan --certificate` wrote with it.")
    ],
    form: Annotated[
        Literal["table", "json"], typer.Option("--format", help="How to print the outcome.")
    ] = "table",
) -> ExitCode | None:
    """Recompute feasibility and bound of an answer in exact arithmetic, without a solver."""
    from api.render.verification import report_lines
    from solvers.verification import reading
    from solvers.verification.several import verify_all

    documents = []
    for name in (plans, certificate):
        try:
            documents.append(reading.read_json(read_text(name, max_bytes=MAX_BYTES)))
        except reading.Unreadable as error:
            return tell(error, name)
    try:
        reports = verify_all(*documents, domains=domains_of_devices())
    except reading.Unreadable as error:
        return tell(error, certificate if error.document == "certificate" else plans)
    if form == "json":
        plain = [report.to_plain() for report in reports]
        typer.echo(json.dumps(plain[0] if len(plain) == 1 else plain, indent=2, allow_nan=False))
    else:
        typer.echo("\n\n".join("\n".join(report_lines(report)) for report in reports))
    return None if all(report.accepted for report in reports) else ExitCode.REJECTED


def domains_of_devices() -> dict[str, Any]:
    """Scale-up domain of every device of the catalogue that has one beyond the node, by each of its names."""
    from models import catalog

    return {
        name: device.scale_up_domain
        for device in catalog.devices()
        if device.scale_up_domain is not None
        for name in (device.id, *device.aliases)
    }
