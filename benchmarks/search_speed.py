"""Processor time of the search, scenario by scenario, beside the limits it has to keep.

    python benchmarks/search_speed.py [--dir DIR] [--runs 5] [--process-runs 3]

Two figures: the search alone (``search.cpu_s``, from enumeration to ranking, median of warm runs inside
one process), and a whole ``shardwright plan`` from start to exit (user and system time, median).
"""

import argparse
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from models.scenario import Scenario
from planner import pipeline, scenario_file
from planner.setting import resolve_model

HERE = Path(__file__).parent
LIMITS_S = {"dense": (1.0, 4.0), "moe": (3.0, 6.0)}
"""Search and whole process [s of processor time]; several deployments at once have no limit."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Outcome and processor time of one scenario."""

    name: str
    kind: str
    outcome: str
    priced: int
    search_cpu_s: float
    process_cpu_s: float

    @property
    def within(self) -> bool:
        """Whether both limits hold; true where there are none."""
        search_s, process_s = LIMITS_S.get(self.kind, (float("inf"), float("inf")))
        return self.search_cpu_s <= search_s and self.process_cpu_s <= process_s


def kind_of(scenario: Scenario) -> str:
    """Dense, mixture of experts, or a fleet of several deployments."""
    if len(scenario.deployments) > 1:
        return "fleet"
    return "moe" if resolve_model(scenario.deployments[0], "").is_moe else "dense"


def search_cpu_s(scenario: Scenario, runs: int) -> tuple[str, int, float]:
    """Outcome, rows priced and median processor time of warm runs."""
    answer = pipeline.plan(scenario)  # imports and caches are warm from here on
    seconds = [pipeline.plan(scenario).search.cpu_s for _ in range(runs)]
    value = f"{answer.plans[0].objective_value:.4g} {answer.objective.unit}" if answer.plans else "no plan"
    return f"{answer.status}, {value}", answer.search.priced, median(seconds)


def process_cpu_s(file: Path, runs: int) -> float:
    """Median user and system time of a whole ``shardwright plan`` process."""
    program = Path(sys.executable).with_name("shardwright")
    seconds = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended = subprocess.run([program, "plan", file, "--format", "json"], capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if ended.returncode not in (0, 3, 4):
            raise SystemExit(ended.stderr.decode())
        seconds.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return median(seconds)


def measure(file: Path, runs: int, process_runs: int) -> Timing:
    """Both figures of one scenario file."""
    scenario = scenario_file.read(file.read_text(encoding="utf-8"), base=file.parent)
    outcome, priced, search_s = search_cpu_s(scenario, runs)
    return Timing(
        name=file.stem, kind=kind_of(scenario), outcome=outcome, priced=priced,
        search_cpu_s=search_s, process_cpu_s=process_cpu_s(file, process_runs),
    )  # fmt: skip


def line(timing: Timing) -> str:
    """One row of the table."""
    search_s, process_s = LIMITS_S.get(timing.kind, (None, None))
    limits = "none" if search_s is None else f"{search_s:g} / {process_s:g}"
    return (
        f"| {timing.name} | {timing.kind} | {timing.outcome} | {timing.priced:,} | {timing.search_cpu_s:.2f} "
        f"| {timing.process_cpu_s:.2f} | {limits} | {'yes' if timing.within else '**no**'} |"
    )


def main() -> int:
    """Print the table; 1 when a scenario is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dir", type=Path, default=HERE / "scenarios", help="folder of scenario files")
    parser.add_argument("--runs", type=int, default=5, help="warm runs of the search")
    parser.add_argument("--process-runs", type=int, default=3, help="runs of the whole process")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; seconds are processor time\n")
    print("| scenario | kind | answer | priced | search [s] | process [s] | limits | within |")
    print("|---|---|---|--:|--:|--:|--:|---|", flush=True)
    over = 0
    for file in sorted(asked.dir.glob("*.yaml")):
        timing = measure(file, asked.runs, asked.process_runs)
        over += not timing.within
        print(line(timing), flush=True)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
