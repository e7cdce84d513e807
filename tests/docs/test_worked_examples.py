"""The worked examples run as they stand."""

import shutil
from pathlib import Path

from tests.docs.console import run, steps

ROOT = Path(__file__).parents[2]


def test_the_worked_examples_run(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    listed = steps((ROOT / "docs/worked-examples.md").read_text())
    assert len(listed) == 17
    run(listed, tmp_path)
