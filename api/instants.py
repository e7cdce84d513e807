"""Instants in query parameters: RFC 3339, with their zone."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from models.errors import InvalidInput

PATTERN = r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})$"
Instant = Annotated[
    str | None,
    Query(
        pattern=PATTERN, description="RFC 3339, e.g. 2026-12-01T00:00:00Z.", examples=["2026-12-01T00:00:00Z"]
    ),
]


def instant(name: str, text: str | None) -> datetime | None:
    """The instant a text names; None for none.

    Raises
    ------
    InvalidInput
        There is no such day or hour.
    """
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"query {name}: {text!r} is no instant", hint="Maybe 2026-12-01T00:00:00Z."
        ) from None
