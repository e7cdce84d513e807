"""From a question to a stored, queued job: checked first, so that nothing wrong is ever stored."""

from asyncio import wrap_future
from typing import Any

from sqlalchemy.exc import IntegrityError

from api.document_bounds import check_texts
from api.document_kinds import check_scenario
from api.intake import Submission, Submitted
from api.problems import not_found
from api.references import has_references, resolve
from api.services import Services
from db.documents import DocumentRepository
from models.errors import InvalidInput


def checked_scenario(services: Services, document: Any) -> tuple[Any, dict[str, int]]:
    """A scenario with its references replaced and every field checked, and the revisions it used."""
    if not isinstance(document, dict):
        raise InvalidInput("a scenario is a JSON object")
    check_texts(document)
    if not has_references(document):
        return check_scenario(document), {}
    with services.database.reading() as session:
        resolved, used = resolve(document, DocumentRepository(session, services.project).get)
    return check_scenario(resolved), used


def stored_scenario(services: Services, key: str, revision: int | None) -> tuple[Any, dict[str, int]]:
    """A stored scenario and the revisions it stands for, its own among them."""
    with services.database.reading() as session:
        found = DocumentRepository(session, services.project).get("scenarios", key, revision)
    if found is None:
        raise not_found("scenario", key)
    return found.body, {found.id: found.revision, **found.refs}


def submit(services: Services, asked: Submission) -> Submitted:
    """Store a job and queue it; the same ``Idempotency-Key`` with the same request gives the same job."""
    try:
        made = services.intake.begin(asked).result()
    except IntegrityError:  # another server stored the key in between
        made = services.intake.begin(asked).result()
    return _queued(services, made)


async def submit_soon(services: Services, asked: Submission) -> Submitted:
    """:func:`submit` for the event loop: many requests wait for one commit."""
    try:
        made = await wrap_future(services.intake.begin(asked))
    except IntegrityError:
        made = await wrap_future(services.intake.begin(asked))
    return _queued(services, made)


def _queued(services: Services, made: Submitted) -> Submitted:
    if made.is_new and made.job.answered_by is None:
        services.queue.submit(made.job.id)
    return made
