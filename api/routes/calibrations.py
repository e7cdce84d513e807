"""Calibrations made from uploaded benchmark results; what is stored is a document like any other."""

from dataclasses import asdict, replace
from typing import Any

from fastapi import APIRouter, Response
from starlette.responses import JSONResponse

from api.body_schemas import BENCHMARK, MAX_NAME, NAME, PLAIN_OBJECT, closed
from api.document_bounds import check_texts
from api.document_kinds import KINDS
from api.json_body import JsonObject, only_keys
from api.openapi import BODY_PROBLEMS, json_body
from api.pointing import under
from api.routes.documents import etag, shown
from api.services import Wired
from db.documents import DocumentRepository
from models import codec
from models.errors import InvalidInput, TooLarge

MAX_FILES = 100
MAX_POINTS = 300
"""A fit with its left-out points takes seconds; the command line takes more of them."""

router = APIRouter(prefix="/v1", tags=["calibrations"], responses=BODY_PROBLEMS)
_FILE = closed({"name": {"type": "string"}, "text": {"type": "string"}})
_BODY = json_body(
    "Benchmark result files as text, and what they do not say of the system.",
    {
        "name": "my h100",
        "files": [{"name": "bench.json", "text": BENCHMARK}],
        "system": {"model": "meta-llama/Meta-Llama-3.1-8B", "device": "h100-sxm", "engine": "vllm", "tp": 1},
    },
    closed(
        {"name": NAME, "files": {"type": "array", "minItems": 1, "maxItems": 100, "items": _FILE}},
        {"system": PLAIN_OBJECT},
    ),
)


@router.post("/calibrations:fit", status_code=201, operation_id="fit_calibration", openapi_extra=_BODY)
def fit(services: Wired, request: JsonObject) -> Response:
    """Fit a correction to benchmark results and store it as revision 1; nothing is stored when it fails."""
    from planner.calibrate import calibrate
    from planner.calibration.told import Told, canonical

    only_keys(request, {"name", "files"}, {"system"})
    check_texts(request)
    name = request["name"]
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
        raise InvalidInput(f"a name is a text of 1 to {MAX_NAME} characters", pointer="/name")
    texts = _texts(request["files"])
    with under("/system"):
        told = canonical(codec.from_plain(Told, request.get("system", {})))
    try:
        made = calibrate(texts, told, name=name, most_points=MAX_POINTS)
    except InvalidInput as error:
        raise _in_files(error) from None
    content = KINDS["calibrations"].check(codec.to_plain(made.fit.calibration))
    with services.database.writing() as session:
        stored = DocumentRepository(session, services.project).add("calibrations", name, content, {})
    body = shown(KINDS["calibrations"], stored) | {"refused": [asdict(each) for each in made.refused]}
    headers = {"ETag": etag(stored), "Location": f"/v1/calibrations/{stored.id}"}
    return JSONResponse(body, status_code=201, headers=headers)


def _in_files(error: InvalidInput) -> InvalidInput:
    """What is wrong inside a file, told at the files: its own pointers lead nowhere in the request."""
    faults = tuple(replace(fault, pointer="/files") for fault in error.faults)
    return type(error)(error.message, pointer="/files", hint=error.hint, faults=faults)


def _texts(files: Any) -> list[tuple[str, str]]:
    if not isinstance(files, list) or not files:
        raise InvalidInput("files is a list of at least one file", pointer="/files")
    if len(files) > MAX_FILES:
        raise TooLarge(f"{len(files)} files, more than {MAX_FILES}", pointer="/files")
    texts = []
    for i, file in enumerate(files):
        with under(f"/files/{i}"):
            if not isinstance(file, dict):
                raise InvalidInput("a file is an object with name and text")
            only_keys(file, {"name", "text"}, set())
            wrong = next((key for key in ("name", "text") if not isinstance(file[key], str)), None)
            if wrong is not None:
                raise InvalidInput("must be text", pointer=f"/{wrong}")
            texts.append((file["name"][:MAX_NAME], file["text"]))
    return texts
