"""A GPU through PyTorch: the only file that imports it, and only when a device is asked for."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.process import BaseProcess
from tempfile import TemporaryDirectory
from typing import Any

from models.errors import InvalidInput, NotBuilt
from models.precision import WeightFormat
from planner.measurement import nvidia_smi
from planner.measurement.port import CannotTime, FoundDevice
from planner.measurement.shapes import Collective, LocalShape
from planner.measurement.timing import Limits, Timer, Timing
from planner.measurement.torch_calls import fp8_of, prepare
from planner.measurement.torch_collectives import Job, finished, take_part
from planner.measurement.torch_timers import timer_of

EXTRA = "shardwright[device]"
POLL_S = 0.2
TIME_UP = "the time was up"
LONGEST_REASON = 200


def open_device(index: int = 0) -> "TorchDevice":
    """The GPU of this index.

    Raises
    ------
    NotBuilt
        PyTorch is not installed, or sees no GPU.
    InvalidInput
        There is no GPU of this index.
    """
    torch = _torch()
    if not torch.cuda.is_available():
        raise NotBuilt(
            "no GPU was found: there is nothing to measure",
            hint=f"Maybe the driver is missing, or PyTorch was built without CUDA: reinstall {EXTRA}.",
        )
    count = torch.cuda.device_count()
    if not 0 <= index < count:
        raise InvalidInput(f"there is no GPU {index}", hint=f"Maybe one of 0 to {count - 1}.")
    torch.cuda.set_device(index)
    return TorchDevice(torch=torch, index=index)


@dataclass(frozen=True, slots=True)
class TorchDevice:
    """One GPU of this process, and its twins on the host for collectives."""

    torch: Any
    index: int

    def found(self) -> FoundDevice:
        """What driver and libraries say."""
        cuda = self.torch.cuda
        properties, version = cuda.get_device_properties(self.index), self.torch.version
        hip = getattr(version, "hip", None)
        library = f"ROCm {hip}" if hip else f"CUDA {version.cuda}"
        identity = getattr(properties, "uuid", None)
        facts = {} if hip else nvidia_smi.facts(f"GPU-{identity}" if identity else str(self.index))
        formats: tuple[WeightFormat, ...] = ("bf16",) if fp8_of(self.torch) is None else ("bf16", "fp8")
        told: dict[str, Any] = {
            "name": properties.name,
            "vendor": "amd" if hip else "nvidia",
            "index": self.index,
            "count": len(self._alike()),
            "memory_bytes": float(properties.total_memory),
            "cache_bytes": self._cache_bytes(),
            "multiprocessors": properties.multi_processor_count,
            "compute_capability": f"{properties.major}.{properties.minor}",
            "formats": formats,
            "libraries": f"torch {self.torch.__version__}, {library}",
        }
        return FoundDevice(**{**told, **facts})

    @contextmanager
    def prepared(self, shape: LocalShape) -> Iterator[Timer]:
        """Operands and timer of a shape; whatever torch refuses is a :class:`CannotTime`."""
        self.torch.cuda.empty_cache()  # of the shape before
        try:
            yield timer_of(self.torch, prepare(self.torch, shape, self.index, self._cache_bytes()))
        except (RuntimeError, ValueError) as error:
            raise CannotTime(_first_line(error)) from None

    def collectives(
        self, shapes: Sequence[Collective], limits: Limits, longest_s: float
    ) -> Iterator[tuple[Collective, Timing | CannotTime]]:
        """One group of processes per number of members, one process per GPU."""
        until = time.monotonic() + longest_s
        alike = self._alike()
        for members in dict.fromkeys(shape.members for shape in shapes):
            asked = tuple(shape for shape in shapes if shape.members == members)
            with TemporaryDirectory() as folder:
                job = Job(devices=tuple(alike[:members]), shapes=asked, limits=limits, folder=folder)
                problem = _run_group(job, until) if time.monotonic() < until else TIME_UP
                done = dict(finished(job))
            for shape in asked:
                yield shape, done.get(shape, CannotTime(problem))

    def _alike(self) -> list[int]:
        """Devices of the same name, this one first."""
        cuda = self.torch.cuda
        name = cuda.get_device_name(self.index)
        others = [
            i for i in range(cuda.device_count()) if i != self.index and cuda.get_device_name(i) == name
        ]
        return [self.index, *others]

    def _cache_bytes(self) -> float | None:
        size = getattr(self.torch.cuda.get_device_properties(self.index), "L2_cache_size", None)
        return float(size) if size else None


def _torch() -> Any:
    try:
        return import_module("torch")
    except ImportError as error:
        raise NotBuilt(
            f"PyTorch is not installed, and measuring needs it ({_first_line(error)})",
            hint=f"Maybe pip install '{EXTRA}'.",
        ) from None


def _member(rank: int, job: Job) -> None:
    """Entry of a spawned process; what went wrong is left for the parent to read."""
    try:
        take_part(_torch(), rank, job)
    except (RuntimeError, ValueError, NotBuilt) as error:
        job.problem.write_text(f"device {job.devices[rank]}: {_first_line(error)}", encoding="utf-8")
        raise SystemExit(1) from None


def _run_group(job: Job, until: float) -> str:
    """Run one process per device until all are done or time is up; says what went wrong."""
    context = multiprocessing.get_context("spawn")
    members: list[BaseProcess] = [
        context.Process(target=_member, args=(rank, job), daemon=True) for rank in range(len(job.devices))
    ]
    try:
        for member in members:
            member.start()
        while any(member.is_alive() for member in members):
            if any(member.exitcode not in (None, 0) for member in members):
                break  # the others would wait for it
            if time.monotonic() >= until:
                return TIME_UP
            time.sleep(POLL_S)
    finally:
        for member in members:
            if member.pid is not None:
                member.kill()
                member.join()
    return job.problem.read_text(encoding="utf-8") if job.problem.exists() else "a process of the group ended"


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:LONGEST_REASON]
