"""Stored documents of one kind, under asyncio."""

from collections.abc import AsyncIterator
from typing import Any

from api.client import document_calls
from api.client.answers import Document, Kind
from api.client.async_connection import AsyncConnection


class AsyncDocuments:
    """Documents of one kind; each revision is kept as it was."""

    def __init__(self, connection: AsyncConnection, kind: Kind) -> None:
        self._connection = connection
        self._kind = kind

    def __aiter__(self) -> AsyncIterator[Document]:
        """All of them, newest first, without their content."""
        return self._connection.items(document_calls.listing(self._kind))

    async def create(self, name: str | None, content: Any) -> Document:
        """Store one as revision 1; a scenario may do without a name beside its own."""
        return await self._connection.do(document_calls.create(self._kind, name, content))

    async def get(self, key: str, revision: int | None = None) -> Document:
        """The newest revision, or one by its number."""
        return await self._connection.do(document_calls.fetch(self._kind, key, revision))

    async def revise(self, document: Document | str, content: Any, *, name: str | None = None) -> Document:
        """Add a revision; to a document that somebody else has revised meanwhile it is refused with 412.

        By an id instead of a document, whatever is the newest is followed.
        """
        return await self._connection.do(document_calls.revise(self._kind, document, content, name))

    async def delete(self, document: Document | str) -> None:
        """Take one out of use; jobs keep what they used."""
        await self._connection.do(document_calls.delete(self._kind, document))

    def revisions(self, document: Document | str) -> AsyncIterator[Document]:
        """All revisions, newest first, without their content."""
        return self._connection.items(document_calls.revisions(self._kind, document))
