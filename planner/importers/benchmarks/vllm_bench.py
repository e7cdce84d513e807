"""Result of ``vllm bench serve`` (and of ``benchmark_serving.py`` before it): one flat object per run."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.observation import Observation
from planner.importers.benchmarks import bench_serving
from planner.importers.benchmarks.assembly import System, assemble, replica
from planner.importers.benchmarks.record import Record
from planner.importers.hf_config.fields import shown

_TP = ("tp", "tp_size", "tensor_parallel_size")
_PP = ("pp", "pp_size", "pipeline_parallel_size")
_DP = ("dp", "dp_size", "data_parallel_size")
_EP = ("ep", "ep_size", "expert_parallel_size")
_DEVICE = ("device", "gpu", "gpu_type", "gpu_model", "accelerator", "hardware")
_DEVICES = ("devices", "num_gpus", "gpus", "gpu_count", "num_devices")
_VERSION = ("engine_version", "vllm_version")
"""Names people give to ``--metadata KEY=VALUE``, which the tool copies to the top level."""


def matches(document: Mapping[str, Any]) -> bool:
    """Whether the object has the keys of a run, and not those of SGLang's variant."""
    return {"completed", "request_throughput"} <= document.keys() and "mean_e2e_latency_ms" not in document


def read(document: Mapping[str, Any]) -> Iterator[Observation]:
    """The one operating point of a run."""
    record = Record(document)
    if record.has("ramp_up_strategy"):
        record.refuse(
            "ramp_up_strategy",
            "makes the load change during the run, so that it is no single operating point",
            "Maybe repeat the run with a constant --request-rate.",
        )
    failed, derived = _failed(record)
    measured = bench_serving.measured(record, "e2el", failed, derived)
    assert measured.requests is not None
    load = bench_serving.load(record, measured.requests)
    yield assemble("vllm-bench", _system(record), load, measured)


def _failed(record: Record) -> tuple[int | None, tuple[str, ...]]:
    """Failed requests; older versions leave them to be counted."""
    if record.has("failed"):
        return record.count("failed"), ()
    sent, completed = record.count("num_prompts"), record.count("completed")
    if sent is None or completed is None or sent < completed:
        return None, ()
    return sent - completed, ("failed_requests",)


def _system(record: Record) -> System:
    tp, pp, dp, ep = (_metadata(record, names) for names in (_TP, _PP, _DP, _EP))
    return System(
        model=record.text("model_id"),
        engine=_first_text(record, ("engine",)) or bench_serving.engine(record),
        engine_version=_first_text(record, _VERSION),
        device=_first_text(record, _DEVICE),
        devices=_metadata(record, _DEVICES),
        parallelism=replica(record, tp=tp, pp=pp, dp=dp, ep=ep),
    )


def _first_text(record: Record, names: tuple[str, ...]) -> str | None:
    values = (record.value(name) for name in names)
    return next((value.strip()[:500] for value in values if isinstance(value, str) and value.strip()), None)


def _metadata(record: Record, names: tuple[str, ...]) -> int | None:
    """Count under the first of these names; metadata arrives as text ("8")."""
    name = next((name for name in names if record.has(name)), None)
    if name is None:
        return None
    value = record.value(name)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 8:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 10_000_000:
        return value
    return record.refuse(name, f"must be a whole number above 0, got {shown(value)}", "Maybe fix --metadata.")
