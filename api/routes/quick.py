"""Calls that answer at once: fixed configurations priced, "why not this one?", the least hardware."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from api.body_schemas import DENSE, REFERENCE, ROW, closed, component
from api.command_lines import is_command_line, not_read_yet
from api.json_body import JsonObject, only_keys
from api.openapi import BODY_PROBLEMS, json_body, problems
from api.pointing import under
from api.references import fetch, is_reference
from api.services import Services, Wired
from api.submission import checked_scenario
from db.documents import DocumentRepository
from models import codec
from models.errors import InvalidInput, TooLarge
from models.scenario import Scenario

if TYPE_CHECKING:
    from models.calibration import Calibration

router = APIRouter(prefix="/v1", tags=["quick"], responses={**BODY_PROBLEMS, **problems(501)})
_CALIBRATION = {"oneOf": [component("Calibration"), REFERENCE, {"type": "null"}]}
_ROWS = json_body(
    'Rows to price, with an optional "calibration" (one, or its id); one row on its own gives one answer.',
    {"rows": [ROW]},
    {
        "oneOf": [
            closed({"rows": {"type": "array", "items": {}}}, {"calibration": _CALIBRATION}),
            {"type": "object", "not": {"required": ["rows"]}},
        ]
    },
)
_CHECK = json_body(
    "A scenario and a configuration: a list of groups, or a predict row.",
    {"scenario": DENSE, "config": [{"role": "aggregated", "replicas": 2, "parallelism": {"tp": 4}}]},
    closed({"scenario": component("SentScenario"), "config": {"type": ["array", "object", "string"]}}),
)
_REQUIREMENTS = json_body(
    'A scenario, and optionally the "devices" to count: "pools" (default), "all", or a list of ids.',
    {"scenario": DENSE, "devices": ["h100-sxm", "h200-sxm"]},
    closed(
        {"scenario": component("SentScenario")},
        {"devices": {"oneOf": [{"enum": ["pools", "all"]}, {"type": "array", "items": {"type": "string"}}]}},
    ),
)


@router.post("/predict", operation_id="predict", openapi_extra=_ROWS)
def predict(services: Wired, request: JsonObject) -> dict[str, Any]:
    """Price fixed configurations; a bad row is an answer with status invalid, not an error."""
    from planner import predict

    if "rows" not in request:
        return predict.predict([request])[0]
    only_keys(request, {"rows"}, {"calibration"})
    rows, most = request["rows"], services.settings.max_predict_rows
    if not isinstance(rows, list):
        raise InvalidInput("rows is not a list", pointer="/rows")
    if len(rows) > most:
        raise TooLarge(
            f"{len(rows)} rows, more than {most}", pointer="/rows", hint="Maybe send them in several parts."
        )
    return {"rows": predict.predict(rows, _calibration(services, request.get("calibration")))}


def _calibration(services: Services, content: Any) -> "Calibration | None":
    """A calibration that was sent, or is stored under the id that was sent."""
    from planner import calibration_file

    if content is None:
        return None
    if is_reference(content):
        with services.database.reading() as session:
            content = fetch(
                content, "calibrations", "/calibration", DocumentRepository(session, services.project).get
            ).body
    with under("/calibration"):
        return calibration_file.from_document(content)


@router.post("/check", operation_id="check", openapi_extra=_CHECK)
def check(services: Wired, request: JsonObject) -> dict[str, Any]:
    """Say whether a configuration fits a scenario, which rule fails, and how far it is from the best."""
    from planner import check

    only_keys(request, {"scenario", "config"}, set())
    with under("/scenario"):
        plain, _ = checked_scenario(services, request["scenario"])
    scenario = codec.from_plain(Scenario, plain)
    limit_s = min(scenario.options.time_limit_s, services.settings.check_time_limit_s)
    bounded = replace(scenario, options=replace(scenario.options, time_limit_s=limit_s))
    with under("/config"):
        if isinstance(request["config"], str) and is_command_line(request["config"]):
            raise not_read_yet()
        return check.check(bounded, request["config"])


@router.post("/requirements", operation_id="requirements", openapi_extra=_REQUIREMENTS)
def requirements(services: Wired, request: JsonObject) -> dict[str, Any]:
    """Say the least hardware that meets the SLO: closed forms, fewest devices, least of one figure."""
    from planner.requirements import requirements

    only_keys(request, {"scenario"}, {"devices"})
    devices = _devices(request.get("devices", "pools"))
    with under("/scenario"):
        scenario = _any_objective(services, request["scenario"])
    limit_s = min(scenario.options.time_limit_s, services.settings.requirements_time_limit_s)
    bounded = replace(scenario, options=replace(scenario.options, time_limit_s=limit_s))
    answer: dict[str, Any] = codec.to_plain(requirements(bounded, devices=devices))
    return answer


def _any_objective(services: Services, document: Any) -> Scenario:
    """A scenario whose objective is left aside: one that asks for more of the cluster is no fault."""
    fewest = {**document, "objective": "min_devices"} if isinstance(document, dict) else document
    plain, _ = checked_scenario(services, fewest)
    asked = {k: document[k] for k in ("objective",) if k in document}
    del plain["objective"]
    return codec.from_plain(Scenario, {**plain, **asked})


def _devices(asked: Any) -> str | tuple[str, ...]:
    """Which devices to count."""
    if asked in ("pools", "all"):
        return str(asked)
    if not isinstance(asked, list) or not all(isinstance(name, str) for name in asked):
        raise InvalidInput(
            "devices is no list of device ids",
            pointer="/devices",
            hint='Maybe "pools", "all", or ["h200-sxm"].',
        )
    return tuple(asked)
