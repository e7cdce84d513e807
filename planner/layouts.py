"""Layouts: every way to cut one replica over devices, as a struct of arrays, with the reasons for "no".

The grid is the product of all degrees; each rule of an engine or of the architecture is one mask over
it, applied in order, and what it removes is counted under the rule's name.
"""

from collections import Counter
from dataclasses import dataclass, fields
from functools import cached_property
from math import gcd
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.architecture import ModelSpec
from models.blocks.gqa import GroupedQueryAttention
from models.blocks.moe import MoeFfn
from models.cost.base import Span
from models.parallelism import Parallelism
from models.precision import BLOCK_OF
from planner.setting import Setting

Ints = NDArray[Any]
MAX_REPLICA_DEVICES = 320
"""Largest replica that is enumerated (the widest published expert-parallel unit holds 320 devices)."""
STAGES = (*range(1, 17), 20, 24, 32)
DEGREES = (1, 2, 4, 8, 16, 32)
RANKS = (1, 2, 3, 4, 6, 8, 12, 16, 18, 24, 32, 36, 48, 64, 72, 96, 128, 144, 192, 256, 320)


@dataclass(frozen=True, kw_only=True)
class Layouts:
    """Degrees of many replicas; arrays of one length, indexed by layout."""

    tp: Ints
    pp: Ints
    cp: Ints
    dcp: Ints
    dp: Ints
    ep: Ints
    sequence_parallel: NDArray[Any]

    def __len__(self) -> int:
        return len(self.tp)

    def __getstate__(self) -> dict[str, Any]:
        """The degrees; what was worked out from them stays behind."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @cached_property
    def stage_devices(self) -> Ints:
        """Devices of one pipeline stage."""
        return self.tp * self.cp * self.dp

    @cached_property
    def devices(self) -> Ints:
        """Devices of the replica."""
        return self.stage_devices * self.pp

    @cached_property
    def moe_tp(self) -> Ints:
        """Ranks that share one expert."""
        return self.stage_devices // self.ep

    @cached_property
    def _spans(self) -> dict[tuple[str, int], Span]:
        return {}

    def span(self, group: str, fabric: int) -> Span:
        """Members of a group of ranks, and how many share a fabric of ``fabric`` devices.

        Ranks are numbered tp first, then cp, dp, pp: neighbours of a group sit ``stride`` devices apart.
        """
        if (group, fabric) not in self._spans:
            groups: dict[str, tuple[Ints, Ints | int]] = {
                "tp": (self.tp, 1),
                "cp": (self.cp, self.tp),
                "dcp": (self.dcp, 1),
                "ep": (self.ep, 1),
                "spread": (self.dp * self.cp, self.tp),
            }
            members, stride = groups[group]
            inside = np.clip(fabric // np.maximum(stride, 1), 1, members)
            self._spans[group, fabric] = Span(members=members.astype(float), inside=inside.astype(float))
        return self._spans[group, fabric]

    def degrees(self) -> dict[str, Ints]:
        """Degrees by name, as the memory formulas take them."""
        return {
            "tp": self.tp,
            "cp": self.cp,
            "dcp": self.dcp,
            "dp": self.dp,
            "ep": self.ep,
            "moe_tp": self.moe_tp,
        }

    def take(self, rows: NDArray[Any] | Ints) -> Self:
        """The chosen rows."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def parallelism(self, row: int) -> Parallelism:
        """One row as the public type."""
        return Parallelism(
            tp=int(self.tp[row]), pp=int(self.pp[row]), cp=int(self.cp[row]), dcp=int(self.dcp[row]),
            dp=int(self.dp[row]), ep=int(self.ep[row]),
            sequence_parallel=bool(self.sequence_parallel[row]),
        )  # fmt: skip

    @classmethod
    def of(cls, *rows: Parallelism) -> "Layouts":
        """Layouts from public types."""
        columns = {
            name: np.array([getattr(p, name) for p in rows], dtype=np.int64)
            for name in ("tp", "pp", "cp", "dcp", "dp", "ep")
        }
        flags = np.array([p.sequence_parallel for p in rows], dtype=bool)
        return cls(**columns, sequence_parallel=flags)


