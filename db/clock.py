"""Now, and ids that sort by the time they were made."""

import secrets
from datetime import UTC, datetime

_RANDOM_BYTES = 5


def now() -> datetime:
    """The present instant, UTC."""
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """Unique id: microseconds since 1970 in hexadecimal, then random digits; later ids sort later."""
    microseconds = int(now().timestamp() * 1_000_000)
    return f"{prefix}-{microseconds:014x}{secrets.token_hex(_RANDOM_BYTES)}"
