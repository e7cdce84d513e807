"""Documents that are stored with revisions, from models and clusters to price books and calibrations."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response
from starlette.responses import JSONResponse

from api import body_schemas
from api.body_schemas import MAX_NAME, NAME, closed
from api.document_bounds import check_texts
from api.document_kinds import KINDS, DocumentKind
from api.json_body import JsonObject, only_keys
from api.openapi import DOCUMENT_PROBLEMS, json_body
from api.paging import DEFAULT_LIMIT, Cursor, Limit, page_body
from api.pointing import under
from api.problems import Problem, not_found
from api.references import MAX_REVISION
from api.services import Services, Wired
from api.submission import checked_scenario
from db.documents import DocumentRepository
from db.records import Document
from models.errors import InvalidInput

RevisionNumber = Annotated[int, Path(ge=1, le=MAX_REVISION)]
IfMatch = Annotated[str | None, Header(max_length=200)]


def router_of(kind: DocumentKind) -> APIRouter:
    """Routes of one kind."""
    router = APIRouter(prefix=f"/v1/{kind.name}", tags=[kind.name], responses=DOCUMENT_PROBLEMS)
    verb = kind.name.replace("-", "_")
    body = json_body(
        f"A {kind.field.replace('_', ' ')} and the name to store it under.",
        {"name": "example", kind.field: kind.example},
        _body_schema(kind),
    )

    @router.post("", status_code=201, operation_id=f"create_{verb}", openapi_extra=body)
    def create(services: Wired, request: JsonObject) -> Response:
        """Check a document and store it as revision 1."""
        name, content, refs = _read(services, kind, request)
        with services.database.writing() as session:
            made = DocumentRepository(session, services.project).add(kind.name, name, content, refs)
        return _answer(kind, made, 201, {"Location": f"/v1/{kind.name}/{made.id}"})

    @router.get("", operation_id=f"list_{verb}")
    def listing(services: Wired, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> dict[str, Any]:
        """List documents, newest first."""
        with services.database.reading() as session:
            page = DocumentRepository(session, services.project).page(kind.name, limit, cursor)
        return page_body(page, lambda item: shown(kind, item, with_body=False))

    @router.get("/{key}", operation_id=f"get_{verb}")
    def get(services: Wired, key: str, if_none_match: IfMatch = None) -> Response:
        """The newest revision."""
        found = _newest(services, kind, key)
        if if_none_match is not None and _matches(if_none_match, found):
            return Response(status_code=304, headers={"ETag": etag(found)})
        return _answer(kind, found)

    @router.put("/{key}", operation_id=f"revise_{verb}", openapi_extra=body)
    def revise(services: Wired, key: str, request: JsonObject, if_match: IfMatch = None) -> Response:
        """Store a new revision; with If-Match only where nobody else was faster."""
        before = _newest(services, kind, key)
        if if_match is not None and not _matches(if_match, before):
            raise _outdated(before)
        name, content, refs = _read(services, kind, request)
        with services.database.writing() as session:
            made = DocumentRepository(session, services.project).revise(
                kind.name, key, name, content, refs=refs, expected=before.revision if if_match else None
            )
        if made is None:
            raise _outdated(_newest(services, kind, key))
        return _answer(kind, made)

    @router.delete("/{key}", status_code=204, operation_id=f"delete_{verb}")
    def delete(services: Wired, key: str) -> Response:
        """Take a document out of use; plans made from it keep what they used."""
        with services.database.writing() as session:
            if not DocumentRepository(session, services.project).delete(kind.name, key):
                raise not_found(kind.field, key)
        return Response(status_code=204)

    _add_revisions(router, kind, verb)
    return router


def _body_schema(kind: DocumentKind) -> dict[str, Any]:
    """A scenario carries its own name, and may come bare; the others are stored under one."""
    content = {kind.field: body_schemas.DOCUMENTS[kind.name]}
    if kind.field == "scenario":
        return {"oneOf": [closed(content, {"name": NAME}), content[kind.field]]}
    return closed({"name": NAME, **content})


def _add_revisions(router: APIRouter, kind: DocumentKind, verb: str) -> None:
    @router.get("/{key}/revisions", operation_id=f"list_{verb}_revisions")
    def revisions(services: Wired, key: str) -> dict[str, Any]:
        """Every revision, newest first."""
        with services.database.reading() as session:
            found = DocumentRepository(session, services.project).revisions(kind.name, key)
        if not found:
            raise not_found(kind.field, key)
        return {"items": [shown(kind, item, with_body=False) for item in found], "next": None}

    @router.get("/{key}/revisions/{number}", operation_id=f"get_{verb}_revision")
    def revision(services: Wired, key: str, number: RevisionNumber) -> Response:
        """One revision; it never changes."""
        with services.database.reading() as session:
            found = DocumentRepository(session, services.project).get(kind.name, key, number)
        if found is None:
            raise not_found(f"revision {number} of {kind.field}", key)
        return _answer(kind, found)


def shown(kind: DocumentKind, document: Document, *, with_body: bool = True) -> dict[str, Any]:
    """A document as it is sent."""
    where = f"/v1/{kind.name}/{document.id}"
    body: dict[str, Any] = {
        "id": document.id,
        "name": document.name,
        "revision": document.revision,
        "sha256": document.sha256,
        "created_at": document.created_at.isoformat(),
        "made_from": document.refs,
        "links": {"self": where, "revisions": f"{where}/revisions"},
    }
    return {**body, kind.field: document.body} if with_body else body


def etag(document: Document) -> str:
    """Strong entity tag: revision and content."""
    return f'"{document.revision}-{document.sha256[:16]}"'


def _answer(
    kind: DocumentKind, document: Document, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return JSONResponse(
        shown(kind, document), status_code=status, headers={"ETag": etag(document), **(headers or {})}
    )


def _read(services: Services, kind: DocumentKind, request: dict[str, Any]) -> tuple[str, Any, dict[str, int]]:
    """Name, checked content and the stored documents it was made from."""
    if kind.field == "scenario" and "scenario" not in request and "schema" in request:
        request = {"scenario": request}  # a scenario carries its own name
    named_inside = kind.field == "scenario"
    only_keys(request, {kind.field} | ({"name"} - ({"name"} if named_inside else set())), {"name"})
    refs: dict[str, int] = {}
    with under(f"/{kind.field}"):
        check_texts(request[kind.field])
        if named_inside:
            content, refs = checked_scenario(services, request[kind.field])
        else:
            content = kind.check(request[kind.field])
    return _name(request.get("name", content["name"] if named_inside else None)), content, refs


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_NAME:
        raise InvalidInput(f"a name is a text of 1 to {MAX_NAME} characters", pointer="/name")
    check_texts(value, "/name")
    return value


def _newest(services: Services, kind: DocumentKind, key: str) -> Document:
    with services.database.reading() as session:
        found = DocumentRepository(session, services.project).get(kind.name, key)
    if found is None:
        raise not_found(kind.field, key)
    return found


def _matches(header: str, document: Document) -> bool:
    tags = [tag.strip() for tag in header.split(",")]
    return "*" in tags or etag(document) in tags


def _outdated(document: Document) -> Problem:
    return Problem(
        412,
        f"revision {document.revision} is the newest, If-Match names another",
        hint="Maybe read it again, and apply the change to what is there now.",
    )


router = APIRouter()
for _kind in KINDS.values():
    router.include_router(router_of(_kind))
