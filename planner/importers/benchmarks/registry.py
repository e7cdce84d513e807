"""Every format that is read, by the name an observation carries; adding one is a module and a line here."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from models.observation import Observation, SourceFormat
from planner.importers.benchmarks import (
    aiperf,
    genai_perf,
    guidellm,
    inference_perf,
    llm_d_report,
    sglang_bench,
    vllm_bench,
)


class Format(Protocol):
    """What a module of this package offers."""

    def matches(self, document: Mapping[str, Any]) -> bool:
        """Whether the keys of an object are those of this format."""

    def read(self, document: Mapping[str, Any]) -> Iterator[Observation]:
        """Operating points of an object of this format."""


FORMATS: Mapping[SourceFormat, Format] = {
    "llm-d-report": llm_d_report,
    "guidellm": guidellm,
    "inference-perf": inference_perf,
    "aiperf": aiperf,
    "genai-perf": genai_perf,
    "sglang-bench": sglang_bench,
    "vllm-bench": vllm_bench,
}
"""In the order of asking: reports that hold others' results first, flat objects of few keys last."""
