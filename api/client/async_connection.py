"""Sending, waiting and reading: the asyncio half of the client."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TypeVar

from api.client.address import Address
from api.client.calls import Listing
from api.client.errors import NotReachable, Refused
from api.client.exchange import Call, Reply, Request
from api.client.http_library import httpx2
from api.client.replies import accepted

T = TypeVar("T")


class AsyncConnection:
    """Connections to one service."""

    def __init__(self, address: Address, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.address = address
        self._http = httpx2.AsyncClient(
            base_url=address.base_url, headers=dict(address.headers), transport=transport
        )

    async def close(self) -> None:
        """Close them."""
        await self._http.aclose()

    async def do(self, call: Call[T]) -> T:
        """Send a call, again where that may help, and read its reply."""
        tried = 0
        while True:
            try:
                reply = await self._once(call.request)
                break
            except (Refused, NotReachable) as error:
                pause_s = self.address.retrying.pause_s(tried, error, call.request)
                if pause_s is None:
                    raise
            await self.pause(pause_s)
            tried += 1
        return call.read(reply)

    async def items(self, listing: Listing[T]) -> AsyncIterator[T]:
        """All rows of a list, page after page."""
        cursor: str | None = None
        while True:
            rows, cursor = await self.do(listing.page(cursor))
            for row in rows:
                yield row
            if cursor is None:
                return

    def pieces(self, request: Request, read_s: float) -> "aclosing[AsyncGenerator[bytes, None]]":
        """A body as it comes, over one connection."""
        return aclosing(self._pieces(request, read_s))

    async def _pieces(self, request: Request, read_s: float) -> AsyncGenerator[bytes, None]:
        timeout = self.address.stream_timeout(read_s)
        sent = dict(request.headers)
        try:
            async with self._http.stream(
                request.method, request.path, params=request.query, headers=sent, timeout=timeout
            ) as got:
                if not got.is_success:
                    accepted(Reply(status=got.status_code, headers=got.headers, body=await got.aread()))
                async for piece in got.aiter_bytes():
                    yield piece
        except httpx2.RequestError as error:
            raise self.address.not_reached(error) from error

    async def pause(self, pause_s: float) -> None:
        """Wait."""
        await asyncio.sleep(pause_s)

    async def _once(self, request: Request) -> Reply:
        try:
            got = await self._http.request(
                request.method,
                request.path,
                params=request.query,
                content=request.body,
                headers=dict(request.headers),
                timeout=self.address.timeout(request),
            )
        except httpx2.RequestError as error:
            raise self.address.not_reached(error) from error
        return accepted(Reply(status=got.status_code, headers=got.headers, body=got.content))
