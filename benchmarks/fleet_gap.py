"""Proven gap of large fleet programs over time, beside the solver alone.

    python benchmarks/fleet_gap.py FOLDER [--limits 0.5,1,2,5,10]
    python benchmarks/fleet_gap.py --generator FILE [--sizes 64,1024,16384] [--seeds 1-10] [--limits ...]

FOLDER holds `replica-mix` instances in their columns form as JSON, grouped in the table by their number of
columns. FILE is a Python module with `fleet(size, seed)` that gives one. Every figure is a run of its own
with that time limit, from arrays in memory to the plan. The gap is (objective - bound) / objective in
percent: the median over the instances of a group, and the worst of them. The two times are how far the
longest run of the group went over its limit.
"""

import argparse
import importlib.util
import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from solvers import replica_covering, replica_mix
from solvers.backends.registry import default_backend
from solvers.replica_covering import ReplicaCovering

GAP = 1e-4
"""Gap at which both stop, the default of `shardwright solve`."""

WIDTHS = (14, 8, 10, 10, 10, 8, 8)
"""Widths of the columns of the table."""

Group = dict[str, list[ReplicaCovering]]


def read_folder(folder: Path) -> Group:
    """Instances of a folder by number of columns."""
    groups: Group = {}
    for file in sorted(folder.glob("*.json")):
        problem = covering(json.loads(file.read_text(encoding="utf-8")))
        groups.setdefault(f"{len(problem.ids)} columns", []).append(problem)
    return groups


def generate(file: Path, sizes: list[str], seeds: list[int]) -> Group:
    """Instances of a generator by its sizes."""
    spec = importlib.util.spec_from_file_location("generator", file)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{file}: no Python module. Maybe the path is wrong.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {size: [covering(module.fleet(size, seed)) for seed in seeds] for size in sizes}


def covering(instance: dict[str, Any]) -> ReplicaCovering:
    """One instance in memory."""
    problem = replica_mix.parse(instance)
    if not isinstance(problem, ReplicaCovering):
        raise SystemExit("an instance has no columns. Maybe it is of the other form of replica-mix.")
    return problem


def searched(problem: ReplicaCovering, time_limit_s: float) -> float:
    """Gap of the search, infinite without a plan."""
    answer = replica_covering.solve(problem, time_limit_s=time_limit_s, gap=GAP)
    return float("inf") if answer["gap"] is None else float(answer["gap"])


def alone(problem: ReplicaCovering, time_limit_s: float) -> float:
    """Gap of the solver on the whole program, infinite without a plan."""
    program = replica_covering.build(problem)
    result = default_backend().solve(program, time_limit_s=time_limit_s, gap=GAP)
    return float("inf") if result.x is None else result.gap


def rows(groups: Group, limits_s: list[float]) -> Iterator[str]:
    """Lines of the table, each as soon as it is measured."""
    heads = zip(
        ("group", "limit_s", "search %", "worst %", "alone %", "over_s", "over_s"), WIDTHS, strict=True
    )
    yield " ".join(f"{head:>{width}}" for head, width in heads)
    for name, problems in groups.items():
        for limit_s in limits_s:
            gaps: list[list[float]] = []
            over_s = []
            for method in (searched, alone):
                seconds = []
                gaps.append([])
                for problem in problems:
                    started = time.perf_counter()
                    gaps[-1].append(100 * method(problem, limit_s))
                    seconds.append(time.perf_counter() - started)
                over_s.append(max(seconds) - limit_s)
            ours, theirs = gaps
            yield (
                f"{name:>14} {limit_s:8.1f} {median(ours):10.4f} {max(ours):10.4f} {median(theirs):10.4f} "
                f"{over_s[0]:8.2f} {over_s[1]:8.2f}"
            )


def span(text: str) -> list[int]:
    """Read ``1-10`` or ``3`` as a list of numbers."""
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--generator", type=Path)
    parser.add_argument("--sizes", default="64,1024,16384")
    parser.add_argument("--seeds", type=span, default=span("1-10"))
    parser.add_argument("--limits", default="0.5,1,2,5,10")
    given = parser.parse_args()
    if (given.folder is None) == (given.generator is None):
        parser.error("give either a folder of instances or --generator")
    if given.folder is not None:
        groups = read_folder(given.folder)
    else:
        groups = generate(given.generator, given.sizes.split(","), given.seeds)
    default_backend().solve_lp(replica_covering.build(next(iter(groups.values()))[0]), time_limit_s=1.0)
    for line in rows(groups, [float(limit) for limit in given.limits.split(",")]):
        print(line, flush=True)


if __name__ == "__main__":
    main()
