"""Wall and processor time of large fleets, phase by phase, and the gap that is proven.

    python benchmarks/fleet_speed.py [--dir DIR] [--time-limit S]

Processor time counts the second process that pricing uses. Wall times mean little on a busy machine.
"""

import argparse
import os
import resource
import time
from dataclasses import replace
from pathlib import Path

from models.plan import RankedPlans
from models.scenario import Scenario
from planner import pipeline, scenario_file

HERE = Path(__file__).parent
PHASES = ("pricing", "solving", "answering")


def cpu_s() -> float:
    """Processor time of this process and of the children it waited for [s]."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usages)


def measure(scenario: Scenario) -> tuple[RankedPlans, list[tuple[float, float]]]:
    """The answer, and wall and processor time of every phase [s]."""
    marks = [(time.perf_counter(), cpu_s())]

    def note(phase: str, _: dict[str, float | None]) -> None:
        if phase in ("solving", "ranking"):
            marks.append((time.perf_counter(), cpu_s()))

    answer = pipeline.plan(scenario, on_progress=note)
    marks.append((time.perf_counter(), cpu_s()))
    spans = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(marks, marks[1:], strict=False)]
    return answer, spans


def line(name: str, answer: RankedPlans, spans: list[tuple[float, float]]) -> str:
    """One row of the table."""
    search = answer.search
    gap = "none" if answer.gap is None else f"{100.0 * answer.gap:.3f} %"
    times = " | ".join(f"{wall:.1f} / {cpu:.1f}" for wall, cpu in spans)
    return (
        f"| {name} | {search.priced:,} | {search.dropped.get('bounded', 0):,} | {search.undominated:,} "
        f"| {times} | {search.wall_s:.1f} / {search.cpu_s:.1f} | {answer.status} | {gap} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dir", type=Path, default=HERE / "fleet", help="folder of scenario files")
    parser.add_argument("--time-limit", type=float, help="seconds of solving instead of the scenario's")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; wall / processor time in seconds\n")
    print(f"| scenario | priced | bounded | undominated | {' | '.join(PHASES)} | whole | status | gap |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|---|--:|", flush=True)
    for file in sorted(asked.dir.glob("*.yaml")):
        scenario = scenario_file.read(file.read_text(encoding="utf-8"), base=file.parent)
        if asked.time_limit is not None:
            scenario = replace(scenario, options=replace(scenario.options, time_limit_s=asked.time_limit))
        print(line(file.stem, *measure(scenario)), flush=True)


if __name__ == "__main__":
    main()
