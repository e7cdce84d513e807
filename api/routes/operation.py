"""What operators ask: metrics, and who runs jobs."""

from typing import Any

from fastapi import APIRouter, Response

from api.services import Wired
from db.workers import WorkerRepository

router = APIRouter(tags=["operation"])


@router.get("/metrics", operation_id="get_metrics", response_class=Response)
def metrics(services: Wired) -> Response:
    """Requests, jobs and workers in the text format of Prometheus."""
    return Response(services.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/v1/workers", operation_id="list_workers")
def workers(services: Wired) -> dict[str, Any]:
    """Processes that run jobs."""
    with services.database.reading() as session:
        found = WorkerRepository(session).all()
    items = [
        {
            "id": each.id,
            "host": each.host,
            "pid": each.pid,
            "slots": each.slots,
            "started_at": each.started_at.isoformat(),
            "seen_at": each.seen_at.isoformat(),
        }
        for each in found
    ]
    return {"items": items, "next": None}
