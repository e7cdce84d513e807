"""One member of a group of processes, each on its own GPU, that time collectives together.

Every member sees the slowest member's time (one more reduction), so that all take the same number of calls:
a member that calls once more than the others waits for ever.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from planner.measurement.shapes import Collective
from planner.measurement.timing import Limits, Timing, timed
from planner.measurement.torch_calls import Call
from planner.measurement.torch_timers import timer_of

WAIT = timedelta(seconds=60)
ELEMENT_BYTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a group does: on which devices, which shapes, and the folder that it meets and reports in."""

    devices: tuple[int, ...]
    shapes: tuple[Collective, ...]
    limits: Limits
    folder: str

    @property
    def results(self) -> Path:
        """Lines of position and timing, written by the first member as it goes."""
        return Path(self.folder) / "results.jsonl"

    @property
    def problem(self) -> Path:
        """What stopped a member."""
        return Path(self.folder) / "problem.txt"


def take_part(torch: Any, rank: int, job: Job) -> None:
    """Join the group, time every shape, leave."""
    place = torch.device("cuda", job.devices[rank])
    torch.cuda.set_device(place)
    distributed = torch.distributed
    distributed.init_process_group(
        "nccl",
        init_method=(Path(job.folder) / "meeting").as_uri(),
        world_size=len(job.devices),
        rank=rank,
        timeout=WAIT,
        device_id=place,
    )
    try:
        for position, shape in enumerate(job.shapes):
            timing = _timed(torch, shape, place, job.limits)
            if rank == 0:
                with job.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"position": position, "timing": asdict(timing)}) + "\n")
    finally:
        distributed.destroy_process_group()


def finished(job: Job) -> Sequence[tuple[Collective, Timing]]:
    """What a group has timed so far; a line that is cut off is left out."""
    if not job.results.exists():
        return []
    lines = job.results.read_text(encoding="utf-8").split("\n")[:-1]
    rows = [json.loads(line) for line in lines]
    return [(job.shapes[row["position"]], Timing(**row["timing"])) for row in rows]


def _timed(torch: Any, shape: Collective, place: Any, limits: Limits) -> Timing:
    spent_s = 0.0

    def slowest(seconds: float) -> float:
        held = torch.tensor([seconds], dtype=torch.float64, device=place)
        torch.distributed.all_reduce(held, op=torch.distributed.ReduceOp.MAX)
        return float(held.item())

    run = timer_of(torch, Call(run=_collective(torch, shape, place), sets=1, in_graph=True), slowest)

    def counted(calls: int) -> float:
        nonlocal spent_s
        seconds = run(calls)
        spent_s += seconds * calls
        return seconds

    # a clock of agreed seconds: the members' own clocks would end their loops at different moments
    return timed(counted, limits, lambda: spent_s)


def _collective(torch: Any, shape: Collective, place: Any) -> Callable[[int], Any]:
    members, elements = shape.members, shape.payload_bytes // ELEMENT_BYTES
    distributed = torch.distributed

    def zeros(count: int) -> Any:
        return torch.zeros(count, dtype=torch.bfloat16, device=place)

    whole = zeros(elements)
    if shape.operation == "all_reduce":
        return lambda i: distributed.all_reduce(whole)  # zeros stay zeros however often they are summed
    if shape.operation == "all_gather":
        part = zeros(elements // members)
        return lambda i: distributed.all_gather_into_tensor(whole, part)
    received = zeros(elements)
    return lambda i: distributed.all_to_all_single(received, whole)
