"""``make demo`` on this machine: the real service, the real solve, over REST."""

import subprocess
import sys

from tests.api.sample_answer import EXAMPLE


def test_the_demo_prints_ranked_plans_and_ends() -> None:
    demo = [sys.executable, str(EXAMPLE.parent / "demo.py")]
    done = subprocess.run(demo, capture_output=True, text=True, cwd=EXAMPLE.parents[1], timeout=240)
    assert done.returncode == 0, done.stderr
    for words in (
        "The service runs on http://127.0.0.1:",
        "Submitted",
        "solving",
        "optimal",
        "h100",
        "TTFT p95",
    ):
        assert words in done.stdout, words
    assert done.stderr == ""
