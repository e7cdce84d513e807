"""What the tests of the measured cost source share."""

import json
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from planner.cost_sources.aiconfigurator_worker import PACKAGES
from planner.cost_sources.grid_load import GridTables, tables_of
from planner.cost_sources.step_grid import StepGrid
from planner.setting import Setting
from tests.measured.formulas import grid_of_formulas
from tests.measured.stand_in import write_package
from tests.planner.scenes import LLAMA_8B, setting_of


def pytest_configure(config: pytest.Config) -> None:
    """The marker belongs to this folder."""
    config.addinivalue_line(
        "markers", "measured: samples an installed aiconfigurator-core; skipped where there is none"
    )


@pytest.fixture(scope="session")
def setting() -> Setting:
    """Llama-3.1-8B on H100, served by TensorRT-LLM."""
    return setting_of(LLAMA_8B, engine="trtllm")


@pytest.fixture(scope="session")
def grid(setting: Setting) -> StepGrid:
    """A grid made of formulas."""
    return grid_of_formulas(setting)


@pytest.fixture(scope="session")
def tables(grid: StepGrid) -> GridTables:
    """The same as arrays."""
    return tables_of(grid)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a stand-in of the package where the worker process finds it first."""

    def install(**traits: str) -> None:
        write_package(tmp_path / "site", **traits)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))

    return install


@pytest.fixture
def case_file() -> Callable[[str], Any]:
    """Read a published case file by name; skip where the reference data is absent."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    data = Path(os.environ.get("SHARDWRIGHT_DATA_DIR") or beside)

    def read(name: str) -> Any:
        path = data.resolve().parent / "cases" / name
        if not path.is_file():
            pytest.skip(f"no case file {name}: set SHARDWRIGHT_DATA_DIR to the reference data directory")
        return json.loads(path.read_text())

    return read


@pytest.fixture(scope="session")
def real_python() -> str:
    """Interpreter that has the real package: this one, or the one the environment names."""
    named = os.environ.get("SHARDWRIGHT_MEASURED_PYTHON")
    if named:
        return named
    if not any(find_spec(name) for name in PACKAGES):
        pytest.skip("aiconfigurator-core is not installed (SHARDWRIGHT_MEASURED_PYTHON names another python)")
    return sys.executable
