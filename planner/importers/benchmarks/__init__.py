"""Reads results of serving benchmarks into :class:`models.observation.Observation`."""

from planner.importers.benchmarks.reader import read_benchmark

__all__ = ["read_benchmark"]
