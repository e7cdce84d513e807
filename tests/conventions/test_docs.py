"""What can be added is documented, and what exists is named in the documentation."""

import re

import pytest

from models import catalog
from models.blocks.registry import FFNS, MIXERS
from models.cost.registry import COST_SOURCES
from models.units import GIB, HOUR_S
from solvers.backends.registry import BACKENDS
from solvers.problems import PROBLEMS
from tests.conventions.modules import ROOT

DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(not list(DOCS.glob("*.md")), reason="no documentation yet")
PAGES = {
    "adding-a-device.md": [],
    "adding-a-price.md": [],
    "adding-a-model-family.md": [*MIXERS, *FFNS],
    "adding-an-engine-version.md": [engine.name for engine in catalog.engines()],
    "adding-a-cost-source.md": list(COST_SOURCES),
    "adding-a-solver-backend.md": list(BACKENDS),
    "formulations.md": list(PROBLEMS),
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_tells_how_to_add_one_and_names_those_that_exist(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert [key for key in PAGES[page] if key not in text] == []


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_inside_the_documentation_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    targets = [t.split("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in t]
    assert [t for t in targets if t and not (DOCS / t).resolve().exists()] == []


def test_units_are_what_their_names_say() -> None:
    assert GIB == 2**30
    assert HOUR_S == 3600
