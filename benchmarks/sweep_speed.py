"""A sweep through the service against the bare solver loop, in one run: scenarios per second and core.

The bare loop solves the same scenarios one after the other in a process of its own, half before and half
after the sweep. The service runs them with ``--slots`` solves at once (1: like for like).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from typing import Any
from urllib.request import Request, urlopen

import yaml

from benchmarks.load import EXAMPLE, ROOT, free_port, running, service

BARE = """
import json, sys, time
from models import codec
from models.scenario import Scenario
from models.sweep import Axes
from planner.sweep import solve_point
asked = json.load(sys.stdin)
scenario = codec.from_plain(Scenario, asked["scenario"])
axes = codec.from_plain(Axes, {"axes": asked["axes"]}).axes
solve_point(scenario, axes, 0)
began = time.perf_counter()
for number in range(asked["count"]):
    solve_point(scenario, axes, number)
print(time.perf_counter() - began)
"""


def question(count: int) -> dict[str, Any]:
    """The example at so many rates and limits."""
    scenario = yaml.safe_load(EXAMPLE.read_text())
    limits = [0.02, 0.03, 0.05, 0.08]
    rates = [1.0 + i / 10 for i in range(count // len(limits))]
    axes = [
        {"change": "workload.chat.arrival.rate_per_s", "values": rates},
        {"change": "slo.chat.tpot_s.limit_s", "values": limits},
    ]
    scenario["objective"] = "min_devices"
    return {"scenario": scenario, "axes": axes}


def bare_s(asked: dict[str, Any], count: int) -> float:
    """Time of the loop over the first scenarios [s]."""
    ran = subprocess.run(
        [sys.executable, "-c", BARE],
        input=json.dumps({**asked, "count": count}),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return float(ran.stdout)


def sweep_s(asked: dict[str, Any], slots: int) -> tuple[float, dict[str, int]]:
    """Time of the sweep from its submission to its last outcome [s], and the statuses."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        base = f"http://127.0.0.1:{port}"
        with running(service(folder, port), f"{base}/readyz", SHARDWRIGHT_WORKERS=str(slots)):
            time.sleep(5)  # the processes of the solves are warm, as they are in a service that runs
            began = time.perf_counter()
            body = json.dumps(asked).encode()
            made = json.load(
                urlopen(Request(f"{base}/v1/sweeps", body, {"Content-Type": "application/json"}))
            )
            while True:
                now = json.load(urlopen(base + made["links"]["self"]))
                if now["state"] not in ("queued", "running"):
                    return time.perf_counter() - began, now["statuses"]
                time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenarios", type=int, default=200)
    parser.add_argument("--slots", type=int, default=1)
    given = parser.parse_args()
    asked = question(given.scenarios)
    half = given.scenarios // 2
    before = bare_s(asked, half)
    seconds, statuses = sweep_s(asked, given.slots)
    after = bare_s(asked, half)
    bare = 2 * half / (before + after)
    rate = given.scenarios / seconds / given.slots
    print(f"bare loop  {bare:8.2f} scenarios/s")
    print(f"service    {rate:8.2f} scenarios/s and slot, {given.slots} slots: {rate / bare:.1%} of bare")
    print(f"outcomes   {statuses}")


if __name__ == "__main__":
    main()
