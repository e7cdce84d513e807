"""Faults of a part of a request, told at their place in the whole request."""

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import InvalidInput, NotBuilt


@contextmanager
def under(prefix: str) -> Iterator[None]:
    """Put a JSON pointer in front of the pointers of whatever is refused inside the block."""
    try:
        yield
    except InvalidInput as error:
        raise error.under(prefix) from None
    except NotBuilt as error:
        raise NotBuilt(error.message, pointer=prefix + error.pointer, hint=error.hint) from None


def token(key: str) -> str:
    """A key as one token of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
