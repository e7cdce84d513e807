r"""Fitted corrections of the kernel curves: what serving measurements moved, and by how much.

Every factor is :math:`e^{\sum \theta}` over the names of :mod:`models.cost.terms`; the values lie in
``models/data/serving_fit.json`` beside the rows they were fitted to, their residual and their prior width.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from math import exp
from typing import Any

from models.cost import terms
from models.cost.base import Overheads, ServingLoop
from models.hardware import Device

PARTS = ("all_reduce", "all_to_all", "context", "head", "pipeline")
LOOP = ("fixed", "own", "steps", "burst")


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelFactors:
    """Factors on compute, memory and launch time of a kernel, and on its half-speed rows."""

    compute: float
    memory: float
    launch: float
    half_rows: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServingFit:
    """Base constants and fitted parameters; factors that were asked for are kept."""

    base: Mapping[str, float]
    parameters: Mapping[str, float]
    sources: tuple[str, ...]
    _kernels: dict[tuple[str, ...], KernelFactors] = field(default_factory=dict, repr=False)
    _overheads: dict[tuple[str, ...], Overheads] = field(default_factory=dict, repr=False)

    def factor(self, names: Iterable[str]) -> float:
        """Product of the fitted factors of these names."""
        return exp(sum(self.parameters.get(name, 0.0) for name in names))

    def kernel(self, kind: str, number_format: str, family: str, engine: str, version: str) -> KernelFactors:
        """Factors on the curve of one kind of kernel."""
        key = (kind, number_format, family, engine, version)
        if key not in self._kernels:
            self._kernels[key] = KernelFactors(
                compute=self.factor(terms.rate("compute", kind, number_format, family, engine)),
                memory=self.factor(terms.rate("memory", kind, number_format, family, engine)),
                launch=self.factor(terms.launch(kind, engine, version)),
                half_rows=self.factor(terms.half_rows(kind)),
            )
        return self._kernels[key]

    def overheads(self, device: Device, engine: str, version: str) -> Overheads:
        """Launch, host and collective costs."""
        key = (device.family, engine, version)
        if key not in self._overheads:
            self._overheads[key] = self._sum_overheads(*key)
        return self._overheads[key]

    def _sum_overheads(self, family: str, engine: str, version: str) -> Overheads:
        base = self.base
        return Overheads(
            small_kernel_s=base["small_s"] * self.factor(terms.small_kernel(family, engine, version)),
            eager_kernel_s=base["eager_s"] * self.factor(terms.eager_kernel(engine)),
            host_step_s=base["host_step_s"] * self.factor(terms.host("step", engine)),
            host_sequence_s=base["host_sequence_s"] * self.factor(terms.host("sequence", engine)),
            step_frac=self.factor(terms.step(version)),
            part_frac={name: self.factor(terms.part(name, family, engine)) for name in PARTS},
        )

    def loop(self, engine: str, version: str) -> ServingLoop:
        """Constants of the serving loop; the burst is a share, so its logit is what adds up."""
        value = {q: self.base[q] * self.factor(terms.loop(q, engine, version)) for q in LOOP}
        return ServingLoop(
            fixed_s=value["fixed"],
            own_frac=value["own"],
            steps=value["steps"],
            burst_frac=value["burst"] / (1.0 + value["burst"]),
        )


def read(document: Mapping[str, Any]) -> ServingFit:
    """A fit from its document."""
    return ServingFit(
        base={name: float(row["value"]) for name, row in document["base"].items()},
        parameters={name: float(value) for name, value in document["parameters"].items()},
        sources=tuple(document["sources"]),
    )


@cache
def document() -> dict[str, Any]:
    """The fit as shipped, with its rows, residuals and error bands."""
    text = (files("models") / "data" / "serving_fit.json").read_text()
    content: dict[str, Any] = json.loads(text)
    return content


@cache
def shipped() -> ServingFit:
    """The fit in use by default."""
    return read(document())
