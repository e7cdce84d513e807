"""``shardwright plan SCENARIO...``: solve one scenario or many."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.commands.ending import EXPECTED, ends_cleanly, tell
from api.commands.reading import folder_of, read_calibration, read_text, stem_of
from api.commands.step_grids_option import StepGrids
from api.exit_codes import ExitCode, gravest, of_status
from models.errors import InvalidInput

if TYPE_CHECKING:
    from api.render.progress import Report
    from models.plan import RankedPlans
    from models.scenario import Scenario

    Changes = list[Callable[[Scenario], Scenario]]

Format = Literal["table", "json"]


@ends_cleanly
def command(  # noqa: PLR0913
    scenarios: Annotated[
        list[str], typer.Argument(help="Scenario files (YAML or JSON); - reads standard input.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder that gets <file stem>.plans.json of each scenario.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print the answer.")] = "table",
    top: Annotated[
        int | None, typer.Option(help="How many plans to rank, instead of options.top_k.", min=1, max=100)
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Also write the program and what proves its bound (one scenario).")
    ] = None,
    why: Annotated[
        bool, typer.Option("--why", help="Also solve again with one device and one node more of each pool.")
    ] = False,
    calibration: Annotated[
        str | None, typer.Option(metavar="FILE", help="Calibration to use instead of the scenario's own.")
    ] = None,
    write_lp: Annotated[
        Path | None,
        typer.Option(help="Also write the program as LP, or MPS by its name (one scenario)."),
    ] = None,
    step_grids: StepGrids = None,
    rate_factors: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Stated rate factors instead of options.rate_factors, by name."),
    ] = None,
) -> ExitCode:
    """Solve scenarios and print ranked plans; all are tried, the gravest outcome is the exit code."""
    from api.render.progress import progress_bar

    asked = {"certificate_path": certificate, "lp_path": write_lp}
    asked_paths = {name: path for name, path in asked.items() if path is not None}
    _check_names(scenarios, out, asked_paths)
    changes = _changes(top, calibration, rate_factors, why=why)
    extra = {**asked_paths, **_step_tables(step_grids)}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    codes = []
    with progress_bar(len(scenarios)) as start:
        for name in scenarios:
            try:
                answer = solve_file(name, changes, start(stem_of(name)), extra)
                codes.append(of_status(answer.status))
            except BrokenPipeError:
                raise
            except EXPECTED as error:
                codes.append(tell(error, name))
                continue
            _deliver(answer, name, out, form, several=len(scenarios) > 1)
    return gravest(codes)


def solve_file(name: str, changes: "Changes", report: "Report", extra: dict[str, Any]) -> "RankedPlans":
    """Read one scenario file, apply what the command line changes, and solve it."""
    from planner import pipeline, scenario_file

    scenario = scenario_file.read(read_text(name), base=folder_of(name))
    for change in changes:
        scenario = change(scenario)
    return pipeline.plan(scenario, on_progress=report, **extra)


def _step_tables(directory: Path | None) -> dict[str, Any]:
    """The measured step times of a directory, where one is given; every scenario of one call shares them."""
    if directory is None:
        return {}
    from planner.cost_sources.grid_store import GridStore

    return {"steps": GridStore(directory)}


def _changes(top: int | None, calibration: str | None, rate_factors: str | None, *, why: bool) -> "Changes":
    """What the options replace in every scenario; a calibration is read before anything is solved."""
    from dataclasses import replace

    from models.rate_factors import named_factors

    changes: Changes = []
    if top is not None:
        changes.append(lambda s: replace(s, options=replace(s.options, top_k=top)))
    if why:
        changes.append(lambda s: replace(s, options=replace(s.options, sensitivity=True)))
    if calibration is not None:
        read = read_calibration(calibration)
        changes.append(lambda s: replace(s, calibration=read))
    if rate_factors is not None:
        factors = named_factors(rate_factors)
        changes.append(lambda s: replace(s, options=replace(s.options, rate_factors=factors)))
    return changes


def _check_names(names: list[str], out: Path | None, extra: dict[str, Path]) -> None:
    if len(names) > 1 and extra:
        raise InvalidInput(
            "--certificate and --write-lp are for one scenario", hint="Maybe run them one at a time."
        )
    stems = [stem_of(name) for name in names]
    for i, stem in enumerate(stems if out is not None else []):
        if stem in stems[:i]:
            raise InvalidInput(
                f"{names[stems.index(stem)]} and {names[i]} would both write {stem}.plans.json",
                hint="Maybe rename one, or write them into two folders.",
            )


def _deliver(answer: "RankedPlans", name: str, out: Path | None, form: Format, *, several: bool) -> None:
    """Write to the folder where one is given; print in the format asked."""
    from api.render.answer import one_line, print_answer, terminal
    from models import codec

    if out is not None:
        (out / f"{stem_of(name)}.plans.json").write_text(codec.to_json(answer) + "\n", encoding="utf-8")
    if form == "json":
        sys.stdout.write(codec.to_json(answer, indent=None if several else 2) + "\n")
    elif several and out is not None:
        typer.echo(one_line(answer))
    else:
        print_answer(answer, terminal())
        if several:
            typer.echo("")
