"""Takes down the operations of a step instead of adding up their times."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from models.cost.base import Array, CollectiveKind, Operation, Overheads, ServingLoop, Span
from models.cost.fitted import Fitted, KernelTimes
from models.cost.serving_fit import ServingFit
from models.hardware import Device
from planner.block_operations import BlockPricer
from planner.setting import Setting
from planner.step import StepModel
from planner.step_load import StepLoad

BARE = ServingFit(base={}, parameters={}, sources=())
"""Kernel curves alone: every factor is 1."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """A cost source that keeps the operations it was asked for; small kernels cost one second each."""

    taken: list[Operation] = field(default_factory=list)
    exchanged_s: list[Array] = field(default_factory=list)
    name: str = "recorder"
    kind: Literal["fitted"] = "fitted"
    sources: tuple[str, ...] = ()
    bare: Fitted = Fitted(fit=BARE)  # noqa: RUF009

    def serving(self, engine: str, version: str | None) -> "Recorder":
        """The same with the kernel timings of an engine."""
        return replace(self, bare=self.bare.serving(engine, version))

    def seconds(self, device: Device, operation: Operation) -> Array:
        """Bare time of the operation [s]."""
        self.taken.append(operation)
        return self.bare.seconds(device, operation)

    def collective_s(self, device: Device, kind: CollectiveKind, payload_bytes: Array, span: Span) -> Array:
        """Bare time of the collective [s]."""
        seconds = self.bare.collective_s(device, kind, payload_bytes, span)
        self.exchanged_s.append(np.where(payload_bytes > 0, seconds, 0.0))
        return seconds

    def overheads(self, device: Device) -> Overheads:
        """A small kernel counts one, so that their time is their number."""
        return Overheads(small_kernel_s=1.0)

    def loop(self) -> ServingLoop:
        """Not asked for by a step."""
        return ServingLoop()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedKernel:
    """One kernel of a layer: how often it runs in a step, and the pieces of its time.

    ``launches`` counts those that a step with a prompt makes from the host.
    """

    kind: str
    format: str
    count: int
    live: Array
    launches: float
    times: KernelTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedStep:
    """Everything a step is made of; arrays over candidates.

    Attributes
    ----------
    kernels : tuple of RecordedKernel
        Operations of all layers.
    parts_s : dict of str to Array
        Bare seconds of collectives, head and hops.
    small_kernels : Array
        Number of small kernels.
    sequences : Array
        Sequences in decode.
    """

    kernels: tuple[RecordedKernel, ...]
    parts_s: dict[str, Array]
    small_kernels: Array
    sequences: Array


def record(model: StepModel, load: StepLoad) -> RecordedStep:
    """Take down one step of a model whose cost source is a :class:`Recorder`."""
    kernels: list[RecordedKernel] = []
    shape = load.decode_sequences.shape
    parts = {"pipeline": np.broadcast_to(model.cost(load).parts_s["pipeline"], shape)}
    small = np.zeros(shape)
    ends, gathered_s = _ends(model, load)
    kernels.extend(_kernel(model.setting, operation, 1, shape, launches=0.0) for operation in ends)
    parts["head"] = np.broadcast_to(gathered_s, shape)
    for part, count, seconds, taken in _nodes(model.setting, model, load):
        if part == "small":
            small = small + count * seconds
        elif part:
            parts[part] = parts.get(part, 0.0) + count * seconds
        for operation in taken:
            kernels.append(_kernel(model.setting, operation, count, shape))
    return RecordedStep(
        kernels=tuple(kernels), parts_s=parts, small_kernels=small, sequences=load.decode_sequences
    )


def _ends(model: StepModel, load: StepLoad) -> tuple[tuple[Operation, ...], Array]:
    """Operations of embedding and head, and the gathering of the logits [s]."""
    recorder = model.setting.cost
    assert isinstance(recorder, Recorder)
    recorder.taken.clear()
    recorder.exchanged_s.clear()
    model.ends(BlockPricer(model.setting, model.layouts, load))
    return tuple(recorder.taken), recorder.exchanged_s[-1]


def _nodes(
    setting: Setting, model: StepModel, load: StepLoad
) -> Iterator[tuple[str, int, Array, tuple[Operation, ...]]]:
    """Nodes of all layers: part for collectives, "small", "" for kernels; layers; seconds; operations."""
    recorder = setting.cost
    assert isinstance(recorder, Recorder)
    pricer = BlockPricer(setting, model.layouts, load)
    for kind, count in zip(setting.spec.kinds, setting.spec.counts(), strict=True):
        mixer = () if kind.mixer is None else pricer.mixer(kind.mixer)
        ffn = () if kind.ffn is None else pricer.ffn(kind.ffn)
        for block in (mixer, ffn):
            recorder.taken.clear()
            for node, seconds in block:
                part = node.part if node.is_collective else "small" if node.name == "small_kernels" else ""
                yield part, count, seconds, tuple(recorder.taken)
                recorder.taken.clear()


def _kernel(
    setting: Setting,
    operation: Operation,
    count: int,
    shape: tuple[int, ...],
    *,
    launches: float | None = None,
) -> RecordedKernel:
    recorder = setting.cost
    assert isinstance(recorder, Recorder)
    return RecordedKernel(
        kind=operation.kind,
        format=operation.format,
        count=count,
        live=np.broadcast_to(operation.flop + operation.bytes > 0, shape),
        launches=operation.launches if launches is None else launches,
        times=recorder.bare.times(setting.site.device, operation),
    )
