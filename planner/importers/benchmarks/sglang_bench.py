"""Result of SGLang's ``bench_serving``: one flat object per run, appended line by line."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.observation import Observation
from models.parallelism import Parallelism
from planner.importers.benchmarks import bench_serving
from planner.importers.benchmarks.assembly import Load, System, assemble, replica
from planner.importers.benchmarks.record import Record


def matches(document: Mapping[str, Any]) -> bool:
    """Whether the object has the keys of a run, with this tool's word for the end-to-end time."""
    return {"completed", "request_throughput", "mean_e2e_latency_ms"} <= document.keys()


def read(document: Mapping[str, Any]) -> Iterator[Observation]:
    """The one operating point of a run."""
    record = Record(document)
    measured = bench_serving.measured(record, "e2e_latency", None)
    assert measured.requests is not None
    # the mean over the run, measured by the tool
    in_flight = record.measured("concurrency")
    replayed = record.value("request_rate") == "trace"
    load = (
        Load(concurrency=in_flight) if replayed else bench_serving.load(record, measured.requests, in_flight)
    )
    yield assemble("sglang-bench", _system(record), load, measured)


def _system(record: Record) -> System:
    """What the server said of itself; absent when the server is another engine or a router."""
    engine = bench_serving.engine(record)
    server = record.inner("server_info")
    if not server.has("tp_size"):
        return System(engine=engine)
    tp, pp, dp = (server.count(name) or 1 for name in ("tp_size", "pp_size", "dp_size"))
    shared = server.flag("enable_dp_attention") or False
    return System(
        model=server.text("served_model_name") or server.text("model_path"),
        engine=engine,
        engine_version=server.text("version"),
        # without attention-data-parallelism, dp counts whole copies of the server
        devices=tp * pp if shared else tp * pp * dp,
        parallelism=_parallelism(server, tp, pp, dp if shared else 1),
    )


def _parallelism(server: Record, tp: int, pp: int, dp: int) -> Parallelism | None:
    """Degrees of one copy: ``tp_size`` counts the ranks of a stage, over all its attention-dp ranks."""
    context = server.count("attn_cp_size") or 1
    if tp % dp or context > 1:
        return None
    return replica(server, tp=tp // dp, pp=pp, dp=dp, ep=server.count("ep_size"))
