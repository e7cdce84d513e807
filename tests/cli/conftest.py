"""Runs commands in this process, with a pipeline put together by hand where the solve is not the point."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import planner
from api.cli import app
from models.errors import NotBuilt
from models.plan import RankedPlans
from models.scenario import Scenario
from tests.api.sample_answer import EXAMPLE, infeasible, solved

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    runner = CliRunner()
    return lambda *arguments, **more: runner.invoke(app, [str(a) for a in arguments], **more)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Replaces the pipeline; the scenario's name says how it ends. Gives what it was called with."""
    calls: list[dict[str, Any]] = []

    def plan(scenario: Scenario, **more: Any) -> RankedPlans:
        calls.append({"scenario": scenario, **more})
        more["on_progress"]("solving", {"incumbent": 1.0, "bound": 2.0, "gap": 1.0})
        if scenario.name == "later":
            raise NotBuilt("later is not built yet", pointer="/name")
        from dataclasses import replace

        made = infeasible(scenario) if scenario.name == "infeasible" else solved(scenario)
        if scenario.name == "slow":
            return replace(made, status="time_limit", plans=(), gap=None)
        return made

    fake = ModuleType("planner.pipeline")
    fake.plan = plan  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "planner.pipeline", fake)
    monkeypatch.setattr(planner, "pipeline", fake, raising=False)
    return calls


@pytest.fixture
def scenario_file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes the example under a name; the file is named like the scenario."""

    def write(name: str) -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(EXAMPLE.read_text().replace("name: llama-70b-2x8-h100", f"name: {name}"))
        return path

    return write
