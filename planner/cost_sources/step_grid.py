"""A grid of whole-step times of one model on one device, sampled once and read from then on."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import MaxLen, MinLen

from models.errors import InvalidInput
from models.parallelism import Parallelism
from models.precision import Precision
from models.wire import WIRE
from planner.setting import Setting

Knots = Annotated[tuple[float, ...], MinLen(2), MaxLen(256)]
Seconds = tuple[tuple[float, ...], ...]
Text = Annotated[str, MinLen(1), MaxLen(300)]


@dataclass(frozen=True, slots=True, kw_only=True)
class GridOrigin:
    """What produced the times, exactly enough to produce them again.

    Attributes
    ----------
    package, package_version : str
        Library that was asked.
    system, backend : str
        Its names for the device and the engine.
    database_version : str
        Engine version its tables were collected with.
    mode : str
        How it answers: from measured tables only ("SILICON"), or also by estimates.
    formats : Mapping[str, str]
        Its names of the number formats, by what they are used for.
    factors : Mapping[str, float]
        Named corrections the times were multiplied with; 1 = as the library gave them.
    lowered_frac : float
        Largest share by which a time was lowered so that no larger step is faster than a smaller one.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    package: Text
    package_version: Text
    system: Text
    backend: Text
    database_version: Text
    mode: Text
    formats: Mapping[str, str]
    factors: Mapping[str, float]
    lowered_frac: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GridAxes:
    """Knots of the three tables of every layout.

    ``decode_sequences`` x ``decode_context_tokens``: sequences of one attention-dp rank and micro-batch,
    and the cached tokens of each. ``prompts`` x ``prompt_tokens``: whole prompts side by side.
    ``chunk_tokens`` x ``prior_tokens``: one chunk of a prompt that sees earlier tokens in the cache.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    decode_sequences: Knots
    decode_context_tokens: Knots
    prompts: Knots
    prompt_tokens: Knots
    chunk_tokens: Knots
    prior_tokens: Knots

    def __post_init__(self) -> None:
        for name, knots in self.by_name().items():
            if min(knots) < 1.0 or any(b <= a for a, b in zip(knots, knots[1:], strict=False)):
                raise InvalidInput(
                    f"{name} does not rise from 1 or more",
                    pointer=f"/{name}",
                    hint="Maybe sort the knots and drop duplicates.",
                )

    def by_name(self) -> dict[str, tuple[float, ...]]:
        """Every axis under its name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Shape of every table."""
        return {
            "decode_s": (len(self.decode_sequences), len(self.decode_context_tokens)),
            "prefill_s": (len(self.prompts), len(self.prompt_tokens)),
            "chunk_s": (len(self.chunk_tokens), len(self.prior_tokens)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutSteps:
    """Times of one layout [s]: a micro-batch through all pipeline stages, one row per first axis."""

    __pydantic_config__: ClassVar[Any] = WIRE

    parallelism: Parallelism
    decode_s: Seconds
    prefill_s: Seconds
    chunk_s: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingLayout:
    """A layout that was asked for and has no times, and why."""

    __pydantic_config__: ClassVar[Any] = WIRE

    parallelism: Parallelism
    reason: Annotated[str, MinLen(1), MaxLen(1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepGrid:
    """Step times of one model, device, engine and precision over many layouts.

    Reading one checks it: axes rise, tables have their shapes, times are positive, no layout twice.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    schema: Literal["shardwright.step-grid/1"]
    source: Text
    kind: Literal["measured"]
    model: Text
    parameters: int
    device: Text
    engine: Literal["vllm", "sglang", "trtllm"]
    precision: Precision
    origin: GridOrigin
    axes: GridAxes
    layouts: tuple[LayoutSteps, ...]
    missing: tuple[MissingLayout, ...] = ()

    def __post_init__(self) -> None:
        seen: set[Parallelism] = set()
        for i, steps in enumerate(self.layouts):
            if steps.parallelism in seen:
                raise InvalidInput(
                    f"layout {steps.parallelism.short()} is given twice",
                    pointer=f"/layouts/{i}/parallelism",
                    hint="Maybe two grids were joined: keep them in two files.",
                )
            seen.add(steps.parallelism)
            for name, shape in self.axes.shapes().items():
                _check_table(getattr(steps, name), shape, f"/layouts/{i}/{name}")

    def __hash__(self) -> int:
        return hash((self.model, self.device, self.engine, self.precision, self.origin.database_version))

    @property
    def known(self) -> tuple[Parallelism, ...]:
        """Layouts that were asked for, with times or without."""
        timed = tuple(steps.parallelism for steps in self.layouts)
        return timed + tuple(missing.parallelism for missing in self.missing)

    @property
    def plain(self) -> bool:
        """Whether the times are as the source gave them, without factors."""
        return all(factor == 1.0 for factor in self.origin.factors.values())

    def covers(self, setting: Setting) -> bool:
        """Whether the grid is about this model, device, engine and precision.

        The number of parameters is compared beside the name: inline models may share a name.
        """
        return (
            self.model == setting.spec.id
            and self.parameters == setting.spec.parameters()
            and self.device == setting.site.device.id
            and self.engine == setting.engine.name
            and self.precision == resolved(setting.precision)
            and not altered(setting)
        )


def altered(setting: Setting) -> bool:
    """Whether the pool's devices differ from the catalogue's: run at a power level, or imagined."""
    return setting.site.power_level is not None or setting.site.pool.device_factors is not None


def resolved(precision: Precision) -> Precision:
    """The same formats with every default spelt out, so that equal choices compare equal."""
    cache: Any = precision.cache
    return Precision(weights=precision.weights, moe_weights=precision.experts, kv=cache)


def _check_table(rows: Seconds, shape: tuple[int, int], pointer: str) -> None:
    sizes = {len(row) for row in rows}
    if len(rows) != shape[0] or sizes != {shape[1]}:
        raise InvalidInput(
            f"{len(rows)} rows of {sorted(sizes)} times, but the axes have {shape[0]} and {shape[1]} knots",
            pointer=pointer,
            hint="Maybe rows and columns are swapped: the first axis counts rows.",
        )
    values = np.array(rows)
    if not (np.isfinite(values).all() and (values > 0.0).all()):
        raise InvalidInput(
            "a step time is not a positive number",
            pointer=pointer,
            hint="Maybe the layout could not be priced: list it under missing instead.",
        )
