"""What the service knows: models, devices, engines, and the JSON Schemas of its documents."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse

from api import catalogue, schemas
from api.openapi import problems
from api.problems import not_found
from models.errors import UnknownName

router = APIRouter(prefix="/v1", tags=["catalogue"])


class SchemaResponse(JSONResponse):
    """A JSON Schema under its own media type."""

    media_type = "application/schema+json"


@router.get("/catalog/{kind}", operation_id="list_catalog", responses=problems(422))
def listing(kind: catalogue.Kind) -> dict[str, Any]:
    """Models, devices or engines, with the source of every figure."""
    return {"items": catalogue.rows(kind), "next": None}


@router.get("/schemas", operation_id="list_schemas")
def names() -> dict[str, Any]:
    """Names of the published schemas."""
    return {"items": [{"name": n, "href": f"/v1/schemas/{n}.json"} for n in schemas.names()], "next": None}


@router.get(
    "/schemas/{name}.json",
    operation_id="get_schema",
    response_class=SchemaResponse,
    responses=problems(404),
)
def schema(name: str) -> JSONResponse:
    """One JSON Schema."""
    try:
        return SchemaResponse(schemas.schema(name))
    except UnknownName:
        raise not_found("schema", name) from None
