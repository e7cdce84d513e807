"""The catalogue as tables, one figure per column with its unit in the heading."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from api.catalogue import Kind
from api.render.quantities import NOTHING, count
from models import catalog
from models.units import GB, GIB, TFLOP

_BILLION = 1e9


def catalogue_table(kind: Kind) -> Table:
    """The table of one kind."""
    return {"models": _models, "devices": _devices, "engines": _engines}[kind]()


def _table(*headings: tuple[str, bool]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for heading, number in headings:
        table.add_column(heading, justify="right" if number else "left")
    return table


def _models() -> Table:
    table = _table(
        ("model", False),
        ("layers", True),
        ("parameters [1e9]", True),
        ("active [1e9]", True),
        ("KV bytes/token", True),
        ("attention", False),
        ("checkpoint", False),
    )
    for row in catalog.model_summaries():
        table.add_row(
            row.id,
            count(row.layers),
            f"{row.parameters / _BILLION:,.2f}",
            f"{row.active_parameters / _BILLION:,.2f}",
            count(row.kv_bytes_per_token),
            ", ".join(row.attention),
            row.precision,
        )
    return table


def _devices() -> Table:
    table = _table(
        ("device", False),
        ("name", False),
        ("memory [GiB]", True),
        ("memory [GB/s]", True),
        ("bf16 [TFLOP/s]", True),
        ("fp8 [TFLOP/s]", True),
        ("fabric [GB/s]", True),
        ("peak [W]", True),
        ("$/h", True),
    )
    for row in catalog.devices():
        price = row.price_usd_per_hour
        table.add_row(
            row.id,
            row.name,
            f"{row.memory_bytes / GIB:,.1f}",
            count(row.memory_bytes_per_s / GB),
            *(_peak(row.peak_flop_per_s.get(form)) for form in ("bf16", "fp8")),
            count(row.scale_up_bytes_per_s / GB),
            count(row.peak_watt),
            "no price" if price is None else f"{price:.2f}",
        )
    return table


def _peak(flop_per_s: float | None) -> str:
    return NOTHING if flop_per_s is None else count(flop_per_s / TFLOP)


def _engines() -> Table:
    table = _table(("engine", False), ("version", False), ("can cut", False), ("KV block [tokens]", True))
    for row in catalog.engines():
        table.add_row(row.name, row.version, ", ".join(row.supports), count(row.kv_block_tokens))
    return table
