"""Documents by id, every change a new revision."""

import hashlib
import json
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.base import LOCAL_PROJECT
from db.clock import new_id, now
from db.records import Document, Page
from db.tables import DocumentRow, RevisionRow

PREFIXES = {
    "models": "model",
    "clusters": "cluster",
    "workloads": "workload",
    "slos": "slo",
    "scenarios": "scenario",
    "price-books": "prices",
    "calibrations": "calibration",
}


class DocumentRepository:
    """Stored documents of one project, of all kinds; the caller commits."""

    def __init__(self, session: Session, project: str = LOCAL_PROJECT) -> None:
        self._session = session
        self._project = project

    def add(self, kind: str, name: str, body: Any, refs: dict[str, int]) -> Document:
        """Store a new document as revision 1."""
        at = now()
        row = DocumentRow(
            id=new_id(PREFIXES[kind]),
            project=self._project,
            kind=kind,
            name=name,
            revision=1,
            created_at=at,
            updated_at=at,
        )
        self._session.add(row)
        self._session.flush()
        return self._append(row, name, body, refs)

    def revise(
        self, kind: str, document_id: str, name: str, body: Any, *, refs: dict[str, int], expected: int | None
    ) -> Document | None:
        """Append a revision; None where there is no document, or it is not at revision ``expected``."""
        changed = self._session.execute(
            update(DocumentRow)
            .where(
                DocumentRow.id == document_id,
                DocumentRow.kind == kind,
                DocumentRow.project == self._project,
                DocumentRow.revision == (DocumentRow.revision if expected is None else expected),
                DocumentRow.deleted_at.is_(None),
            )
            .values(revision=DocumentRow.revision + 1, name=name, updated_at=now())
            .returning(DocumentRow.id)
        ).scalar()
        if changed is None:
            return None
        row = self._session.get_one(DocumentRow, document_id, populate_existing=True)
        return self._append(row, name, body, refs)

    def get(self, kind: str, document_id: str, revision: int | None = None) -> Document | None:
        """One revision, by default the newest; None where there is none or it was deleted."""
        row = self._live(kind, document_id)
        if row is None:
            return None
        found = self._session.get(RevisionRow, (document_id, revision or row.revision))
        return None if found is None else _document(row, found)

    def revisions(self, kind: str, document_id: str) -> list[Document]:
        """Every revision, newest first."""
        row = self._live(kind, document_id)
        if row is None:
            return []
        found = self._session.scalars(
            select(RevisionRow)
            .where(RevisionRow.document_id == document_id)
            .order_by(RevisionRow.number.desc())
        )
        return [_document(row, revision) for revision in found]

    def page(self, kind: str, limit: int, after: str | None) -> Page:
        """Newest first, ``limit`` at a time."""
        asked = (
            select(DocumentRow, RevisionRow)
            .join(
                RevisionRow,
                (RevisionRow.document_id == DocumentRow.id) & (RevisionRow.number == DocumentRow.revision),
            )
            .where(
                DocumentRow.kind == kind,
                DocumentRow.project == self._project,
                DocumentRow.deleted_at.is_(None),
            )
            .order_by(DocumentRow.id.desc())
            .limit(limit + 1)
        )
        if after is not None:
            asked = asked.where(DocumentRow.id < after)
        rows = [_document(row, revision) for row, revision in self._session.execute(asked)]
        return Page(items=tuple(rows[:limit]), next=rows[limit - 1].id if len(rows) > limit else None)

    def delete(self, kind: str, document_id: str) -> bool:
        """Take a document out of use; its revisions stay for the plans made from them."""
        row = self._live(kind, document_id)
        if row is not None:
            row.deleted_at = now()
        return row is not None

    def _live(self, kind: str, document_id: str) -> DocumentRow | None:
        row = self._session.get(DocumentRow, document_id)
        mine = row is not None and row.kind == kind and row.project == self._project
        return row if mine and row is not None and row.deleted_at is None else None

    def _append(self, row: DocumentRow, name: str, body: Any, refs: dict[str, int]) -> Document:
        revision = RevisionRow(
            document_id=row.id,
            number=row.revision,
            name=name,
            body=body,
            sha256=digest(body),
            refs=refs,
            created_at=now(),
        )
        self._session.add(revision)
        self._session.flush()
        return _document(row, revision)


def digest(body: Any) -> str:
    """Hash of a plain document: keys sorted, no spaces."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _document(row: DocumentRow, revision: RevisionRow) -> Document:
    return Document(
        id=row.id,
        kind=row.kind,
        name=revision.name,
        revision=revision.number,
        body=revision.body,
        sha256=revision.sha256,
        refs=revision.refs,
        created_at=revision.created_at,
    )