def head_divisor(spec: ModelSpec) -> int:
    """Largest tp that divides the heads of every mixer."""
    heads = [k.mixer.core().heads for k in spec.kinds if k.mixer is not None]
    common = 0
    for h in heads:
        common = gcd(common, h)
    return common or spec.hidden_size


def moe_of(spec: ModelSpec) -> MoeFfn | None:
    """The expert block, if the model has one."""
    return next((k.ffn for k in spec.kinds if isinstance(k.ffn, MoeFfn)), None)


def grid(setting: Setting) -> Layouts:
    """All combinations of degrees that fit the pool by count, before any rule."""
    limit = min(setting.site.capacity or MAX_REPLICA_DEVICES, MAX_REPLICA_DEVICES)
    engine, moe = setting.engine, moe_of(setting.spec)
    common = head_divisor(setting.spec)
    tp = [d for d in range(1, min(common, limit) + 1) if common % d == 0]
    pp = [s for s in STAGES if s <= min(setting.spec.layers, limit)] if engine.can("pp") else [1]
    cp = [d for d in DEGREES[:4] if d <= limit] if engine.can("cp") else [1]
    dcp = [d for d in DEGREES[:5] if d <= limit] if engine.can("dcp") else [1]
    dp = [d for d in RANKS if d <= limit] if moe and engine.can("dp") else [1]
    # experts per rank group: -1 stands for "not spread", the others for the ranks that share an expert
    moe_tp = [-1, 1, 2, 4, 8] if moe and engine.can("ep") else [-1]
    if moe and engine.ep_rule == "implied":
        moe_tp = [-1, 1]
    axes = np.meshgrid(tp, pp, cp, dcp, dp, moe_tp, indexing="ij")
    t, p, c, x, d, m = (axis.ravel() for axis in axes)
    stage = t * c * d
    keep = (stage * p <= limit) & ((m == -1) | ((stage % np.maximum(m, 1) == 0) & (stage > np.maximum(m, 1))))
    t, p, c, x, d, m, stage = (a[keep] for a in (t, p, c, x, d, m, stage))
    ep = np.where(m == -1, 1, stage // np.maximum(m, 1))
    return Layouts(tp=t, pp=p, cp=c, dcp=x, dp=d, ep=ep, sequence_parallel=np.zeros(len(t), dtype=bool))


def rules(setting: Setting, layouts: Layouts) -> dict[str, NDArray[Any]]:
    """Validity rules by name: True where the layout obeys (sources: users-and-formats 3.9)."""
    spec, engine = setting.spec, setting.engine
    tp, cp, dcp, dp, ep = (layouts.tp, layouts.cp, layouts.dcp, layouts.dp, layouts.ep)
    checks = {
        "rule:heads": np.asarray(head_divisor(spec) % tp == 0),
        "rule:kv_heads": _kv_heads(spec, tp),
        "rule:decode_context": _decode_context(spec, layouts),
        "rule:stages": layouts.pp <= spec.layers,
        "rule:attention_dp": _attention_dp(setting, layouts),
        "rule:block_size": _blocks(setting, layouts),
    }
    moe = moe_of(spec)
    if moe is not None:
        slots = -(-moe.experts // ep)
        checks["rule:experts"] = (ep <= moe.experts + moe.experts // 8) & (slots * ep <= 1.25 * moe.experts)
        if engine.ep_rule == "implied":
            checks["rule:engine_ep"] = (ep == 1) | (ep == layouts.stage_devices)
    else:
        checks["rule:dense"] = (dp == 1) & (ep == 1)
    for feature, degree in (("pp", layouts.pp), ("cp", cp), ("dcp", dcp), ("dp", dp), ("ep", ep)):
        if not engine.can(feature):  # type: ignore[arg-type]
            checks[f"rule:engine_{feature}"] = np.asarray(degree == 1)
    return checks


def _kv_heads(spec: ModelSpec, tp: Ints) -> NDArray[Any]:
    """KV heads are split evenly, or copied evenly when there are more ranks than heads."""
    good = np.ones(tp.shape, dtype=bool)
    for kind in spec.kinds:
        if isinstance(kind.mixer, GroupedQueryAttention):
            kv = kind.mixer.kv_heads
            good &= (kv % tp == 0) | (tp % kv == 0)
    return good


def _decode_context(spec: ModelSpec, layouts: Layouts) -> NDArray[Any]:
    """Only copies of the cache can be split along the sequence: those of cp ranks and of surplus tp ranks."""
    tp, cp, dcp = layouts.tp, layouts.cp, layouts.dcp
    good: NDArray[Any] = (dcp == 1) | np.where(cp > 1, (dcp == cp) | (dcp == tp * cp), tp % dcp == 0)
    for kind in spec.kinds:
        core = kind.mixer.core() if kind.mixer is not None else None
        if core is None or not core.kv_elements_per_token:
            continue
        copies = cp * np.maximum(1, tp // core.kv_heads)
        good &= (dcp == 1) | (copies % dcp == 0)
    return good


def _attention_dp(setting: Setting, layouts: Layouts) -> NDArray[Any]:
    if setting.engine.dp_rule == "all":
        return np.asarray((layouts.dp == 1) | (layouts.tp == 1))
    return np.ones(len(layouts), dtype=bool)


def _blocks(setting: Setting, layouts: Layouts) -> NDArray[Any]:
    """Sharded widths of block-quantised matrices stay multiples of the block."""
    good = np.ones(len(layouts), dtype=bool)
    block = BLOCK_OF.get(setting.precision.weights, 1)
    expert_block = BLOCK_OF.get(setting.precision.experts, 1)
    for kind in setting.spec.kinds:
        if isinstance(kind.ffn, MoeFfn):
            inner = kind.ffn.expert_intermediate_size
            multiple = setting.engine.expert_width_multiple.get(setting.precision.experts, 1)
            inner = -(-inner // multiple) * multiple
            good &= (inner % layouts.moe_tp == 0) & (inner // layouts.moe_tp % expert_block == 0)
            shared = kind.ffn.shared_intermediate_size
            good &= (shared % layouts.tp == 0) & (shared // layouts.tp % block == 0)
        elif kind.ffn is not None:
            for matrix in kind.ffn.projections(setting.spec.hidden_size):
                if matrix.split == "row":
                    good &= (matrix.inputs % layouts.tp == 0) & (matrix.inputs // layouts.tp % block == 0)
    return good


def packing(setting: Setting, layouts: Layouts) -> NDArray[Any]:
    """A replica lies inside one scale-up domain, or takes whole nodes."""
    site = setting.site
    n, node = layouts.devices, site.pool.devices_per_node
    inside = (n <= node) | ((n <= site.domain) & (n % node == 0))
    return np.asarray(inside | ((n > site.domain) & (n % node == 0)))


def enumerate_layouts(setting: Setting) -> tuple[Layouts, int, Counter[str]]:
    """Valid layouts, how many were looked at, and how many each rule removed."""
    layouts = grid(setting)
    looked_at, dropped = len(layouts), Counter[str]()
    checks = {**rules(setting, layouts), "rule:whole_nodes": packing(setting, layouts)}
    good = np.ones(len(layouts), dtype=bool)
    for name, obeys in checks.items():
        lost = int(np.count_nonzero(good & ~obeys))
        if lost:
            dropped[name] += lost
        good &= obeys
    return layouts.take(good), looked_at, dropped


def layout_numbers(layouts: Layouts) -> tuple[Ints, Ints]:
    """A number for the layout of every row, equal for equal ones, and the first row of each number."""
    degrees = (layouts.tp, layouts.pp, layouts.cp, layouts.dcp, layouts.dp, layouts.ep)
    # all degrees are below 1024: six of them fit into one integer
    key = np.zeros(len(layouts), dtype=np.int64)
    for degree in degrees:
        key = key * 1024 + degree
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    return number.ravel(), first


def plainness(layouts: Layouts) -> NDArray[Any]:
    """Order among equals: few devices, then few replicas, then the layouts people expect.

    Whole numbers, with devices far above the rest: sizes that are no power of two, pipelines and context
    parallelism cost a little each, so that of two equally good plans the plainer one comes first.
    """
    n = np.maximum(layouts.devices.astype(np.int64), 1)
    unusual = 20 * ((n & (n - 1)) != 0)
    for degree in (layouts.pp, layouts.cp, layouts.dcp):
        unusual += 5 * (degree > 1)
    plain: NDArray[Any] = (1000 * n + 10 + unusual).astype(float)
    return plain
