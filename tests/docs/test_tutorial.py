"""The tutorial runs as it stands, and so does the README."""

import re
import shutil
import socket
from pathlib import Path

import pytest

from tests.docs.console import run, steps

ROOT = Path(__file__).parents[2]
PORT = "PORT=8000"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tutorial uses curl, which is not installed")
def test_the_tutorial_runs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    listed = steps((ROOT / "docs/tutorial.md").read_text())
    for step in listed:
        if step.command == PORT:
            step.command = f"PORT={free_port()}"
    run(listed, tmp_path)


def test_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    named = set(re.findall(r"^make ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= named <= targets
