"""Application factory: the one place where the service is wired."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

from api import error_handlers, openapi
from api.caller import Callers
from api.gate import Gate
from api.group_commit import GroupCommit
from api.guard import Guard
from api.intake import Intake
from api.jobs.port import SolveQueue
from api.jobs.wiring import durable_queue
from api.metrics import Metrics
from api.oidc.sign_in import sign_in_of
from api.pages import (
    catalogue_pages,
    compare_page,
    job_pages,
    login,
    new_plan,
    oidc_login,
    plan_page,
    plotly_script,
    running,
    sweep_pages,
)
from api.plan_cache import PlanCache
from api.request_log import RequestLog
from api.routes import (
    calibrations,
    catalogue,
    documents,
    health,
    job_events,
    keys,
    memory,
    not_built,
    operation,
    plan_comparison,
    plan_costs,
    plan_jobs,
    plans,
    quick,
    sweeps,
)
from api.services import Services
from api.settings import Settings
from db.access import AccessRepository, Deed
from db.database import Database
from db.upgrade import check_current, upgrade

STATIC = Path(__file__).parent / "static"
ROUTES = (
    plan_jobs,
    job_events,
    sweeps,
    not_built,
    plans,
    plan_costs,
    plan_comparison,
    quick,
    memory,
    calibrations,
    catalogue,
    health,
    operation,
    keys,
    login,
    oidc_login,
    new_plan,
    job_pages,
    plan_page,
    compare_page,
    sweep_pages,
    plotly_script,
    running,
    catalogue_pages,
    documents,
)


def create_app(settings: Settings | None = None, queue: SolveQueue | None = None) -> FastAPI:
    """Build the service; ``queue`` replaces the durable one."""
    settings = settings or Settings()
    database = Database(settings.database_url)
    queue = queue or durable_queue(settings, database)
    app = FastAPI(
        title="Shardwright",
        version=version("shardwright"),
        description="Ranked deployment plans for large language models on GPU clusters, with a proof.",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
    )
    services = _services(settings, database, queue)
    app.state.services = services
    error_handlers.install(app)
    openapi.install(app)
    app.add_middleware(Gate, callers=services.callers, is_open=not settings.requires_keys)
    app.add_middleware(Guard, max_body_bytes=settings.max_body_bytes, allowed_hosts=settings.allowed_hosts)
    app.add_middleware(RequestLog, metrics=services.metrics, tell=services.audit.begin)
    _add_routes(app)
    return app


def _services(settings: Settings, database: Database, queue: SolveQueue) -> Services:
    intake = Intake(settings.max_waiting_jobs)
    return Services(
        settings=settings,
        database=database,
        queue=queue,
        intake=GroupCommit(database, intake.write_all),
        audit=GroupCommit(database, _audit),
        plans=PlanCache(),
        metrics=Metrics(database),
        callers=Callers(database),
        sign_in=sign_in_of(settings),
    )


def _audit(session: Session, deeds: Sequence[Deed]) -> list[None]:
    AccessRepository(session).tell(deeds)
    return [None] * len(deeds)


def _add_routes(app: FastAPI) -> None:
    for part in ROUTES:
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=STATIC))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Schema first, then the workers; at the end the other way round."""
    services: Services = app.state.services
    prepare = upgrade if services.database.is_sqlite else check_current
    await run_in_threadpool(prepare, services.database)
    services.intake.start()
    services.audit.start()
    await run_in_threadpool(services.queue.start)
    try:
        yield
    finally:
        await run_in_threadpool(services.intake.stop)
        await run_in_threadpool(services.audit.stop)
        await run_in_threadpool(services.queue.stop)
        services.database.close()
