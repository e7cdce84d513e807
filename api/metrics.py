"""What Prometheus reads: requests as they come, jobs and workers as the database has them when it asks."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from db.database import Database
from db.standing import Standing, standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters of one application in a registry of its own."""

    def __init__(self, database: Database) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._database = database
        self._registry = CollectorRegistry(auto_describe=True)
        self._requests = Counter(
            "shardwright_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "shardwright_http_request_seconds",
            "Time from the request to the end of its answer.",
            ("method", "route"),
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        info = Gauge("shardwright_build_info", "Version.", ("version",), registry=self._registry)
        info.labels(version("shardwright")).set(1)
        self._registry.register(_Jobs(database))

    def seen(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        known = method if method in ("GET", "HEAD", "POST", "PUT", "DELETE") else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds)

    def text(self) -> bytes:
        """Everything, in the text format of Prometheus."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)


class _Jobs:
    """Figures of the database, read when they are asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> "Iterator[Metric]":
        """Nothing is known before the database is asked."""
        return iter(())

    def collect(self) -> "Iterator[Metric]":
        """Jobs by state, the oldest that waits, workers and their slots."""
        from prometheus_client.core import GaugeMetricFamily

        with self._database.reading() as session:
            now: Standing = standing(session)
        jobs = GaugeMetricFamily("shardwright_jobs", "Jobs by kind and state.", labels=("kind", "state"))
        for (kind, state), count in now.jobs.items():
            jobs.add_metric((kind, state), count)
        yield jobs
        yield GaugeMetricFamily(
            "shardwright_oldest_queued_job_seconds", "Age of the job that waits longest.", now.oldest_queued_s
        )
        yield GaugeMetricFamily("shardwright_workers", "Living processes that run jobs.", now.workers)
        yield GaugeMetricFamily("shardwright_worker_slots", "Jobs they can run at once.", now.slots)
