"""Requirements for the terminal: fewest devices, closed forms, and the least of one figure at a time."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.render.answer import LABEL_WIDTH, STYLES, hanging
from api.render.plan_table import precision_words
from api.render.quantities import NOTHING, amount, count, dollars, duration, percent, scaled
from models.requirements import (
    DeploymentRequirements,
    FewestDevices,
    HardwareFloor,
    InterconnectFloor,
    LeastFigure,
    RequirementsAnswer,
    Shortfall,
)

HEADLINES = {
    "optimal": "every count is proven: no fewer devices serve this in the model",
    "feasible": "the time limit came before every count was found and proven",
    "infeasible": "none of these devices serves this at any number",
    "time_limit": "time limit: no count was found in time",
}
FIGURES = {
    "peak_flop_per_s": "compute",
    "memory_bytes": "memory",
    "memory_bytes_per_s": "memory bandwidth",
    "scale_up_bytes_per_s": "scale-up bandwidth",
    "scale_out_bytes_per_s": "scale-out bandwidth",
}
SHARES_SHOWN = (2, 4, 8)
INDENT = " " * LABEL_WIDTH


def print_requirements(answer: RequirementsAnswer, console: Console) -> None:
    """Print the answer from the exact counts to the bounds."""
    style = STYLES.get(answer.status, "bold red")
    name = escape(answer.scenario.name)
    console.print(f"[bold]{name}[/bold]  [{style}]{HEADLINES[answer.status]}[/{style}]")
    console.print()
    console.print("[bold]Fewest devices of one type[/bold], each deployment alone")
    console.print(_fewest_table(answer))
    console.print()
    console.print(f"[bold]Least of one figure[/bold], the rest unchanged: {_as_it_stands(answer)}")
    console.print(_least_table(answer))
    for deployment in answer.deployments:
        for floor in deployment.floors:
            console.print()
            console.print(f"[bold]No hardware gets below[/bold], {escape(_whose(deployment, floor))}")
            for line in _floor_lines(floor):
                console.print(escape(hanging(line, console.width)))
    for left in answer.not_computed:
        console.print(escape(hanging(f"Not in time: {left}", console.width)), style="dim")


def _fewest_table(answer: RequirementsAnswer) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("deployment")
    table.add_column("device", no_wrap=True)
    for title in ("devices", "nodes", "$/h", "W"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("replicas × parallelism, or why not")
    for deployment in answer.deployments:
        for i, row in enumerate(deployment.fewest):
            name = deployment.deployment if i == 0 else ""
            cells = (name, _device(row, deployment.fewest), *_fewest_cells(row))
            table.add_row(*map(escape, cells))
    return table


def _device(row: FewestDevices, rows: tuple[FewestDevices, ...]) -> str:
    """The device, with its pool where several pools have it."""
    alike = [other for other in rows if other.device == row.device]
    return f"{row.device} ({row.pool})" if len(alike) > 1 else row.device


def _fewest_cells(row: FewestDevices) -> tuple[str, ...]:
    if row.devices is None:
        why = "; ".join(map(shortfall_words, row.shortfalls)) or "no plan in time"
        return (NOTHING, NOTHING, NOTHING, NOTHING, why)
    proven = "" if row.status == "optimal" else f", at least {row.bound_devices or 1}"
    layout = ", ".join(f"{g.replicas} × {g.parallelism.short()} {g.role}" for g in row.groups)
    price = NOTHING if row.usd_per_hour is None else dollars(row.usd_per_hour)
    watt = count(row.watt) if row.watt is not None else NOTHING
    return (count(row.devices) + proven, count(row.nodes or 0), price, watt, layout)


def shortfall_words(found: Shortfall) -> str:
    """Why no number of a device is enough."""
    if found.cause == "rules":
        return "no layout obeys the rules of engine and model"
    if found.cause == "memory":
        missing = found.missing_bytes_per_device
        if not missing:
            return "memory: no room for the caches beside the weights"
        return f"memory: at least {scaled(missing, 'B')} short on every device"
    name = found.cause.upper()
    reached = (
        "no layout that meets the other limits"
        if found.nearest_s is None
        else f"{duration(found.nearest_s)} at best"
    )
    return f"{name}: {reached}, limit {duration(found.limit_s)}"


def _as_it_stands(answer: RequirementsAnswer) -> str:
    if answer.scenario_feasible is None:
        return "not known in time whether the cluster as it stands serves the traffic"
    if answer.scenario_feasible:
        return "the cluster as it stands serves the traffic; how far each figure may fall"
    return "the cluster as it stands does not serve the traffic; what each figure would have to be"


def _least_table(answer: RequirementsAnswer) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, header_style="bold", show_edge=False)
    for title in ("pool", "figure of the device"):
        table.add_column(title)
    for title in ("its own", "least", "factor"):
        table.add_column(title, justify="right", no_wrap=True)
    last = ""
    for row in answer.least:
        name = "" if row.pool == last else f"{row.pool} ({row.device})"
        table.add_row(escape(name), *_least_cells(row, answer.factors_tried))
        last = row.pool
    return table


def _least_cells(row: LeastFigure, tried: tuple[float, float]) -> tuple[str, str, str, str]:
    unit, _, fmt = row.unit.partition(" in ")
    name = FIGURES[row.figure] + (f" ({fmt})" if fmt else "")
    own = scaled(row.own, unit)
    if row.status == "found":
        return name, own, scaled(row.least, unit), amount(row.factor)
    if row.status == "bracketed":
        factors = f"{amount(row.failing_factor)} – {amount(row.factor)}"
        return name, own, f"at most {scaled(row.least, unit)}", factors
    words = {
        "not_needed": f"any will do, down to {percent(tried[0], 1)}",
        "not_enough_alone": "not enough alone",
        "not_computed": "not computed",
    }
    return name, own, words[row.status], NOTHING


def _whose(deployment: DeploymentRequirements, floor: HardwareFloor) -> str:
    rate = "" if floor.rate_per_s is None else f" at {amount(floor.rate_per_s)} request/s"
    return f"{deployment.deployment}{rate} in {precision_words(floor.precision)}"


def _floor_lines(floor: HardwareFloor) -> Iterator[str]:
    yield (
        f"Memory:   {scaled(floor.memory_bytes, 'B')} = weights {scaled(floor.weight_bytes, 'B')}"
        f" + longest sequence {scaled(floor.sequence_bytes, 'B')}"
    )
    if floor.slo_memory_bytes is not None and floor.concurrency is not None:
        yield (
            f"{INDENT}{scaled(floor.slo_memory_bytes, 'B')} with the {amount(floor.concurrency)} requests"
            " in flight that the SLO allows (faster hardware holds fewer)"
        )
    shares = [
        f"{s.devices}: {scaled(s.bytes_per_device, 'B')}"
        + ("" if s.slo_bytes_per_device is None else f" ({scaled(s.slo_bytes_per_device, 'B')})")
        for s in floor.memory_shares
        if s.devices in SHARES_SHOWN
    ]
    yield f"{INDENT}per device over {', '.join(shares)}"
    yield (
        f"Compute:  {scaled(floor.load_flop_per_s, 'FLOP/s')} for all prompts;"
        f" {scaled(floor.ttft_flop_per_s, 'FLOP/s')} in one replica for one prompt within the TTFT limit"
    )
    yield (
        f"HBM:      {scaled(floor.load_bytes_per_s, 'B/s')} for all decoding;"
        f" {scaled(floor.tpot_bytes_per_s, 'B/s')} in one replica for one sequence within the TPOT limit"
    )
    yield f"Links:    {'; '.join(map(_link_words, floor.interconnect))}"


def _link_words(found: InterconnectFloor) -> str:
    where = f"tp{found.degree} per device" if found.axis == "tp" else "pp per stage"
    figures = [v for v in (found.ttft_bytes_per_s, found.tpot_bytes_per_s) if v is not None]
    return f"{where} {scaled(max(figures, default=None), 'B/s')}"
