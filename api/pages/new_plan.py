"""``/``: the form that asks the question."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from api.intake import Submission
from api.pages.form_fields import DEFAULTS, choices, field_at
from api.pages.form_reading import FormFault, read_form
from api.pages.rendering import page
from api.pages.same_origin import same_origin
from api.render.faults import faults_of
from api.services import Services, Wired, services_of
from api.submission import checked_scenario, submit
from db.job_intake import HIGH
from models.errors import ShardwrightError

router = APIRouter(include_in_schema=False)
MAX_FIELDS = 100


async def _typed(request: Request) -> dict[str, str]:
    most = services_of(request).settings.max_body_bytes
    async with request.form(max_files=0, max_fields=MAX_FIELDS, max_part_size=most) as form:
        return {name: value for name, value in form.items() if isinstance(value, str) and name in DEFAULTS}


NOTHING_PASTED = FormFault(
    field="scenario_yaml", detail="nothing was pasted", hint="Maybe paste a scenario, or use the form above."
)


@router.get("/")
def empty_form() -> Response:
    """The form with an example filled in."""
    return _form(DEFAULTS, [])


@router.post("/", dependencies=[Depends(same_origin)])
def submitted(services: Wired, typed: Annotated[dict[str, str], Depends(_typed)]) -> Response:
    """Queue the plan, or show the form again with messages at the fields."""
    pasted_only = set(typed) == {"scenario_yaml"}
    # the paste box is a form of its own: what stands in the other one is not lost by using it
    values = {**(DEFAULTS if pasted_only else {**dict.fromkeys(DEFAULTS, ""), "cv": "1"}), **typed}
    if pasted_only and not typed["scenario_yaml"].strip():
        return _form(values, [NOTHING_PASTED], 422)
    where, faults = _queued(services, values)
    return _form(values, faults, 422) if where is None else RedirectResponse(where, status_code=303)


def _queued(services: Services, values: dict[str, str]) -> tuple[str | None, list[FormFault]]:
    scenario, faults = read_form(values)
    if faults:
        return None, faults
    try:
        checked, revisions = checked_scenario(services, scenario)
    except ShardwrightError as error:
        return None, [
            FormFault(
                field=field_at(fault.pointer, values) or "",
                detail=_words(fault.pointer, fault.detail, values),
                hint=fault.hint,
            )
            for fault in faults_of(error)
        ]
    asked = Submission(scenario=checked, revisions=revisions, project=services.project, priority=HIGH)
    return f"/jobs/{submit(services, asked).job.id}", []


def _words(pointer: str, detail: str, values: dict[str, str]) -> str:
    """The pointer helps in a pasted document; beside its own field it would be noise."""
    field = field_at(pointer, values)
    shown = field in (None, "scenario_yaml", "cluster_yaml", "hf_config") and pointer
    return f"{pointer}: {detail}" if shown else detail


def _form(values: dict[str, str], faults: list[FormFault], status: int = 200) -> Response:
    at: dict[str, list[FormFault]] = {}
    for fault in faults:
        at.setdefault(fault.field, []).append(fault)
    return page("form.html", status, values={**DEFAULTS, **values}, faults=faults, at=at, choices=choices())
