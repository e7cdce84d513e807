"""Profile export of AIPerf (``profile_export_aiperf.json``)."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.observation import Observation
from planner.importers.benchmarks import unit_metric
from planner.importers.benchmarks.assembly import Load, System, assemble
from planner.importers.benchmarks.record import Record

_RATED = ("poisson", "gamma", "constant", "user_centric")
_MARKS = ("aiperf_version", "schema_version", "was_cancelled")


def matches(document: Mapping[str, Any]) -> bool:
    """Whether the object holds metrics with units and a mark that GenAI-Perf never wrote."""
    config = document.get("input_config")
    config = config if isinstance(config, Mapping) else {}
    marked = any(name in document for name in _MARKS) or "loadgen" in config or "phases" in config
    return marked and unit_metric.has_metrics(document)


def read(document: Mapping[str, Any]) -> Iterator[Observation]:
    """The one operating point of a run."""
    record = Record(document)
    cut_short = record.flag("was_cancelled") is True or record.flag("is_complete") is False
    measured = unit_metric.measured(record, _failed(record), incomplete=cut_short)
    config = record.inner("input_config")
    yield assemble("aiperf", System(model=_model(config), device=_device(record)), _load(config), measured)


def _failed(record: Record) -> int | None:
    if record.has("error_request_count"):
        return record.inner("error_request_count").count("avg")
    if not record.has("error_summary"):
        return None
    return sum(error.count("count") or 0 for error in record.entries("error_summary"))


def _model(config: Record) -> str | None:
    """The model, where it is one: under ``models``, or beside the endpoint in older versions."""
    models = config.inner("models").entries("items")
    if models:
        return models[0].text("name") if len(models) == 1 else None
    names = config.inner("endpoint").value("model_names")
    return names[0] if isinstance(names, list) and len(names) == 1 and isinstance(names[0], str) else None


def _device(record: Record) -> str | None:
    """Accelerator the telemetry saw, where it saw one kind; it may see more devices than served."""
    endpoints = record.inner("telemetry_data", "endpoints")
    gpus = [endpoints.inner(endpoint, "gpus") for endpoint in endpoints.names()]
    names = {group.inner(gpu).text("gpu_name") for group in gpus for gpu in group.names()}
    return names.pop() if len(names) == 1 else None


def _load(config: Record) -> Load:
    """Load of the one phase that was measured. Fields at their default are not exported."""
    if config.has("phases"):
        phases = [phase for phase in config.entries("phases") if not _is_warm_up(phase)]
        return _phase_load(phases[0]) if len(phases) == 1 else Load()
    older = config.inner("loadgen")
    rate, cap = older.limit("request_rate"), older.limit("concurrency")
    return Load(concurrency=cap) if rate is None else Load(requests_per_s=rate)


def _is_warm_up(phase: Record) -> bool:
    kind = phase.text("kind") or phase.text("name")
    return kind == "warmup" or phase.flag("exclude_from_results") is True


def _phase_load(phase: Record) -> Load:
    kind = phase.text("type")
    if kind == "concurrency":
        return Load(concurrency=phase.limit("concurrency") or 1.0)
    if kind in _RATED and not phase.has("rate_series"):
        return Load(requests_per_s=phase.limit("rate"))
    return Load()
