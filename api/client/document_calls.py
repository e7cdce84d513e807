"""Calls of stored documents: their requests, and how replies are read."""

from typing import Any

from api.client.answers import FIELDS, Document, Kind, document_of
from api.client.calls import PAGE_SIZE, Listing, plain_document
from api.client.errors import Refused
from api.client.exchange import Call, Reply, get, write
from api.client.replies import nothing_of, object_of
from api.client.scenario_input import plain


def create(kind: Kind, name: str | None, content: Any) -> Call[Document]:
    """Store a document; not sent twice where the first may have arrived, for it would be stored twice."""
    request = write("POST", kind, content=_body(kind, name, content), repeatable=False)
    return Call(request, lambda reply: _read(kind, reply))


def fetch(kind: Kind, key: str, revision: int | None) -> Call[Document]:
    """Fetch the newest revision, or one by its number."""
    where = (kind, key) if revision is None else (kind, key, "revisions", str(revision))
    return Call(get(*where), lambda reply: _read(kind, reply))


def revise(kind: Kind, document: Document | str, content: Any, name: str | None) -> Call[Document]:
    """Add a revision; to the document as it was read, or by its id to whatever is the newest by now.

    Raises
    ------
    Refused
        The document comes from a list; nothing was sent.
    """
    if isinstance(document, str):
        key, if_match = document, None
    elif document.etag is None:
        raise Refused(None, f"{document.id} comes from a list, which tells no ETag; read it with get() first")
    else:
        key, if_match, name = document.id, document.etag, name or document.name
    body = _body(kind, name, content)
    request = write("PUT", kind, key, content=body, repeatable=False, if_match=if_match)
    return Call(request, lambda reply: _read(kind, reply))


def delete(kind: Kind, document: Document | str) -> Call[None]:
    """Take a document out of use."""
    return Call(write("DELETE", kind, _id(document), repeatable=False), nothing_of)


def listing(kind: Kind) -> Listing[Document]:
    """All documents, newest first."""
    return Listing((kind,), lambda row: document_of(kind, row), {"limit": PAGE_SIZE})


def revisions(kind: Kind, document: Document | str) -> Listing[Document]:
    """All revisions, newest first."""
    return Listing((kind, _id(document), "revisions"), lambda row: document_of(kind, row), {})


def _body(kind: Kind, name: str | None, content: Any) -> dict[str, Any]:
    sent = plain(content) if kind == "scenarios" else plain_document(content)
    return {FIELDS[kind]: sent} | ({} if name is None else {"name": name})


def _read(kind: Kind, reply: Reply) -> Document:
    return document_of(kind, object_of(reply), reply.headers.get("etag"))


def _id(document: Document | str) -> str:
    return document if isinstance(document, str) else document.id
