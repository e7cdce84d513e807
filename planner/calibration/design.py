"""Rows as arrays: every kernel of every step, and which parameters its factors add up from.

Rows of a step are padded to the same number of kernels; a slot that is not used has count 0. Parameters are
columns; column 0 is a parameter that stays zero, so that short lists of names can be padded with it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.cost import terms
from models.cost.base import Array
from models.cost.serving_fit import PARTS
from planner import predict
from planner.calibration.measured_rows import MeasuredRow
from planner.calibration.recorder import RecordedKernel, RecordedStep, Recorder, record
from planner.closed_loop import STEP_NAMES, loop_loads, memory_of
from planner.setting import Setting
from planner.step import StepModel

Index = NDArray[np.int64]
LIMITS = ("compute", "memory", "launch", "half_rows")
WIDTH = 4


@dataclass
class Columns:
    """Parameters in the order they were first named; column 0 is the constant zero."""

    names: list[str] = field(default_factory=lambda: [""])
    _of: dict[str, int] = field(default_factory=dict)

    def index(self, names: Iterable[str]) -> list[int]:
        """Columns of the names, padded with zeros."""
        found = []
        for name in names:
            if name not in self._of:
                self._of[name] = len(self.names)
                self.names.append(name)
            found.append(self._of[name])
        return found + [0] * (WIDTH - len(found))


@dataclass
class StepArrays:
    """One kind of step of all rows: ``[row, kernel]`` arrays, and totals ``[row]``, ``[row, part]``."""

    count: Array
    compute_s: Array
    thin_s: Array
    memory_s: Array
    floor_s: Array
    squared: NDArray[np.bool_]
    columns: dict[str, Index]
    parts_s: Array
    launches: Array
    small: Array
    sequences: Array


@dataclass
class Design:
    """Everything the fit needs of the rows; see :mod:`planner.calibration.evaluate`."""

    rows: tuple[MeasuredRow, ...]
    names: tuple[str, ...]
    steps: dict[str, StepArrays]
    scalars: dict[str, Index]
    parts: Index
    batch: Array
    offered: Array
    chunks: Array
    others: Array
    decode_tokens: Array
    ttft_s: Array
    tpot_s: Array


def build(rows: Sequence[MeasuredRow]) -> Design:
    """Arrays of the aggregated rows without pipeline stages; the others cannot be fitted this way."""
    chosen = tuple(r for r in rows if r.aggregated and r.row.groups[0].parallelism.pp == 1)
    groups: dict[object, list[int]] = defaultdict(list)
    for i, measured in enumerate(chosen):
        row = measured.row
        groups[(str(row.model), row.device, row.engine, row.precision)].append(i)
    columns = Columns()
    filling = _Filling(len(chosen), columns)
    for members in groups.values():
        _fill(filling, members, [chosen[i] for i in members])
    return filling.design(chosen)


def _fill(filling: "_Filling", members: list[int], measured: list[MeasuredRow]) -> None:
    rows = [m.row for m in measured]
    engine = rows[0].engine
    recorder = Recorder().serving(engine.name, engine.version)
    setting = replace(predict.setting_of(rows[0]), cost=recorder)
    model, loop = predict.step_model(setting, [r.groups[0] for r in rows]), None
    loop = predict.loop_of(setting, rows, [r.groups[0] for r in rows])
    loads = loop_loads(model, loop, memory_of(model, loop))
    filling.batch[members], filling.offered[members] = loads.batch, loads.offered
    filling.chunks[members], filling.others[members] = loads.chunks, loads.others
    filling.decode_tokens[members] = loop.decode_tokens
    version = terms.version_key(engine.name, engine.version)
    filling.name_scalars(members, setting, engine.name, version)
    for name in STEP_NAMES:
        filling.take(name, members, model, record(model, getattr(loads, name)), engine.name, version)


@dataclass(frozen=True, slots=True)
class _Slot:
    """One kernel of one row: count, four pieces of its time, whether it overlaps; its columns."""

    figures: tuple[float, ...]
    index: list[list[int]]


class _Filling:
    def __init__(self, rows: int, columns: Columns) -> None:
        self.rows, self.columns = rows, columns
        self.kernels: dict[str, list[list[_Slot]]] = {n: [[] for _ in range(rows)] for n in STEP_NAMES}
        self.parts_s = {n: np.zeros((rows, len(PARTS))) for n in STEP_NAMES}
        self.totals = {n: np.zeros((3, rows)) for n in STEP_NAMES}
        self.batch, self.offered, self.chunks, self.decode_tokens = (np.ones(rows) for _ in range(4))
        self.others = np.zeros(rows)
        self.scalars: dict[str, Index] = defaultdict(lambda: np.zeros((rows, WIDTH), dtype=np.int64))
        self.parts = np.zeros((rows, len(PARTS), WIDTH), dtype=np.int64)

    def name_scalars(self, members: list[int], setting: Setting, engine: str, version: str) -> None:
        """Columns of what is one number per row."""
        family = setting.site.device.family
        named = {
            "small": terms.small_kernel(family, engine, version),
            "eager": terms.eager_kernel(engine),
            "host_step": terms.host("step", engine),
            "host_sequence": terms.host("sequence", engine),
            "step": terms.step(version),
        } | {q: terms.loop(q, engine, version) for q in ("fixed", "own", "steps", "burst")}
        for name, parameters in named.items():
            index = self.columns.index(parameters)
            if len(index) > self.scalars[name].shape[1]:
                self.scalars[name] = np.zeros((self.rows, len(index)), dtype=np.int64)
            self.scalars[name][members, : len(index)] = index
        for p, part in enumerate(PARTS):
            self.parts[members, p] = self.columns.index(terms.part(part, family, engine))

    def take(
        self, name: str, members: list[int], model: StepModel, step: RecordedStep, engine: str, version: str
    ) -> None:  # noqa: PLR0913
        """Spread one recorded step of a group over its rows."""
        family = model.setting.site.device.family
        for kernel in step.kernels:
            index = [
                self.columns.index(terms.rate("compute", kernel.kind, kernel.format, family, engine)),
                self.columns.index(terms.rate("memory", kernel.kind, kernel.format, family, engine)),
                self.columns.index(terms.launch(kernel.kind, engine, version)),
                self.columns.index(terms.half_rows(kernel.kind)),
            ]
            self._spread(name, members, kernel, index)
        for p, part in enumerate(PARTS):
            self.parts_s[name][members, p] = step.parts_s.get(part, 0.0)
        self.totals[name][1, members] = step.small_kernels
        self.totals[name][2, members] = step.sequences

    def _spread(self, name: str, members: list[int], kernel: RecordedKernel, index: list[list[int]]) -> None:
        times = kernel.times
        columns = [
            np.broadcast_to(v, kernel.live.shape)
            for v in (times.compute_s, times.thin_s, times.memory_s, times.floor_s)
        ]
        for j, i in enumerate(members):
            if kernel.live[j]:
                figures = tuple(float(c[j]) for c in columns)
                self.kernels[name][i].append(
                    _Slot((float(kernel.count), *figures, float(times.overlap_power == 2.0)), index)
                )
                self.totals[name][0, i] += kernel.count * kernel.launches

    def design(self, rows: tuple[MeasuredRow, ...]) -> Design:
        """All rows together."""
        return Design(
            rows=rows,
            names=tuple(self.columns.names),
            steps={name: self._arrays(name) for name in STEP_NAMES},
            scalars=dict(self.scalars),
            parts=self.parts,
            batch=self.batch, offered=self.offered, chunks=self.chunks, others=self.others,
            decode_tokens=self.decode_tokens,
            ttft_s=np.array([r.ttft_s for r in rows]),
            tpot_s=np.array([r.tpot_s for r in rows]),
        )  # fmt: skip

    def _arrays(self, name: str) -> StepArrays:
        kernels = self.kernels[name]
        width = max((len(k) for k in kernels), default=1)
        figures = np.zeros((6, self.rows, width))
        index = np.zeros((len(LIMITS), self.rows, width, WIDTH), dtype=np.int64)
        for i, row in enumerate(kernels):
            for j, entry in enumerate(row):
                figures[:, i, j] = entry.figures
                index[:, i, j] = entry.index
        launches, small, sequences = self.totals[name]
        return StepArrays(
            count=figures[0], compute_s=figures[1], thin_s=figures[2], memory_s=figures[3],
            floor_s=figures[4], squared=figures[5] > 0,
            columns=dict(zip(LIMITS, index, strict=True)), parts_s=self.parts_s[name],
            launches=launches, small=small, sequences=sequences,
        )  # fmt: skip
