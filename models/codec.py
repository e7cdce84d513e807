"""JSON to domain and back; the dataclass itself is the one definition of the wire shape."""

import hashlib
import json
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from models.errors import Fault, InvalidInput, NotBuilt

T = TypeVar("T")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def from_plain(kind: type[T], data: Any) -> T:
    """Read one document of plain dictionaries and lists strictly.

    Raises
    ------
    InvalidInput
        With every fault at once, each with its JSON pointer.
    NotBuilt
        The document is sound but asks for what is not built yet.
    """
    try:
        text = json.dumps(data, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(
            f"not a JSON document: {error}", hint="Maybe a number is NaN or infinite, or a key is no text."
        ) from None
    try:
        value: T = _adapter(cast(Any, kind)).validate_json(text)
    except ValidationError as error:
        raise _not_built(error, data) or _told(error, data) from None
    return value


def _not_built(error: ValidationError, data: Any) -> NotBuilt | None:
    """The document asks for something of the contract that is not built, and nothing else is wrong."""
    rows = error.errors(include_url=False)
    inner = [row.get("ctx", {}).get("error") for row in rows]
    first = next((e for e in inner if isinstance(e, NotBuilt)), None)
    if first is None or any(isinstance(e, InvalidInput) for e in inner):
        return None
    pointer, _, _ = _locate(rows[inner.index(first)], data)
    return NotBuilt(first.message, pointer=pointer + first.pointer, hint=first.hint)


def to_plain(document: object) -> Any:
    """Dictionaries, lists, numbers and text only."""
    return _adapter(cast(Any, type(document))).dump_python(document, mode="json", by_alias=True)


def to_json(document: object, *, indent: int | None = 2) -> str:
    """Write one document."""
    return _adapter(cast(Any, type(document))).dump_json(document, indent=indent, by_alias=True).decode()


def json_schema(kind: Any) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a document type."""
    return _adapter(kind).json_schema(by_alias=True)


def sha256(document: object) -> str:
    """Hash of the normalised document: defaults filled in, keys sorted, no spaces."""
    text = json.dumps(to_plain(document), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _told(error: ValidationError, data: Any) -> InvalidInput:
    """One error with all faults; of a failed union only the branch that fits the value's shape."""
    faults: dict[tuple[str, str], Fault] = {}
    for row in error.errors(include_url=False):
        fault = _fault(row, data)
        if fault is not None:
            faults.setdefault((fault.pointer, fault.detail), fault)
    told = _drop_consequences(list(faults.values())) or [Fault(pointer="", detail=str(error))]
    first = told[0]
    return InvalidInput(first.detail, pointer=first.pointer, hint=first.hint, faults=tuple(told))


def _drop_consequences(faults: list[Fault]) -> list[Fault]:
    """A list whose entry is wrong is also reported as too short; only the entry is news."""
    return [
        f
        for f in faults
        if not (
            f.detail.startswith("Tuple should have at least")
            and any(g is not f and g.pointer.startswith(f.pointer + "/") for g in faults)
        )
    ]


def _fault(row: Any, data: Any) -> Fault | None:
    """The fault a reader should see; None for union branches that the value was never meant for."""
    pointer, value, in_union = _locate(row, data)
    if in_union and isinstance(value, dict) and row["type"] in _SCALAR_TYPES:
        return None
    if in_union and row["type"] == "dataclass_type" and isinstance(value, str | int | float):
        return None
    inner = row.get("ctx", {}).get("error")
    if isinstance(inner, InvalidInput):
        return Fault(pointer=pointer + inner.pointer, detail=inner.message, hint=inner.hint)
    message = {k: v for keys, v in _WORDS for k in keys}.get(row["type"], row["msg"])
    shown = json.dumps(value, default=str)
    got = "" if message == "missing" or len(shown) > 120 else f", got {shown}"
    return Fault(pointer=pointer, detail=message + got)


_SCALAR_TYPES = {"float_type", "int_type", "string_type", "bool_type", "literal_error"}
_WORDS = (
    (("unexpected_keyword_argument", "extra_forbidden"), "unknown key"),
    (("missing", "missing_argument"), "missing"),
)


def _locate(row: Any, data: Any) -> tuple[str, Any, bool]:
    """JSON pointer and value of an error, and whether it lies in a branch of a union.

    Names of union branches stand in the location but are no part of the document.
    """
    pointer, value, in_union = "", data, False
    names_a_key = row["type"] in {k for keys, _ in _WORDS for k in keys}
    for i, key in enumerate(row["loc"]):
        absent = names_a_key and i == len(row["loc"]) - 1
        if isinstance(value, dict) and (key in value or absent):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            in_union = True
            continue
        in_union = False
        pointer += "/" + str(key).replace("~", "~0").replace("/", "~1")
    return pointer, value, in_union
