"""Request bodies: one strict JSON object, read once, as plain data."""

import json
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from api.document_bounds import check_values
from api.pointing import token
from api.problems import Problem
from models.errors import InvalidInput, TooLarge

READ_AT_ONCE_BYTES = 32_000
"""A body this small is read faster than another thread could take it over."""


async def _json_object(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the body is {kind[:100]!r}" if kind else "the body has no Content-Type",
            hint="Maybe send the header Content-Type: application/json.",
        )
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the body is encoded with {coding[:100]!r}",
            hint="Maybe send it as it is, without Content-Encoding.",
        )
    body = await request.body()
    small = len(body) <= READ_AT_ONCE_BYTES
    value = read_json(body) if small else await run_in_threadpool(read_json, body)
    if not isinstance(value, dict):
        raise InvalidInput("the body is not a JSON object")
    return value


JsonObject = Annotated[dict[str, Any], Depends(_json_object)]


def read_json(data: bytes) -> Any:
    """One JSON value: no duplicate keys, no NaN, bounded depth, text that can be written again."""
    from planner.importers import document

    try:
        text = data.decode("utf-8")
        check_values(text)
        value = json.loads(text, object_pairs_hook=_unique)
        document.check(value)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise TooLarge("the document is nested too deep") from None
    except InvalidInput:
        raise
    except UnicodeEncodeError:
        raise InvalidInput("a text holds half of a surrogate pair") from None
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the body is not UTF-8 text: {error.reason} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise InvalidInput(f"the body is not JSON: {error}") from None
    except ValueError:  # Python turns no text of that many digits into a number
        raise TooLarge("a number has too many digits") from None
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in pairs:
        if name in out:
            raise InvalidInput(f"duplicate key {name[:100]!r}", hint="Maybe one of the two should go.")
        out[name] = value
    return out


def only_keys(body: dict[str, Any], required: set[str], optional: set[str]) -> None:
    """Refuse a body with missing or unknown keys, naming all of them.

    Raises
    ------
    InvalidInput
        With one fault per key.
    """
    from models.errors import Fault

    faults = [Fault(pointer=f"/{key}", detail="missing") for key in sorted(required - body.keys())]
    known = ", ".join(sorted(required | optional))
    faults += [
        Fault(pointer=f"/{token(key)}", detail="unknown key", hint=f"Maybe one of: {known}")
        for key in sorted(body.keys() - required - optional)
    ]
    if faults:
        first = faults[0]
        raise InvalidInput(first.detail, pointer=first.pointer, hint=first.hint, faults=tuple(faults))
