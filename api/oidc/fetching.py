"""Requests to the provider: short, bounded, no redirects; whatever goes wrong is a refusal."""

import asyncio
import json
import logging
import ssl
from functools import cache
from http import HTTPStatus
from typing import Any

from api.oidc.configuration import is_safe_url
from api.oidc.refusal import provider_fails

log = logging.getLogger(__name__)
PATIENCE_S = 10.0
MOST_BYTES = 1_000_000


async def fetch(method: str, url: str, **more: Any) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of an answer.

    Raises
    ------
    LoginRefused
        There is none, or it is no JSON object.
    """
    import httpx2

    if not is_safe_url(url):
        log.error("the OpenID provider names %r, which is no https URL", url)
        raise provider_fails("is not set up well")
    try:
        async with asyncio.timeout(PATIENCE_S):
            status, raw = await _bytes(method, url, **more)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:  # TimeoutError is an OSError
        log.warning("the OpenID provider does not answer at %s: %r", url, error)
        raise provider_fails("does not answer") from error
    return status, _object(url, status, raw)


def _object(url: str, status: int, raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        log.warning("the OpenID provider answers %s with %s and no JSON object", url, status)
        raise provider_fails("gave no answer that can be read")
    return found


async def _bytes(method: str, url: str, **more: Any) -> tuple[int, bytes]:
    import httpx2

    read = bytearray()
    headers = {"Accept": "application/json"}
    async with (
        httpx2.AsyncClient(verify=_trust(), timeout=PATIENCE_S, follow_redirects=False) as client,
        client.stream(method, url, headers=headers, **more) as answer,
    ):
        async for part in answer.aiter_bytes():
            read += part
            if len(read) > MOST_BYTES:
                raise provider_fails("gave no answer that can be read")
        return answer.status_code, bytes(read)


async def fetch_ok(url: str) -> dict[str, Any]:
    """JSON object of a page of the provider that must be there."""
    status, found = await fetch("GET", url)
    if status != HTTPStatus.OK:
        log.warning("the OpenID provider answers %s with %s", url, status)
        raise provider_fails("does not answer")
    return found


@cache
def _trust() -> ssl.SSLContext:
    """Certificates this machine trusts, read once: that takes longer than a request."""
    return ssl.create_default_context()
