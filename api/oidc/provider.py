"""The provider: where its parts are, the way there, and a code turned into an ID token."""

import logging
import time
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from api.oidc.configuration import Configuration, is_safe_url
from api.oidc.fetching import fetch, fetch_ok
from api.oidc.refusal import LoginRefused, provider_fails
from api.oidc.ticket import Ticket

log = logging.getLogger(__name__)
FRESH_S = 3600.0
"""Time the provider's description of itself is kept [s]."""
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
WELL_KNOWN = "/.well-known/openid-configuration"
EXPIRED = "This login is over or was used before. Please log in again."


class Provider:
    """One OpenID Connect provider; what it says of itself is asked for when first needed."""

    def __init__(self, chosen: Configuration) -> None:
        self._chosen = chosen
        self._parts: dict[str, Any] = {}
        self._parts_until = 0.0
        self._keys: list[Any] = []

    async def way_there(self, ticket: Ticket, redirect_url: str) -> str:
        """URL a browser is sent to."""
        asked = {
            "response_type": "code",
            "client_id": self._chosen.client_id,
            "redirect_uri": redirect_url,
            "scope": "openid",
            "state": ticket.state,
            "nonce": ticket.nonce,
            "code_challenge": ticket.challenge(),
            "code_challenge_method": "S256",
        }
        address = str((await self.parts())["authorization_endpoint"])
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"

    async def id_token(self, code: str, ticket: Ticket, redirect_url: str) -> str:
        """The ID token that a code stands for."""
        parts = await self.parts()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_url,
            "code_verifier": ticket.verifier,
        }
        proof = self._proof(parts, form)
        status, answer = await fetch("POST", parts["token_endpoint"], data=form, **proof)
        if status == HTTPStatus.BAD_REQUEST and answer.get("error") == "invalid_grant":
            raise LoginRefused(EXPIRED)
        token = answer.get("id_token")
        if status != HTTPStatus.OK or not isinstance(token, str):
            log.warning("the OpenID provider gives no ID token: %s %r", status, answer.get("error"))
            raise provider_fails("gave no proof of who you are")
        return token

    async def keys(self, *, anew: bool = False) -> list[Any]:
        """Public keys the provider signs with."""
        if anew or not self._keys:
            found = (await fetch_ok((await self.parts())["jwks_uri"])).get("keys")
            self._keys = found if isinstance(found, list) else []
        return self._keys

    async def parts(self) -> dict[str, Any]:
        """The provider's description of itself, checked."""
        if time.monotonic() >= self._parts_until:
            found = await fetch_ok(self._chosen.issuer.rstrip("/") + WELL_KNOWN)
            _check(found, self._chosen.issuer)
            self._parts, self._parts_until = found, time.monotonic() + FRESH_S
            self._keys = []
        return self._parts

    def _proof(self, parts: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
        """The secret as the provider wants it: in the header, unless it takes it in the form only."""
        client_id, secret = self._chosen.client_id, self._chosen.client_secret
        ways = parts.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if "client_secret_basic" in ways:
            return {"auth": (quote(client_id, safe=""), quote(secret, safe=""))}
        form.update(client_id=client_id, client_secret=secret)
        return {}


def _check(found: dict[str, Any], issuer: str) -> None:
    """Whoever calls itself otherwise than it was set to could speak for somebody else."""
    if found.get("issuer") != issuer:
        log.error("oidc_issuer is %r, the provider calls itself %r", issuer, found.get("issuer"))
        raise provider_fails("is not set up well")
    unfit = [name for name in NEEDED if not is_safe_url(str(found.get(name, "")))]
    if unfit:
        log.error("the OpenID provider names no https URL for %s", ", ".join(unfit))
        raise provider_fails("is not set up well")
