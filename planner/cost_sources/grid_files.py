"""Grids on disk: one JSON document each, named after what it was sampled from."""

import os
import re
from pathlib import Path

from models import codec
from models.errors import InvalidInput
from planner.cost_sources.step_grid import StepGrid
from planner.importers import document

SUFFIX = ".steps.json"


def load_grids(path: Path) -> tuple[StepGrid, ...]:
    """Every grid of a file, or of the ``*.steps.json`` files of a directory in the order of their names.

    Raises
    ------
    InvalidInput
        No such file, or a document that is no grid; the message names the file.
    """
    if path.is_dir():
        return tuple(_load(file) for file in sorted(path.glob(f"*{SUFFIX}")))
    return (_load(path),)


def save_grid(grid: StepGrid, directory: Path) -> Path:
    """Write a grid under its own name, in place of an older one of the same origin."""
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / grid_name(grid)
    # readers in other processes see the old document or the new one, never half of it
    draft = directory / f".{target.name}.{os.getpid()}"
    draft.write_text(codec.to_json(grid, indent=None) + "\n", encoding="utf-8")
    draft.replace(target)
    return target


def grid_name(grid: StepGrid) -> str:
    """File name made of all that tells two grids apart: what is served, and what the times come from."""
    precision, origin = grid.precision, grid.origin
    formats = "-".join(str(f) for f in (precision.weights, precision.moe_weights, precision.kv))
    factors = "-".join(f"{name}{value:g}" for name, value in sorted(origin.factors.items()) if value != 1.0)
    parts = (
        grid.model, str(grid.parameters), grid.device, grid.engine, formats, origin.package,
        origin.package_version, origin.system, origin.backend, origin.database_version, origin.mode, factors,
    )  # fmt: skip
    return "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", part) for part in parts if part) + SUFFIX


def _load(file: Path) -> StepGrid:
    try:
        text = file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{file}: cannot be read ({error.strerror})", hint="Maybe the path is misspelt."
        ) from None
    try:
        return codec.from_plain(StepGrid, document.read(text))
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error.message}", pointer=error.pointer, hint=error.hint) from None
