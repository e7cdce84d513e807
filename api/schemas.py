"""JSON Schemas of every document, by name."""

from collections.abc import Callable
from typing import Any

from models.errors import UnknownName

PROBLEM_PREFIX = "solve."


def _of(module: str, name: str) -> Callable[[], dict[str, Any]]:
    """Schema of a document type, imported only when it is asked for."""

    def made() -> dict[str, Any]:
        from importlib import import_module

        from models import codec

        return codec.json_schema(getattr(import_module(module), name))

    return made


DOCUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "scenario": _of("models.scenario", "Scenario"),
    "plans": _of("models.plan", "RankedPlans"),
    "predict-row": _of("models.prediction", "PredictRow"),
    "prediction": _of("models.prediction", "Prediction"),
    "memory": _of("models.memory_use", "MemoryUse"),
    "check": _of("models.check", "CheckAnswer"),
    "what-if": _of("models.what_if", "WhatIfAnswer"),
    "memory-question": _of("models.memory_use", "MemoryQuestion"),
    "changes": _of("models.what_if", "Changes"),
    "axes": _of("models.sweep", "Axes"),
    "requirements": _of("models.requirements", "RequirementsAnswer"),
    "sweep-point": _of("models.sweep", "SweepPoint"),
    "calibration": _of("models.calibration", "Calibration"),
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
