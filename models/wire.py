"""How dataclasses meet JSON: settings pydantic reads from the class, without this package importing it.

Unknown keys, NaN, infinities and numbers written as text are refused; a name that Python reserves
carries a trailing underscore inside (``from_``) and none outside.
"""

from typing import Any


def _outside(name: str) -> str:
    return name.rstrip("_")


WIRE: dict[str, Any] = {
    "extra": "forbid",
    "strict": True,
    "allow_inf_nan": False,
    "alias_generator": _outside,
}
