"""Profile export of GenAI-Perf (``profile_export_genai_perf.json``), the predecessor of AIPerf."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.observation import Observation
from planner.importers.benchmarks import aiperf, unit_metric
from planner.importers.benchmarks.assembly import Load, System, assemble
from planner.importers.benchmarks.record import Record


def matches(document: Mapping[str, Any]) -> bool:
    """Whether the object holds metrics with units and no mark of AIPerf."""
    return unit_metric.has_metrics(document) and not aiperf.matches(document)


def read(document: Mapping[str, Any]) -> Iterator[Observation]:
    """The one operating point of a run."""
    record = Record(document)
    config = record.inner("input_config")
    measured = unit_metric.measured(record, None)
    yield assemble("genai-perf", System(model=_model(config)), _load(config), measured)


def _model(config: Record) -> str | None:
    """The model, where it is one; versions before the configuration file call the field ``model``."""
    names = config.value("model_names") or config.value("model")
    return names[0] if isinstance(names, list) and len(names) == 1 and isinstance(names[0], str) else None


def _load(config: Record) -> Load:
    stimulus = config.inner("perf_analyzer", "stimulus")
    load = stimulus if stimulus.names() else config  # older versions export their flat arguments
    rate, cap = load.limit("request_rate"), load.limit("concurrency")
    return Load(concurrency=cap) if rate is None else Load(requests_per_s=rate)
