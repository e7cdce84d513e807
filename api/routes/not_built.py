"""Parts of the contract that later issues build: 501 as a problem, and no plain 404."""

from fastapi import APIRouter, Request

from api.openapi import problems
from models.errors import NotBuilt

router = APIRouter(prefix="/v1", tags=["not built yet"], responses=problems(501))
PATHS = (
    "/simulations",
    "/imports/{kind}",
    "/traces",
    "/traces/{key}",
    "/plans/{plan_id}/export",
    "/benchmarks",
)
METHODS = ["GET", "POST", "PUT", "DELETE"]


def not_built(request: Request) -> None:
    """Say so."""
    raise NotBuilt(f"{request.url.path[:200]} is not built yet")


for _path in PATHS:
    router.add_api_route(_path, not_built, methods=METHODS, include_in_schema=False)
