"""Benchmark Report of llm-d, versions 0.1 and 0.2.x: results of many load generators in one shape."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.observation import Observation
from planner.importers.benchmarks import llm_d_results
from planner.importers.benchmarks.assembly import Load, assemble
from planner.importers.benchmarks.llm_d_stack import early_system, system
from planner.importers.benchmarks.record import Record
from planner.importers.hf_config.fields import shown

_CAPPED = ("vllm-benchmark", "inferencemax")
"""Generators whose concurrency only caps an open loop when a rate is stated too."""


def matches(document: Mapping[str, Any]) -> bool:
    """Whether the object states a version and has the parts of version 0.1 or of a later one."""
    later = isinstance(document.get("results"), Mapping) and isinstance(document.get("run"), Mapping)
    early = isinstance(document.get("metrics"), Mapping) and isinstance(document.get("scenario"), Mapping)
    return "version" in document and (later or early)


def read(document: Mapping[str, Any]) -> Iterator[Observation]:
    """The one operating point of a report: a stage of one run."""
    report = Record(document)
    stated = report.value("version")
    version = str(stated) if isinstance(stated, str | float) else ""  # unquoted, YAML takes 0.1 for a number
    if version == "0.1":
        yield _early(report)
    elif version == "0.2" or version.startswith("0.2."):
        yield _later(report)
    else:
        report.refuse("version", f"{shown(stated)} is not read", "Maybe convert the report to 0.2.1.")


def _later(report: Record) -> Observation:
    load = report.inner("scenario", "load")
    if load.inner("metadata").value("concurrent_with"):
        load.inner("metadata").refuse(
            "concurrent_with",
            "names treatments that ran at the same time, whose load the report does not hold",
            "Maybe use a run of this treatment alone.",
        )
    stated = load.inner("standardized")
    tool = stated.text("tool") or ""
    rate, cap = stated.limit("rate_qps"), stated.limit("concurrency")
    aggregate = report.inner("results", "request_performance", "aggregate")
    measured = llm_d_results.measured(aggregate, tool)
    return assemble("llm-d-report", system(report.inner("scenario")), _load(tool, rate, cap), measured)


def _early(report: Record) -> Observation:
    scenario = report.inner("scenario")
    load = scenario.inner("load")
    tool = load.text("name") or ""
    # only these two state their load flatly; the others leave their configuration file here
    args = load.inner("args") if tool in _CAPPED else Record({})
    rate, cap = args.limit("request_rate"), args.limit("max_concurrency")
    measured = llm_d_results.early_measured(report.inner("metrics"), tool)
    return assemble("llm-d-report", early_system(scenario), _load(tool, rate, cap), measured)


def _load(tool: str, rate: float | None, cap: float | None) -> Load:
    """A concurrency closes the loop, but for generators that take it for a cap beside a rate."""
    if cap is not None and (rate is None or tool not in _CAPPED):
        return Load(concurrency=cap)
    return Load(requests_per_s=rate)
