"""Pages say what the code says: links resolve, keys and words are named, generated parts are current."""

import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from api.commands.not_built import COMMANDS
from models import catalog
from models.blocks.registry import FFNS, MIXERS
from models.cost.registry import COST_SOURCES
from models.engine import Feature
from models.objective import OBJECTIVES, ObjectiveName
from models.precision import WEIGHT_BYTES
from models.scenario import Role
from solvers.backends.registry import BACKENDS
from solvers.problems import PROBLEMS

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)

WORDS = {
    "architecture": ["ModelSpec", "MLA", "sliding window", "linear attention"],
    "cluster": ["Device", "Link", "Pool", "Cluster"],
    "traffic": ["Workload", "SLO", "TTFT", "TPOT", "E2E", "ITL", "concurrency", "prefix reuse", "trace"],
    "parallelism": ["Parallelism", "tp", "pp", "cp", "dcp", "dp", "ep", "moe_tp", "sequence_parallel"],
    "precision": ["Precision", "weights", "moe_weights", "kv", *WEIGHT_BYTES],
    "roles": ["Role", *get_args(Role)],
    "pricing": ["Candidate", "CandidateTable", "CostSource", "CostGraph"],
    "answer": ["Program", "Result", "Plan", "RankedPlans"],
}
"""The words that the design fixes."""


def names_in_catalogue() -> Iterable[str]:
    yield from (device.id for device in catalog.devices())
    yield from catalog.model_ids()
    yield from (engine.name for engine in catalog.engines())
    yield from (book.name for book in catalog.price_books())


REGISTRIES: dict[str, Iterable[str]] = {
    "catalogue": names_in_catalogue(),
    "token mixers": MIXERS,
    "feed-forward blocks": FFNS,
    "cost sources": COST_SOURCES,
    "solver backends": BACKENDS,
    "problems": PROBLEMS,
    "objectives": OBJECTIVES,
    "formats": WEIGHT_BYTES,
    "commands": COMMANDS,
}


def text(pages: Iterable[Path] = PAGES) -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def anchors(page: Path) -> set[str]:
    """Names that headings get: lower case, blanks to hyphens, other signs dropped."""
    heads = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def broken_links(page: Path) -> list[str]:
    broken = []
    for link in LINK.findall(re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """The script that writes the generated parts."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_resolves(page: Path) -> None:
    assert broken_links(page) == []


def test_a_broken_link_and_a_broken_anchor_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A head\n[a](nowhere.md) [b](#a-head) [c](#no-head) [d](https://example.org)")
    assert broken_links(page) == ["nowhere.md", "#no-head"]


@pytest.mark.parametrize("registry", REGISTRIES)
def test_every_key_of_a_registry_is_named(registry: str) -> None:
    written = text()
    unnamed = [key for key in REGISTRIES[registry] if not re.search(rf"\b{re.escape(key)}(?![\w-])", written)]
    assert unnamed == []


@pytest.mark.parametrize("field", WORDS)
def test_the_glossary_explains_the_words_of_the_design(field: str) -> None:
    page = text([ROOT / "docs/glossary.md"])
    explained = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    missing = [
        word for word in WORDS[field] if not any(re.search(rf"(?<!\w){word}(?!\w)", row) for row in explained)
    ]
    assert missing == []


def test_the_readme_lists_the_objectives_a_scenario_may_name() -> None:
    readme = text([ROOT / "README.md"])
    assert set(get_args(ObjectiveName)) == set(OBJECTIVES)
    assert all(f"`{name}`" in readme for name in OBJECTIVES)


def test_features_of_engines_are_explained() -> None:
    pages = text([ROOT / "docs/glossary.md", ROOT / "docs/concepts.md"]).lower()
    words = {"uneven_pp": "uneven", "disaggregation": "disaggregation"}
    assert all(words.get(feature, f"`{feature}`") in pages for feature in get_args(Feature))


def test_formulations_are_those_of_the_docstrings(generate: ModuleType) -> None:
    assert generate.FORMULATIONS.read_text(encoding="utf-8") == generate.formulations(), "run make docs"


def test_sources_are_those_of_the_catalogue(generate: ModuleType) -> None:
    page = generate.SOURCES.read_text(encoding="utf-8")
    assert page == generate.replaced(page, "sources", generate.source_lists()), "run make docs"


def test_the_table_of_the_readme_is_what_the_planner_answers(generate: ModuleType) -> None:
    """Values per rank: which of several equal plans comes first may differ between machines."""
    row = re.compile(r"^(\d) +([\d.]+) ", re.MULTILINE)
    printed = row.findall(generate.plan_table(generate.example_answer()))
    assert len(printed) == 5
    assert row.findall(text([ROOT / "README.md"])) == printed, "run make docs"
