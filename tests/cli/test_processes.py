"""Real processes: what only shows outside this one."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.api.sample_answer import EXAMPLE

ROOT = EXAMPLE.parents[1]
SHARDWRIGHT = (sys.executable, "-c", "from api.cli import app; app(prog_name='shardwright')")


def shardwright(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SHARDWRIGHT, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=120)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom api.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'fastapi', 'ortools', 'networkx', 'numpy', 'sqlalchemy', 'pulp', 'yaml'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "plan" in done.stdout


def test_the_example_is_solved_and_the_answer_is_the_same_twice() -> None:
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: shardwright("plan", str(EXAMPLE), "--format", "json"), range(2))
    assert first.returncode == 0, first.stderr
    assert first.stderr == ""
    answers = [json.loads(run.stdout) for run in (first, second)]
    for answer in answers:
        del answer["search"]["wall_s"], answer["search"]["cpu_s"]
    assert answers[0] == answers[1]
    assert answers[0]["status"] == "optimal"
    assert answers[0]["gap"] <= 1e-4


@pytest.mark.parametrize("arguments", [["catalog", "models", "--format", "json"], ["plan", str(EXAMPLE)]])
def test_a_reader_that_goes_away_is_no_crash(arguments: list[str]) -> None:
    code = "import sys, os; r, w = os.pipe(); os.close(r); os.dup2(w, 1); " + SHARDWRIGHT[2]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=120
    )
    assert done.returncode == 2
    assert done.stderr == ""


def test_a_crash_of_ours_would_show(tmp_path: Path) -> None:
    """Exit code 1 is kept for defects: no expected failure uses it."""
    for arguments in (["plan"], ["plan", str(tmp_path / "none")], ["nonsense"], ["solve", "x", "y"]):
        assert shardwright(*arguments).returncode == 2


def test_nesting_without_end_is_refused_and_not_followed(tmp_path: Path) -> None:
    paths = [tmp_path / f"deep{i}.yaml" for i in range(4)]
    for path, start in zip(paths, ("{", "[", "- ", "? "), strict=True):
        path.write_text(start * 100_000)
    done = shardwright("plan", *map(str, paths))
    assert done.returncode == 2, done.stderr[-300:]
    for path in paths:
        assert f"error: {path}: " in done.stderr
