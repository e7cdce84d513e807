"""The worked example of calibrating runs as it stands."""

import shutil
from pathlib import Path

from tests.docs.console import run, steps

ROOT = Path(__file__).parents[2]


def test_the_worked_example_runs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    listed = steps((ROOT / "docs/calibrating.md").read_text())
    assert len(listed) == 10
    run(listed, tmp_path)
