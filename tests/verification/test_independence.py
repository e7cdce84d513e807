"""The verification shares nothing with what it verifies: standard library only."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = "solvers.verification"
FOLDER = Path(__file__).parents[2] / "solvers" / "verification"


def imported(path: Path) -> set[str]:
    """Modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_only_the_standard_library_is_imported(path: Path) -> None:
    foreign = {
        name
        for name in imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names and not f"{name}.".startswith(f"{PACKAGE}.")
    }
    assert foreign == set()


def test_the_package_is_all_there() -> None:
    assert len(list(FOLDER.glob("*.py"))) > 10
