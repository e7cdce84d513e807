"""The HTTP library the client stands on: an optional one, asked for by name where it is missing."""

try:
    import httpx2 as httpx2
except ImportError:
    raise ImportError(
        "the Python client needs httpx2, which is not installed\n"
        "Maybe install the extra client: pip install 'shardwright[client]'"
    ) from None

__all__ = ["httpx2"]
