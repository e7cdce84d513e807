"""What routes work with: settings, database and job queue, put together once per application."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.jobs.port import SolveQueue
from api.settings import Settings
from db.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The wired parts of one application."""

    settings: Settings
    database: Database
    queue: SolveQueue


def services_of(request: Request) -> Services:
    """The parts of the application a request came to."""
    services: Services = request.app.state.services
    return services


Wired = Annotated[Services, Depends(services_of)]
