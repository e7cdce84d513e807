"""Layers, and what may be imported when."""

import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import permutations
from pathlib import Path

import pytest

from tests.conventions.modules import ROOT, files, name_of

SOLVERS = ("ortools.math_opt.python.mathopt", "pulp", "highspy")
FOUND = tuple(name for name in SOLVERS if find_spec(name.split(".")[0]))
HEAVY = ("ortools", "networkx", "fastapi", "numpy", "pulp", "sqlalchemy", "uvicorn", "alembic", "jinja2")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-W", "error", "-c", code)


def test_layers_import_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed")
    found = run(str(linter), "--no-cache")
    assert found.returncode == 0, found.stdout
    assert "0 broken" in found.stdout


@pytest.mark.parametrize("order", list(permutations(FOUND)), ids=" then ".join)
def test_solver_libraries_share_a_process_in_any_order(order: tuple[str, ...]) -> None:
    """Two builds of HiGHS in one process have crashed before; so both are used, not only imported."""
    code = (
        "".join(f"import {name}\n" for name in order)
        + "import numpy as np\n"
        + "from solvers.backends.registry import BACKENDS\n"
        + "from solvers.builder import ProgramBuilder\n"
        + "from solvers.program import Sense\n"
        + "m = ProgramBuilder()\n"
        + "x = m.columns('x', np.zeros(2), np.full(2, 5.0), integer=True)\n"
        + "m.rows('cap', [(0, x, np.array([2.0, 3.0]))], -np.inf, 7.0)\n"
        + "program = m.finish(Sense.MAX, np.array([3.0, 4.0]), name='small')\n"
        + "found = {n: b.solve(program, time_limit_s=9.0, gap=1e-9).objective for n, b in BACKENDS.items()}\n"
        + "assert all(abs(v - 10.0) < 1e-6 for v in found.values()), found\n"
        + "print('ok')\n"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("ok")


def loaded_by(code: str) -> set[str]:
    """Top-level packages in memory after some code has run."""
    done = python(code + "\nimport sys\nprint('LOADED', *{name.split('.')[0] for name in sys.modules})")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        f"import sys\nsys.argv = ['shardwright', *{arguments!r}]\n"
        "from api.cli import app\ntry:\n    app()\nexcept SystemExit as end:\n    assert not end.code"
    )
    assert not loaded_by(code) & set(HEAVY)


def test_planning_is_imported_without_a_solver() -> None:
    loaded = loaded_by("import planner.pipeline")
    assert not loaded & {"ortools", "pulp", "highspy", "fastapi", "sqlalchemy"}


def test_the_domain_is_imported_without_pydantic() -> None:
    """Only the codec reads JSON with it."""
    names = [name_of(path) for path in files("models") if path.name not in ("codec.py", "__init__.py")]
    assert "pydantic" not in loaded_by("\n".join(f"import {name}" for name in names))


def test_every_module_imports_alone() -> None:
    """No module relies on another having been imported before it."""
    code = (
        "import importlib, sys\n"
        f"names = {[name_of(p) for p in files('models', 'solvers', 'planner')]!r}\n"
        "for name in names:\n"
        "    for old in [m for m in sys.modules if m.split('.')[0] in ('models', 'solvers', 'planner')]:\n"
        "        del sys.modules[old]\n"
        "    importlib.import_module(name)\n"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
