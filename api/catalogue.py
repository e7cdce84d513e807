"""The catalogue as plain rows, the same for the command line and for REST."""

from typing import Any, Literal

Kind = Literal["models", "devices", "engines"]


def rows(kind: Kind) -> list[dict[str, Any]]:
    """Every row of one kind, with the source of each figure where it has one."""
    from models import catalog, codec

    known = {"models": catalog.model_summaries, "devices": catalog.devices, "engines": catalog.engines}
    listed: list[dict[str, Any]] = [codec.to_plain(row) for row in known[kind]()]
    for row in listed:
        row.pop("file", None)
    return listed
