"""What a browser keeps between leaving for the provider and coming back, signed against change."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import asdict, dataclass

LASTS_S = 600
"""Time a person has at the provider [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One attempt to log in.

    Attributes
    ----------
    state
        Comes back in the URL: the answer belongs to this browser.
    nonce
        Comes back in the ID token: the token belongs to this attempt.
    verifier
        Shown with the code (PKCE): whoever else sees the code cannot use it.
    until
        End of the attempt, seconds since 1970.
    """

    state: str
    nonce: str
    verifier: str
    until: float

    def challenge(self) -> str:
        """SHA-256 of the verifier, as the provider gets it beforehand (S256)."""
        return _text(hashlib.sha256(self.verifier.encode()).digest())


def new_ticket() -> Ticket:
    """Three secrets of 256 bits."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Ticket(state=state, nonce=nonce, verifier=verifier, until=time.time() + LASTS_S)


def sealed(ticket: Ticket, client_secret: str) -> str:
    """The ticket as a cookie; every server of the service can open it, nobody else can make one."""
    body = _text(json.dumps(asdict(ticket)).encode())
    return f"{body}.{_seal(body, client_secret)}"


def opened(cookie: str, client_secret: str) -> Ticket | None:
    """The ticket of a cookie; None where it is not ours or over."""
    body, _, seal = cookie.partition(".")
    if not hmac.compare_digest(seal.encode(), _seal(body, client_secret).encode()):
        return None
    padded = body + "=" * (-len(body) % 4)
    ticket = Ticket(**json.loads(base64.urlsafe_b64decode(padded)))
    return ticket if ticket.until > time.time() else None


def _seal(body: str, client_secret: str) -> str:
    key = hashlib.sha256(b"shardwright login ticket\0" + client_secret.encode()).digest()
    return _text(hmac.digest(key, body.encode(), "sha256"))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
