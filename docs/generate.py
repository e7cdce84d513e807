"""Rebuilds the generated parts of the documentation.

    python docs/generate.py

``docs/formulations.md`` is made of the module docstrings in ``solvers/``, the lists in
``docs/data-sources.md`` of ``models/data/``; the table in ``README.md`` is what the planner prints for the
example. Tests compare them with what stands in the repository.
"""

import ast
import io
import json
import re
from pathlib import Path
from typing import Any

from models.plan import RankedPlans

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
FORMULATIONS = ROOT / "docs/formulations.md"
EXAMPLE = ROOT / "examples/llama-70b-2x8-h100.yaml"
SOURCES = ROOT / "docs/data-sources.md"
DATA = ROOT / "models/data"
WIDTH = 126
FIRST = ("fleet",)
"""Modules that come before the others, which follow by name."""

HEAD = """# Formulations

Generated from the module docstrings of [`solvers/`](../solvers) by `make docs`: edit those, not this page.
Letters hold within one section. Every program is written from arrays in the order of its docstring
(`build`), and solved by one of the backends {backends}. Problems that can be solved on their own
with `shardwright solve PROBLEM INSTANCE.json`: {problems}.
"""


def docstring(module: Path) -> str:
    """Docstring of a module, without importing it."""
    return ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""


def ordered(modules: list[Path]) -> list[Path]:
    """The central program first."""
    return sorted(modules, key=lambda m: (m.stem not in FIRST, m.stem))


def section(module: Path) -> str:
    """One module: its first sentence as heading, the rest as it stands."""
    title, _, body = docstring(module).partition("\n")
    name = module.relative_to(ROOT)
    text = f"## {title.strip().rstrip('.:')}\n\n[`{name}`](../{name})\n"
    return text + (f"\n```text\n{body.strip(chr(10))}\n```\n" if body.strip() else "")


def formulations() -> str:
    """The whole page: programs, then what surrounds them, then the plumbing in a table."""
    from solvers.backends.registry import BACKENDS
    from solvers.problems import PROBLEMS

    modules = ordered(list((ROOT / "solvers").glob("*.py")))
    programs = [m for m in modules if "s.t." in docstring(m) or "Sets  " in docstring(m)]
    around = [m for m in modules if m not in programs and "\n" in docstring(m)]
    rest = [m for m in modules if m not in programs + around and m.stem != "__init__"]
    head = HEAD.format(
        backends=", ".join(f"`{name}`" for name in BACKENDS),
        problems=", ".join(f"`{name}`" for name in PROBLEMS),
    )
    rows = [f"| [`{m.stem}`](../{m.relative_to(ROOT)}) | {docstring(m).splitlines()[0]} |" for m in rest]
    return "\n".join(
        [head, *map(section, programs), "# Around the programs\n", *map(section, around)]
        + ["# The other modules\n", "| module | answers |", "|---|---|", *rows, ""]
    )


def example_answer() -> RankedPlans:
    """Ranked plans of the example."""
    from planner import pipeline, scenario_file

    return pipeline.plan(scenario_file.read(EXAMPLE.read_text(encoding="utf-8"), base=EXAMPLE.parent))


def plan_table(answer: RankedPlans) -> str:
    """What the command line prints, without the time it took."""
    from rich.console import Console

    from api.render.answer import print_answer

    console = Console(file=io.StringIO(), width=WIDTH, highlight=False, color_system=None)
    print_answer(answer, console)
    assert isinstance(console.file, io.StringIO)
    lines = [re.sub(r" · [\d.,]+ m?s$", "", line.rstrip()) for line in console.file.getvalue().splitlines()]
    return "\n".join(lines)


def table(file: str) -> Any:
    """Content of one file of the catalogue."""
    return json.loads((DATA / file).read_text(encoding="utf-8"))


def source_lists() -> str:
    """Every source the catalogue refers to, by file."""
    parts = []
    for file in ("devices.json", "engines.json"):
        rows = [
            f"| `{key}` | {ref['kind']} | {ref['source']} |" for key, ref in table(file)["references"].items()
        ]
        parts += [f"### {file}\n", "| key | kind | source |", "|---|---|---|", *rows, ""]
    kernels = table("kernel_efficiency.json")
    rows = [f"| `{key}` | {text} |" for key, text in kernels["references"].items()]
    parts += ["### kernel_efficiency.json\n", "| key | source |", "|---|---|", *rows, ""]
    shares = table("sm_share.json")
    rows = [
        f"| {key} | {row['kind']} | {row['source']} |"
        for part in ("bandwidth_saturation_frac", "vendors")
        for key, row in shares[part].items()
    ]
    parts += ["### sm_share.json\n", "| family or vendor | kind | source |", "|---|---|---|", *rows, ""]
    for book in table("prices.json")["books"]:
        rows = [f"| {d} | {p['kind']} | {p['source']} |" for d, p in book["rows"].items()]
        head = f"### prices.json: {book['name']}, {book['date']}\n"
        parts += [head, "| device | kind | source |", "|---|---|---|", *rows, ""]
    return "\n".join([*device_table(), *parts, "### models/\n", *model_sources()])


def device_table() -> list[str]:
    """Main figures of every device, and which of its fields are assumed."""
    from models import catalog
    from models.units import GB, GIB, TFLOP

    rows = [
        f"| `{d.id}` | {d.peak_flop_per_s['bf16'] / TFLOP:,.0f} | {d.memory_bytes / GIB:.1f} "
        f"| {d.memory_bytes_per_s / GB:,.0f} | {d.scale_up_bytes_per_s / GB:,.0f} "
        f"| {d.scale_out_bytes_per_s / GB:g} "
        f"| {', '.join(name for name, s in d.sources.items() if s.kind == 'assumed')} |"
        for d in catalog.devices()
    ]
    units = "bf16 [TFLOP/s] | memory [GiB] | memory [GB/s] | scale-up [GB/s] | scale-out [GB/s]"
    return ["### Devices\n", f"| device | {units} | assumed |", "|---|--:|--:|--:|--:|--:|---|", *rows, ""]


def model_sources() -> list[str]:
    """Where the architectures come from."""
    from models import catalog

    texts = {catalog.model(name).source.replace(name, "<id>") for name in catalog.model_ids()}
    named = ", ".join(f"`{name}`" for name in catalog.model_ids())
    return [*(f"* {text}" for text in sorted(texts)), f"\n{named}"]


def replaced(page: str, name: str, block: str) -> str:
    """The page with the block between the markers of that name."""
    start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda _: f"{start}\n{block}\n{end}", page)


def main() -> None:
    """Write what is generated into its pages."""
    FORMULATIONS.write_text(formulations(), encoding="utf-8")
    SOURCES.write_text(
        replaced(SOURCES.read_text(encoding="utf-8"), "sources", source_lists()), encoding="utf-8"
    )
    block = f"```text\n{plan_table(example_answer())}\n```"
    README.write_text(replaced(README.read_text(encoding="utf-8"), "plan table", block), encoding="utf-8")


if __name__ == "__main__":
    main()
