"""What routes work with: settings, database, job queue, and whose project they may see."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Request

from api.caller import Callers
from api.group_commit import GroupCommit
from api.intake import Submission, Submitted
from api.jobs.port import SolveQueue
from api.metrics import Metrics
from api.oidc.sign_in import SignIn
from api.plan_cache import PlanCache
from api.settings import Settings
from db.access import Deed
from db.base import LOCAL_PROJECT
from db.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The wired parts of one application, seen from one project."""

    settings: Settings
    database: Database
    queue: SolveQueue
    intake: GroupCommit[Submission, Submitted]
    audit: GroupCommit[Deed, None]
    plans: PlanCache
    metrics: Metrics
    callers: Callers
    sign_in: SignIn | None = None
    project: str = LOCAL_PROJECT


def services_of(request: Request) -> Services:
    """The parts of the application a request came to, for the project of its caller."""
    services: Services = request.app.state.services
    project: str = getattr(request.state, "project", LOCAL_PROJECT)
    return services if project == services.project else replace(services, project=project)


async def _wired(request: Request) -> Services:
    """A coroutine, so that no thread has to be asked for it."""
    return services_of(request)


Wired = Annotated[Services, Depends(_wired)]
