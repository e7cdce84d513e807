"""The console blocks of the documentation are run, and print what they say."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.api.sample_answer import EXAMPLE

ROOT = EXAMPLE.parents[1]
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
ELIDED = "..."


@dataclass
class Step:
    """One command, the exit code it should end with, and the lines it should print."""

    command: str
    code: int
    lines: list[str] = field(default_factory=list)


def steps(page: str) -> list[Step]:
    found: list[Step] = []
    for block in BLOCK.findall((ROOT / "docs" / page).read_text()):
        for line in block.splitlines():
            if line.startswith("$ "):
                command, _, code = line[2:].partition(" # exit ")
                found.append(Step(command, int(code or 0)))
            else:
                found[-1].lines.append(line)
    return found


def run(page: str, folder: Path, **variables: str) -> None:
    """All commands of a page in one shell, each with its output and exit code."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    (folder / "bin").mkdir()
    wrapper = folder / "bin" / "shardwright"
    wrapper.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'from api.cli import app; app()' \"$@\"\n")
    wrapper.chmod(0o755)
    python = folder / "bin" / "python3"
    # no link: a virtual environment is found beside the path its interpreter is started by
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    listed = steps(page)
    script = "set -o pipefail\n" + "".join(
        f"echo '@@begin {i}'; {variables.get(step.command, step.command)}\necho \"@@end $?\"\n"
        for i, step in enumerate(listed)
    )
    path = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    parts = re.findall(r"@@begin \d+\n(.*?)@@end (\d+)\n", done.stdout, re.DOTALL)
    assert len(parts) == len(listed)
    for step, (output, code) in zip(listed, parts, strict=True):
        assert int(code) == step.code, f"{step.command}\n{output}"
        agrees(step, output.splitlines())


def agrees(step: Step, printed: list[str]) -> None:
    """The lines of the page appear in order; between two of them only where the page says so."""
    at, elided = 0, False
    for line in step.lines:
        if line == ELIDED:
            elided = True
            continue
        rest = [text.strip() for text in printed[at:]]
        assert line.strip() in (rest if elided else rest[:1]), f"{step.command}: {line!r} not in {rest[:20]}"
        at, elided = at + rest.index(line.strip()) + 1, False
    assert elided or not "".join(printed[at:]).strip(), f"{step.command}: also prints {printed[at:]}"


def test_the_command_line_page(tmp_path: Path) -> None:
    run("cli.md", tmp_path)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = [sys.executable, "-c", "from api.cli import app; app()", "serve", "--port", str(port)]
    server = subprocess.Popen([*program, "--db", f"sqlite:///{tmp_path / 'docs.db'}"], cwd=ROOT)
    deadline = time.monotonic() + 60
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                assert server.poll() is None
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page uses curl, which is not installed")
def test_the_rest_page(tmp_path: Path, address: str) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    run("rest.md", folder, **{"BASE=http://127.0.0.1:8000": f"BASE={address}"})


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page uses curl, which is not installed")
def test_the_page_on_running_the_service(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run("operating.md", tmp_path, **{"PORT=8030": f"PORT={port}"})
