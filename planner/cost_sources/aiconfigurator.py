"""Samples step grids from aiconfigurator-core, in a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.parallelism import Parallelism
from models.scenario import InlineModel
from planner.cost_sources import aiconfigurator_worker
from planner.cost_sources.aiconfigurator_grid import Asked, Sampled, StepFactors, grid_of
from planner.cost_sources.aiconfigurator_names import BACKENDS, SYSTEMS, formats_of, unpriceable
from planner.cost_sources.step_grid import GridAxes
from planner.layouts import Layouts
from planner.setting import Setting


def _doublings(first: int, last: int, parts: int = 2) -> tuple[float, ...]:
    """Powers of two, each interval between them in equal parts."""
    knots = (2.0**i * (1.0 + part / parts) for i in range(first, last) for part in range(parts))
    return (*knots, 2.0**last)


AXES = GridAxes(
    decode_sequences=(1.0, *_doublings(1, 10)),
    decode_context_tokens=(1.0, 64.0, *_doublings(8, 17, parts=4)),
    prompts=(1.0, 2.0, 4.0, 8.0, 16.0),
    prompt_tokens=(1.0, *_doublings(4, 15)),
    chunk_tokens=(1.0, 16.0, *_doublings(6, 15)),
    prior_tokens=(1.0, 256.0, *_doublings(10, 17)),
)
"""Up to what the package's tables were collected for. Kernels work in tiles: a step of 129 sequences may
take as long as one of 192, which knots a factor two apart would smooth away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to ask.

    Attributes
    ----------
    python : str
        Interpreter that has the package; it may live in an environment of its own. It is run, so it
        comes from whoever installed the program, never from a scenario.
    version : str or None
        Engine version of the tables; None = the package's current one.
    factors : StepFactors
        Corrections to multiply with; none unless asked for.
    axes : GridAxes
        Where to sample, in whole numbers.
    time_limit_s : float
        Wall time of the worker, opening the database included.
    """

    python: str = sys.executable
    version: str | None = None
    factors: StepFactors = StepFactors()
    axes: GridAxes = AXES
    time_limit_s: float = 300.0


def sample_grid(setting: Setting, layouts: Layouts, how: Sampling | None = None) -> Sampled:
    """Ask the package for the step times of every layout of a setting.

    Takes seconds and starts a process: for a job or a command, not for a request. Layouts that cannot be
    priced are listed in the grid with the reason; without package, device, format or tables there is no
    grid, and the reason says so.
    """
    how = how or Sampling()
    system, formats = SYSTEMS.get(setting.site.device.id), formats_of(setting)
    if system is None:
        return Sampled(grid=None, reason=f"no measured system for device {setting.site.device.id}")
    if isinstance(formats, str):
        return Sampled(grid=None, reason=formats)
    every = dict.fromkeys(layouts.parallelism(row) for row in range(len(layouts)))
    refused = {layout: why for layout in every if (why := unpriceable(layout, system))}
    asked = Asked(
        system=system,
        backend=BACKENDS[setting.engine.name],
        axes=_within_context(how.axes, setting.spec.max_context_tokens),
        factors=how.factors,
        layouts=tuple(layout for layout in every if layout not in refused),
        refused=refused,
    )
    if not asked.layouts:
        return Sampled(grid=None, reason=next(iter(refused.values()), "no layout was asked for"))
    answer = _ask(_request(setting, asked, how.version) | {"formats": formats}, how)
    if "refused" in answer:
        return Sampled(grid=None, reason=str(answer["refused"]))
    return grid_of(setting, asked, answer)


def _within_context(axes: GridAxes, longest: int) -> GridAxes:
    """Knots up to the first one that holds the model's longest context."""

    def cut(knots: tuple[float, ...]) -> tuple[float, ...]:
        kept = [k for k, before in zip(knots, (0.0, *knots), strict=False) if before < longest]
        return tuple(kept) if len(kept) > 1 else knots[:2]

    return replace(
        axes, decode_context_tokens=cut(axes.decode_context_tokens), prompt_tokens=cut(axes.prompt_tokens),
        chunk_tokens=cut(axes.chunk_tokens), prior_tokens=cut(axes.prior_tokens),
    )  # fmt: skip


def _request(setting: Setting, asked: Asked, version: str | None) -> dict[str, Any]:
    """What the worker reads, but for the formats."""
    model, spec = setting.deployment.model, setting.spec
    names = {"names": [spec.id, *spec.aliases]}
    return {
        "model": {"hf_config": model.hf_config} if isinstance(model, InlineModel) else names,
        "system": asked.system,
        "backend": asked.backend,
        "version": version,
        "axes": {name: [int(k) for k in knots] for name, knots in asked.axes.by_name().items()},
        "layouts": [_degrees(layout) for layout in asked.layouts],
    }


def _degrees(layout: Parallelism) -> dict[str, int]:
    return {"tp": layout.tp, "pp": layout.pp, "dp": layout.dp, "ep": layout.ep, "moe_tp": layout.moe_tp}


def _ask(request: dict[str, Any], how: Sampling) -> dict[str, Any]:
    """Run the worker once; a worker that dies or takes too long is a refusal like any other."""
    # -P: the folder of the script must not shadow packages of the worker's environment
    command = [how.python, "-P", str(Path(aiconfigurator_worker.__file__))]
    try:
        done = subprocess.run(
            command, input=json.dumps(request), capture_output=True, encoding="utf-8", errors="replace",
            timeout=how.time_limit_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"refused": f"the measured source did not answer within {how.time_limit_s:g} s"}
    except OSError as error:
        return {"refused": f"the measured source could not be started ({error.strerror})"}
    if done.returncode != 0:
        return {
            "refused": f"the measured source ended with code {done.returncode}: {_last_line(done.stderr)}"
        }
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        return {"refused": "the answer of the measured source is no JSON document"}
    return answer


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return aiconfigurator_worker.told(RuntimeError(lines[-1])) if lines else "no message"
