"""``/sweeps``: what was swept, a form for another one, and each sweep as a heat map."""

import json
from typing import Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from api.pages.form_token import form_page, own_form, sent_fields
from api.pages.heat_map import FIGURES, heat_map
from api.pages.sweep_form import read_axes, read_scenario
from api.paging import DEFAULT_LIMIT, Cursor
from api.problems import Problem
from api.render.faults import faults_of
from api.routes import sweeps
from api.services import Services, Wired
from db.sweeps import SweepRepository
from models.errors import ShardwrightError

router = APIRouter(include_in_schema=False)
REFRESH_S = 2
ENDED = ("succeeded", "cancelled", "failed")
Figure = Literal["objective_value", "devices_used", "usd_per_hour", "watt", "gap"]
EXAMPLE_AXES = "cluster.pools.h100.nodes: 1, 2, 4\nslo.chat.tpot_s.limit_s: 0.03, 0.05, 0.1"


@router.get("/sweeps")
def listing(services: Wired, request: Request, cursor: Cursor = None) -> Response:
    """Every sweep, newest first, and the form for another one."""
    return _listed(services, request, cursor)


@router.post("/sweeps", dependencies=[Depends(own_form())])
async def submitted(services: Wired, request: Request) -> Response:
    """Queue a sweep, or show the form again with what is wrong."""
    fields = await sent_fields(request)
    typed = {name: fields.get(name, "") for name in ("scenario", "axes")}
    return await run_in_threadpool(_submitted, services, request, typed)


@router.get("/sweeps/{sweep_id}")
def sweep(services: Wired, request: Request, sweep_id: str, figure: Figure = "objective_value") -> Response:
    """How far it is, and its outcomes as a heat map."""
    found = sweeps.find(services, sweep_id)
    with services.database.reading() as session:
        stored = SweepRepository(session, services.project).points(sweep_id)
        points = {point.number: json.loads(point.body) for point in stored}
    chosen = {name: int(at) for name, at in request.query_params.items() if at.isdecimal() and len(at) < 5}
    return form_page(
        request,
        "sweep.html",
        sweep=found,
        refresh=0 if found.state in ENDED else REFRESH_S,
        map=heat_map(found.axes, points, figure, chosen),
        figures=FIGURES,
        ended=ENDED,
    )


@router.post("/sweeps/{sweep_id}/cancel", dependencies=[Depends(own_form())])
def cancelled(services: Wired, sweep_id: str) -> Response:
    """Stop it; the outcomes it has stay."""
    sweeps.cancel(services, sweep_id)
    return RedirectResponse(f"/sweeps/{sweep_id}", status_code=303)


def _submitted(services: Services, request: Request, typed: dict[str, str]) -> Response:
    try:
        asked = {"scenario": read_scenario(typed["scenario"]), "axes": read_axes(typed["axes"])}
        made = sweeps.store(services, asked)
    except (ShardwrightError, Problem) as error:
        return _listed(services, request, None, typed, faults_of(error))
    return RedirectResponse(f"/sweeps/{made.id}", status_code=303)


def _listed(
    services: Services,
    request: Request,
    cursor: str | None,
    typed: dict[str, str] | None = None,
    faults: Any = (),
) -> Response:
    with services.database.reading() as session:
        found = SweepRepository(session, services.project).page(DEFAULT_LIMIT, cursor)
    values = typed or {"scenario": "", "axes": EXAMPLE_AXES}
    status = 422 if faults else 200
    return form_page(
        request,
        "sweeps.html",
        status,
        here="/sweeps",
        sweeps=found.items,
        next=found.next,
        typed=values,
        faults=faults,
    )
