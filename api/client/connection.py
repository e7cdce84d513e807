"""Sending, waiting and reading: the blocking half of the client."""

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TypeVar

from api.client.address import Address
from api.client.calls import Listing
from api.client.errors import NotReachable, Refused
from api.client.exchange import Call, Reply, Request
from api.client.http_library import httpx2
from api.client.replies import accepted

T = TypeVar("T")


class Connection:
    """Connections to one service."""

    def __init__(self, address: Address, transport: httpx2.BaseTransport | None = None) -> None:
        self.address = address
        self._http = httpx2.Client(
            base_url=address.base_url, headers=dict(address.headers), transport=transport
        )

    def close(self) -> None:
        """Close them."""
        self._http.close()

    def do(self, call: Call[T]) -> T:
        """Send a call, again where that may help, and read its reply."""
        tried = 0
        while True:
            try:
                reply = self._once(call.request)
                break
            except (Refused, NotReachable) as error:
                pause_s = self.address.retrying.pause_s(tried, error, call.request)
                if pause_s is None:
                    raise
            self.pause(pause_s)
            tried += 1
        return call.read(reply)

    def items(self, listing: Listing[T]) -> Iterator[T]:
        """All rows of a list, page after page."""
        cursor: str | None = None
        while True:
            rows, cursor = self.do(listing.page(cursor))
            yield from rows
            if cursor is None:
                return

    def pieces(self, request: Request, read_s: float) -> "closing[Generator[bytes, None, None]]":
        """A body as it comes, over one connection."""
        return closing(self._pieces(request, read_s))

    def _pieces(self, request: Request, read_s: float) -> Generator[bytes, None, None]:
        timeout = self.address.stream_timeout(read_s)
        sent = dict(request.headers)
        try:
            with self._http.stream(
                request.method, request.path, params=request.query, headers=sent, timeout=timeout
            ) as got:
                if not got.is_success:
                    accepted(Reply(status=got.status_code, headers=got.headers, body=got.read()))
                yield from got.iter_bytes()
        except httpx2.RequestError as error:
            raise self.address.not_reached(error) from error

    def pause(self, pause_s: float) -> None:
        """Wait."""
        time.sleep(pause_s)

    def _once(self, request: Request) -> Reply:
        try:
            got = self._http.request(
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
