"""The page of the Python client runs as it stands, and prints what it says."""

import contextlib
import io
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import PATIENCE_S

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/python-client.md"
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    program = [
        sys.executable,
        "-c",
        "from api.cli import app; app()",
        "serve",
        "--port",
        address.split(":")[2],
    ]
    server = subprocess.Popen([*program, "--db", f"sqlite:///{tmp_path / 'page.db'}"], cwd=ROOT)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while True:
            try:
                urllib.request.urlopen(f"{address}/readyz", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                assert server.poll() is None
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_every_block_runs_and_prints_what_it_says(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) == 6
    names: dict[str, object] = {"__name__": "page"}
    for code, expected in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code.replace("Client()", f'Client("{address}")'), str(PAGE), "exec"), names)  # noqa: S102
        assert printed.getvalue() == expected, code
