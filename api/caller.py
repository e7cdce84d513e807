"""Who sent a request: found from its key or cookie, remembered for a moment."""

import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping

from db.access import SCOPES, AccessRepository, Identity
from db.base import LOCAL_PROJECT
from db.database import Database

KEY_PREFIX = "swk_"
COOKIE = "shardwright_session"
REMEMBERED_S = 2.0
"""A revoked key opens nothing more after this time at the latest."""
MOST_REMEMBERED = 4096
NOBODY = Identity(project=LOCAL_PROJECT, scope="admin", actor="local")
"""The caller of a service without access control."""

_READING_POST = re.compile(r"^/v1/(predict|check|requirements|memory)$|:(what-if|compare|preview)$")
_ADMIN = re.compile(r"^/v1/(keys|audit)\b|^/metrics$")
OPEN = re.compile(r"^/(healthz|readyz|login(/.*)?|logout|static/.*|favicon\.ico|openapi\.json)$")
"""What anybody may have: it tells nothing of anybody's data."""


def new_secret(prefix: str = KEY_PREFIX) -> str:
    """256 random bits, told apart from other tokens by how they begin."""
    return prefix + secrets.token_urlsafe(32)


def needed_scope(method: str, path: str) -> str:
    """Least scope a request needs."""
    if _ADMIN.search(path):
        return "admin"
    if method in ("GET", "HEAD", "OPTIONS") or _READING_POST.search(path):
        return "read"
    return "write"


def allows(have: str, needed: str) -> bool:
    """Whether a scope covers another: admin > write > read."""
    return SCOPES.index(have) >= SCOPES.index(needed)


class Callers:
    """Identities by secret; the database is asked again after two seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[tuple[str, str], tuple[float, Identity | None]] = OrderedDict()
        self._lock = threading.Lock()

    def remembered(self, kind: str, secret: str) -> tuple[bool, Identity | None]:
        """Whether it was asked a moment ago, and who it was."""
        with self._lock:
            at, who = self._known.get((kind, secret), (0.0, None))
        return time.monotonic() - at < REMEMBERED_S and at > 0, who

    def find(self, kind: str, secret: str) -> Identity | None:
        """Ask the database, and remember."""
        with self._database.reading() as session:
            access = AccessRepository(session)
            who = access.identity(secret) if kind == "key" else access.session(secret)
        with self._lock:
            self._known[(kind, secret)] = (time.monotonic(), who)
            while len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return who

    def forget(self) -> None:
        """Something was revoked here: this process asks anew at once."""
        with self._lock:
            self._known.clear()


def secret_of(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Kind and text of the secret a request carries; a key goes before a cookie."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return "key", token.strip()[:200]
    # read by hand: SimpleCookie takes seconds over a long quoted value, and one odd cookie hides the others
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.partition("=")
        if name.strip() == COOKIE and (value := value.strip().strip('"')):
            return "session", value[:200]
    return None
