"""``/v1/memory``: what one layout takes of a device, answered at once."""

from typing import Any

from fastapi import APIRouter

from api.body_schemas import component
from api.json_body import JsonObject
from api.openapi import BODY_PROBLEMS, json_body, problems
from models import codec
from models.memory_use import MemoryQuestion

router = APIRouter(prefix="/v1", tags=["quick"], responses={**BODY_PROBLEMS, **problems(501)})
_MEMORY = json_body(
    "A replica and the length of its sequences; what is left out is the checkpoint's or the engine's own.",
    {
        "model": "meta-llama/Meta-Llama-3.1-70B",
        "device": "h100-sxm",
        "precision": {"weights": "fp8"},
        "parallelism": {"tp": 2},
        "sequence_tokens": 3300,
    },
    component("MemoryQuestion"),
)


@router.post("/memory", operation_id="memory", openapi_extra=_MEMORY)
def memory(request: JsonObject) -> dict[str, Any]:
    """Weights, cache, activations and engine of the tightest rank, and how many sequences fit."""
    from planner.memory_use import memory_use

    answer: dict[str, Any] = codec.to_plain(memory_use(codec.from_plain(MemoryQuestion, request)))
    return answer
