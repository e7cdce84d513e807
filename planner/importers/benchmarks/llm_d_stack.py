"""The served system in an llm-d Benchmark Report: engines, accelerators and their parallelism."""

from collections.abc import Iterable
from typing import TypeVar

from models.parallelism import Parallelism
from planner.importers.benchmarks.assembly import System, replica
from planner.importers.benchmarks.record import Record

T = TypeVar("T")


def system(scenario: Record) -> System:
    """System of version 0.2.x: the components of kind ``inference_engine``, prefill and decode apart."""
    engines = [
        component.inner("standardized")
        for component in scenario.entries("stack")
        if component.inner("standardized").value("kind") == "inference_engine"
    ]
    chips = [engine.inner("accelerator") for engine in engines]
    counts = [
        _devices(chip, engine.count("replicas") or 1) for chip, engine in zip(chips, engines, strict=True)
    ]
    roles = {engine.text("role") for engine in engines}
    degrees = [_parallelism(chip) if count else None for chip, count in zip(chips, counts, strict=True)]
    return System(
        model=_only(engine.inner("model").text("name") for engine in engines),
        engine=_only(engine.text("tool") for engine in engines),
        engine_version=_only(engine.text("tool_version") for engine in engines),
        device=_only(chip.text("model") for chip in chips),
        devices=_sum(counts),
        # one set of degrees cannot stand for prefill and decode replicas
        parallelism=_only(degrees) if len(roles) == 1 else None,
    )


def early_system(scenario: Record) -> System:
    """System of version 0.1: one entry per replica in parallel lists."""
    host = scenario.inner("host")
    chips = host.entries("accelerator")
    engines = scenario.inner("platform").entries("engine")
    kinds = host.value("type") or []
    alike = isinstance(kinds, list) and all(kind == "replica" for kind in kinds)
    counts = [_devices(chip, 1) for chip in chips]
    degrees = [_parallelism(chip) if count else None for chip, count in zip(chips, counts, strict=True)]
    return System(
        model=scenario.inner("model").text("name"),
        engine=_only(engine.text("name") for engine in engines),
        engine_version=_only(engine.text("version") for engine in engines),
        device=_only(chip.text("model") for chip in chips),
        devices=_sum(counts),
        parallelism=_only(degrees) if alike else None,
    )


def _devices(chip: Record, replicas: int) -> int | None:
    """Accelerators of these replicas; None where count and degrees are unknown (0) or disagree.

    The count may be of one replica, of its part on one node, or of all replicas: the degrees tell which.
    """
    count = chip.count("count")
    degrees = chip.inner("parallelism")
    if not count:
        return None
    if not degrees.names():
        return count * replicas
    tp, pp, dp, local = (degrees.count(name) for name in ("tp", "pp", "dp", "dp_local"))
    one = (tp or 1) * (pp or 1) * (dp or 1)
    on_node = (tp or 1) * (pp or 1) * (local or dp or 1)
    return one * replicas if count in (one, one * replicas, on_node) else None


def _parallelism(chip: Record) -> Parallelism | None:
    degrees = chip.inner("parallelism")
    tp, pp, dp, ep = (degrees.count(name) for name in ("tp", "pp", "dp", "ep"))
    return replica(degrees, tp=tp, pp=pp, dp=dp, ep=ep)


def _only(values: Iterable[T | None]) -> T | None:
    """The value all agree on, None where there is none or they differ."""
    seen = list(values)
    return seen[0] if seen and all(value == seen[0] for value in seen) else None


def _sum(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
