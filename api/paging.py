"""Lists in pages: ``?limit=50&cursor=...``, newest first."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Query

from db.records import Page

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=120,
        pattern=r"^[a-z]+-[0-9a-f]+$",
        description="next of the page before.",
    ),
]
PlanCursor = Annotated[
    str | None,
    Query(max_length=120, pattern=r"^job-[0-9a-f]+/[0-9]{1,6}$", description="next of the page before."),
]
DEFAULT_LIMIT = 50


def page_body(page: Page, show: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """Items and where the next page begins."""
    return {"items": [show(item) for item in page.items], "next": page.next}
