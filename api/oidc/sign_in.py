"""The login as the page sees it: begin, and finish."""

import hmac
import time
from collections.abc import Mapping

from api.oidc.configuration import Configuration, configuration_of
from api.oidc.entry import entry_of
from api.oidc.id_token import UnknownKey, claims_of
from api.oidc.provider import EXPIRED, Provider
from api.oidc.refusal import LoginRefused
from api.oidc.ticket import Ticket, new_ticket, opened, sealed
from api.settings import Settings
from db.access import Identity

NOT_OURS = "This login did not begin in this browser, or began too long ago. Please log in again."
UNWILLING = "Your organisation did not let you in. Please log in again, or use an API key."
MOST_SPENT = 10_000


class SignIn:
    """Login with one provider."""

    def __init__(self, chosen: Configuration) -> None:
        self._chosen = chosen
        self._provider = Provider(chosen)
        self._spent: dict[str, float] = {}

    async def begin(self, callback: str) -> tuple[str, str]:
        """Where to send the browser, and the cookie it keeps meanwhile.

        Parameters
        ----------
        callback
            Where the provider sends people back to, unless a setting says otherwise.
        """
        ticket = new_ticket()
        way = await self._provider.way_there(ticket, self._chosen.redirect_url or callback)
        return way, sealed(ticket, self._chosen.client_secret)

    async def finish(self, callback: str, cookie: str, answer: Mapping[str, str]) -> Identity:
        """Who comes back from the provider.

        Raises
        ------
        LoginRefused
            Nobody that can be let in.
        """
        ticket = opened(cookie, self._chosen.client_secret)
        if ticket is None or not hmac.compare_digest(answer.get("state", "").encode(), ticket.state.encode()):
            raise LoginRefused(NOT_OURS)
        self._spend(ticket)
        # RFC 9207: an answer that names its sender has to come from this provider
        if answer.get("iss", self._chosen.issuer) != self._chosen.issuer:
            raise LoginRefused(NOT_OURS)
        if "error" in answer or not answer.get("code"):
            raise LoginRefused(UNWILLING)
        redirect_url = self._chosen.redirect_url or callback
        token = await self._provider.id_token(answer["code"], ticket, redirect_url)
        return entry_of(await self._claims(token, ticket.nonce), self._chosen)

    async def _claims(self, token: str, nonce: str) -> dict[str, object]:
        """What the token says; providers change their keys, so an unknown one is asked for once."""
        try:
            return claims_of(token, await self._provider.keys(), self._chosen, nonce)
        except UnknownKey:
            return claims_of(token, await self._provider.keys(anew=True), self._chosen, nonce)

    def _spend(self, ticket: Ticket) -> None:
        """A ticket is good once in this process; elsewhere the provider refuses the used code."""
        now = time.time()
        if self._spent.get(ticket.state, 0.0) > now:
            raise LoginRefused(EXPIRED)
        if len(self._spent) >= MOST_SPENT:
            self._spent = {state: until for state, until in self._spent.items() if until > now}
        while len(self._spent) >= MOST_SPENT:
            del self._spent[next(iter(self._spent))]
        self._spent[ticket.state] = ticket.until


def sign_in_of(settings: Settings) -> SignIn | None:
    """The login as it is set; None where it is off."""
    chosen = configuration_of(settings)
    return None if chosen is None else SignIn(chosen)
