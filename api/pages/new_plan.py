"""``/``: the form that asks the question, filled with an example, a preset, or what was typed."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import RedirectResponse

from api.intake import Submission
from api.pages.form_fields import DEFAULTS, choices, field_at
from api.pages.form_reading import FormFault, read_form
from api.pages.form_token import form_page, own_form, sent_fields
from api.pages.memory_bar import memory_bar
from api.pages.presets import PRESETS, Preset, preset
from api.pages.rendering import page
from api.pages.traffic_presets import TRAFFIC, traffic_preset
from api.problems import not_found
from api.render.faults import faults_of
from api.services import Services, Wired
from api.submission import checked_scenario, submit
from db.job_intake import HIGH
from models.errors import ShardwrightError

router = APIRouter(include_in_schema=False)
WHERE = "/"
Sent = Annotated[dict[str, str], Depends(sent_fields)]
PresetName = Annotated[str | None, Query(max_length=100)]
BLANK = {**dict.fromkeys(DEFAULTS, ""), "cv": "1"}

NOTHING_PASTED = FormFault(
    field="scenario_yaml", detail="nothing was pasted", hint="Maybe paste a scenario, or use the form above."
)


@router.get(WHERE)
def empty_form(request: Request, preset: PresetName = None) -> Response:
    """The form with an example filled in, or with a whole situation."""
    found = None if preset is None else _preset(preset)
    values = {**DEFAULTS, **(found.fields if found else {})}
    return _form(request, values, [], chosen=found)


@router.post(WHERE, dependencies=[Depends(own_form(WHERE))])
def submitted(request: Request, services: Wired, sent: Sent) -> Response:
    """Queue the plan, or show the form again: with messages at the fields, or with what a button fills in."""
    typed = {name: value for name, value in sent.items() if name in DEFAULTS}
    pasted_only = set(typed) == {"scenario_yaml"}
    # the paste box is a form of its own: what stands in the other one is not lost by using it
    values = {**(DEFAULTS if pasted_only else BLANK), **typed}
    if pasted_only and not typed["scenario_yaml"].strip():
        return _form(request, values, [NOTHING_PASTED], 422)
    traffic = traffic_preset(sent.get("traffic", ""))
    if traffic is not None or "show" in sent:
        return _form(request, {**values, **(traffic.fields if traffic else {})}, [])
    where, faults = _queued(services, values)
    return _form(request, values, faults, 422) if where is None else RedirectResponse(where, status_code=303)


@router.post("/memory-bar", dependencies=[Depends(own_form(WHERE))])
def memory(sent: Sent) -> Response:
    """The memory bar alone, for the script that keeps it up to date."""
    typed = {name: value for name, value in sent.items() if name in DEFAULTS}
    return page("memory.html", memory=memory_bar({**BLANK, **typed}))


def _preset(name: str) -> Preset:
    found = preset(name)
    if found is None:
        raise not_found("preset", name)
    return found


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


def _form(
    request: Request,
    values: dict[str, str],
    faults: list[FormFault],
    status: int = 200,
    *,
    chosen: Preset | None = None,
) -> Response:
    at: dict[str, list[FormFault]] = {}
    for fault in faults:
        at.setdefault(fault.field, []).append(fault)
    return form_page(
        request,
        "form.html",
        status,
        values={**DEFAULTS, **values},
        faults=faults,
        at=at,
        choices=choices(),
        presets=PRESETS,
        chosen=chosen,
        traffic=TRAFFIC,
        memory=memory_bar(values),
    )
