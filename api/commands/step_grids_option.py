"""``--step-grids DIR``: the option that ``plan`` and ``predict`` share."""

from pathlib import Path
from typing import Annotated

import typer

StepGrids = Annotated[
    Path | None,
    typer.Option(
        "--step-grids",
        metavar="DIR",
        help="Measured step times; missing ones are sampled where aiconfigurator-core is installed.",
    ),
]
