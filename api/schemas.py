"""JSON Schemas of every document, by name."""

from collections.abc import Callable
from typing import Any

from models.errors import UnknownName

PROBLEM_PREFIX = "solve."


def _scenario() -> dict[str, Any]:
    from models import codec
    from models.scenario import Scenario

    return codec.json_schema(Scenario)


def _plans() -> dict[str, Any]:
    from models import codec
    from models.plan import RankedPlans

    return codec.json_schema(RankedPlans)


def _prediction() -> dict[str, Any]:
    from planner import predict

    schema: dict[str, Any] = predict.SCHEMA
    return schema


DOCUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "scenario": _scenario,
    "plans": _plans,
    "prediction": _prediction,
}


def names() -> list[str]:
    """Every schema that is published."""
    from solvers import problems

    return [*DOCUMENTS, *(PROBLEM_PREFIX + name for name in sorted(problems.PROBLEMS))]


def schema(name: str) -> dict[str, Any]:
    """One JSON Schema (draft 2020-12).

    Raises
    ------
    UnknownName
        Names the ones that exist.
    """
    found = _of_problem(name) if name.startswith(PROBLEM_PREFIX) else None
    if found is None and name in DOCUMENTS:
        found = DOCUMENTS[name]()
    if found is None:
        raise UnknownName(f"no schema is named {name!r}", hint=f"Maybe one of: {', '.join(names())}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def _of_problem(name: str) -> dict[str, Any] | None:
    from solvers import problems

    module = problems.PROBLEMS.get(name.removeprefix(PROBLEM_PREFIX))
    return None if module is None else dict(module.SCHEMA)
