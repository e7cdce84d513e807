"""Where the service is, and how it is talked to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from api.client.errors import NotReachable
from api.client.exchange import Request
from api.client.http_library import httpx2
from api.client.retrying import Retrying

UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
MOST_RETRIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One service; the key is never shown."""

    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    timeout_s: float
    retrying: Retrying

    def timeout(self, request: Request) -> httpx2.Timeout:
        """Silence allowed to a request."""
        return httpx2.Timeout(self.timeout_s, read=max(self.timeout_s, request.solves_s))

    def stream_timeout(self, read_s: float) -> httpx2.Timeout:
        """Silence allowed to a stream."""
        return httpx2.Timeout(min(self.timeout_s, read_s), read=read_s)

    def not_reached(self, error: httpx2.RequestError) -> NotReachable:
        """What the library tells, as our own error."""
        timed_out = isinstance(error, httpx2.TimeoutException)
        words = "gave no answer in time" if timed_out else str(error) or type(error).__name__
        advice = "Maybe timeout_s is too short." if timed_out else "Maybe it is not running there."
        return NotReachable(
            f"{self.base_url}: {words}\n{advice}", sent=not isinstance(error, UNSENT), timed_out=timed_out
        )


def address_of(base_url: str, api_key: str | None, timeout_s: float, retries: int) -> Address:
    """Address from what a caller gives.

    Raises
    ------
    ValueError
        Names the argument and its value; that of the key is not repeated.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"base_url is {base_url!r}\nMaybe http://127.0.0.1:8000.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("base_url holds a name or a password\nMaybe give an api_key instead.")
    if not timeout_s > 0:
        raise ValueError(f"timeout_s is {timeout_s}, which is not above 0")
    if not 0 <= retries <= MOST_RETRIES:
        raise ValueError(f"retries is {retries}, which is not in 0 to {MOST_RETRIES}")
    headers = {"Accept": "application/json"}
    if api_key is not None:
        if not api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise ValueError("api_key is empty, or holds a sign that no key has")
        headers["Authorization"] = f"Bearer {api_key}"
    return Address(
        base_url=base_url.rstrip("/"),
        headers=headers,
        timeout_s=timeout_s,
        retrying=Retrying(retries=retries),
    )
