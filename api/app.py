"""Application factory: the one place where the service is wired."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

from api import error_handlers, openapi
from api.guard import Guard
from api.jobs.port import SolveQueue
from api.jobs.subprocess_queue import SubprocessQueue
from api.pages import catalogue_pages, job_pages, new_plan, running
from api.routes import (
    calibrations,
    catalogue,
    documents,
    health,
    job_events,
    memory,
    not_built,
    plan_jobs,
    plans,
    quick,
)
from api.services import Services
from api.settings import Settings
from db.database import Database
from db.upgrade import upgrade

STATIC = Path(__file__).parent / "static"
ROUTES = (
    plan_jobs,
    job_events,
    not_built,
    plans,
    quick,
    memory,
    calibrations,
    catalogue,
    health,
    new_plan,
    job_pages,
    running,
    catalogue_pages,
    documents,
)


def create_app(settings: Settings | None = None, queue: SolveQueue | None = None) -> FastAPI:
    """Build the service; ``queue`` replaces the one that solves in subprocesses."""
    settings = settings or Settings()
    database = Database(settings.database_url)
    queue = queue or SubprocessQueue(
        database,
        workers=settings.workers,
        pricing_allowance_s=settings.pricing_allowance_s,
        max_attempts=settings.max_attempts,
    )
    app = FastAPI(
        title="Shardwright",
        version=version("shardwright"),
        description="Ranked deployment plans for large language models on GPU clusters, with a proof.",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = Services(settings=settings, database=database, queue=queue)
    error_handlers.install(app)
    openapi.install(app)
    app.add_middleware(Guard, max_body_bytes=settings.max_body_bytes, allowed_hosts=settings.allowed_hosts)
    _add_routes(app)
    return app


def _add_routes(app: FastAPI) -> None:
    for part in ROUTES:
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=STATIC))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Schema first, then the workers; at the end the other way round."""
    services: Services = app.state.services
    if services.database.is_sqlite:
        await run_in_threadpool(upgrade, services.database)
    await run_in_threadpool(services.queue.start)
    try:
        yield
    finally:
        await run_in_threadpool(services.queue.stop)
        services.database.close()
