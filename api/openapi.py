"""The OpenAPI description: request bodies by reference to the published schemas, declared problems."""

import copy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE

_PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
PROBLEM_SCHEMA = {
    "type": "object",
    "description": "Problem details (RFC 9457) with one entry per fault.",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail", "hint"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the request body."},
                    "detail": {"type": "string"},
                    "hint": {"type": "string"},
                },
            },
        },
    },
}


COMPONENTS = {
    "scenario": "Scenario",
    "plans": "RankedPlans",
    "what-if": "WhatIfAnswer",
    "memory": "MemoryUse",
    "memory-question": "MemoryQuestion",
    "changes": "Changes",
    "axes": "Axes",
    "sweep-point": "SweepPoint",
    "predict-row": "PredictRow",
    "prediction": "Prediction",
    "check": "CheckAnswer",
    "requirements": "RequirementsAnswer",
    "calibration": "Calibration",
}
"""Published schemas that the description carries as components, by the names it refers to them by."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare problem responses of these statuses."""
    return {
        status: {"description": "Problem", "content": {MEDIA_TYPE: {"schema": _PROBLEM_REF}}}
        for status in statuses
    }


BODY_PROBLEMS = problems(413, 415, 422)
DOCUMENT_PROBLEMS = problems(404, 412, 413, 415, 422, 501)


def json_answer(
    schema: dict[str, Any], status: int = 200, description: str = "Answer"
) -> dict[int | str, Any]:
    """Declare what a route answers, by a schema."""
    return {status: {"description": description, "content": {"application/json": {"schema": schema}}}}


def json_body(description: str, example: Any, schema: dict[str, Any], **named: Any) -> dict[str, Any]:
    """Declare a JSON request body that a route reads by itself; ``named`` are more examples."""
    examples = {"example": {"value": example}, **{name: {"value": value} for name, value in named.items()}}
    content = {"schema": schema, "examples": examples} if named else {"schema": schema, "example": example}
    return {
        "requestBody": {
            "required": True,
            "description": description,
            "content": {"application/json": content},
        }
    }


def install(app: FastAPI) -> None:
    """Make ``/openapi.json`` carry the schemas of scenario and answer."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _description(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _description(app: FastAPI) -> dict[str, Any]:
    from api.schemas import DOCUMENTS

    description = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM_SCHEMA
    description["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, where the service asks for one.",
        }
    }
    description["security"] = [{"key": []}, {}]
    for path, operations in description["paths"].items():
        for operation in operations.values():
            _declare_everywhere(path, operation["responses"])
    for name, title in COMPONENTS.items():
        whole = _lifted(DOCUMENTS[name]())
        schemas.update(whole.pop("$defs", {}))
        schemas[title] = whole
    schemas |= sent_scenario(schemas)
    return description


def sent_scenario(schemas: dict[str, Any]) -> dict[str, Any]:
    """A scenario as the service takes it: ids may stand for documents, prices for a book."""
    from api.body_schemas import PRICES, REFERENCE, component

    def widened(name: str, fields: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        schema: dict[str, Any] = copy.deepcopy(schemas[name])
        for field, more in fields.items():
            schema["properties"][field] = {"anyOf": [schema["properties"][field], *more]}
        return schema

    deployment = widened("Deployment", dict.fromkeys(("model", "workload", "slo"), [REFERENCE]))
    scenario = widened(
        "Scenario", {"cluster": [REFERENCE], "calibration": [REFERENCE], "price_book": [REFERENCE, PRICES]}
    )
    scenario["properties"]["deployments"]["items"] = component("SentDeployment")
    return {"SentScenario": scenario, "SentDeployment": deployment}


def _declare_everywhere(path: str, responses: dict[str, Any]) -> None:
    """What any request may meet: no key, too little of one, a database that is away."""
    statuses = (503,) if path.startswith(("/healthz", "/readyz")) else (401, 403, 503)
    for status, declared in problems(*statuses).items():
        responses.setdefault(str(status), declared)


def _lifted(node: Any) -> Any:
    """References inside a schema made absolute, for use among the components."""
    if isinstance(node, dict):
        return {
            key: value.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _lifted(value)
            for key, value in node.items()
        }
    return [_lifted(item) for item in node] if isinstance(node, list) else node
