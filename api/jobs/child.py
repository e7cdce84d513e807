"""The program of a solve process: questions come in, progress and answers go out, as JSON lines."""

import contextlib
import json
import os
import resource
import signal
import sys
import threading
import time
from typing import IO, Any

PR_SET_PDEATHSIG = 1
LOOK_EVERY_S = 1.0


def main(arguments: list[str]) -> int:
    """Solve what standard input asks, question by question, until it ends."""
    parent, memory_bytes = int(arguments[0]), int(arguments[1])
    die_with(parent)
    limit_memory(memory_bytes)
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a solver prints must not mix with the messages
    warm_up()
    for line in sys.stdin.buffer:
        say(channel, outcome(json.loads(line), channel, memory_bytes))
    return 0


def outcome(question: Any, channel: IO[str], memory_bytes: int) -> dict[str, Any]:
    """The last message on one question: an answer, or what is wrong with it."""
    from api.problems import problem_body
    from models.errors import ShardwrightError

    def on_progress(phase: str, figures: dict[str, float | None]) -> None:
        say(channel, {"kind": "progress", "phase": phase, "figures": figures})

    try:
        return solve(question, on_progress)
    except ShardwrightError as error:
        return {"kind": "error", "error": problem_body(error)}
    except MemoryError:
        detail = f"the solve needs more than the {memory_bytes / 1e9:.1f} GB of memory one may have"
        return {"kind": "error", "error": {"detail": detail, "errors": []}}


def solve(question: Any, on_progress: Any) -> dict[str, Any]:
    """Answer of a scenario; with ``axes`` and ``point``, the outcome of one combination of a sweep."""
    from models import codec
    from models.scenario import Scenario
    from planner import pipeline

    scenario = codec.from_plain(Scenario, question["scenario"])
    if "point" in question:
        return point(scenario, question)
    answer = pipeline.plan(scenario, on_progress=on_progress)
    best = answer.plans[0].objective_value if answer.plans else None
    return {
        "kind": "answer",
        "incumbent": best,
        "bound": answer.bound,
        "gap": answer.gap,
        "text": codec.to_json(answer, indent=None),
    }


def point(scenario: Any, question: Any) -> dict[str, Any]:
    """Outcome of one combination of a sweep."""
    from models import codec
    from models.sweep import Axes
    from planner.sweep import solve_point

    axes = codec.from_plain(Axes, {"axes": question["axes"]}).axes
    made = solve_point(scenario, axes, question["point"])
    return {"kind": "answer", "status": made.status, "text": codec.to_json(made, indent=None)}


def warm_up() -> None:
    """Import what every solve needs before the first question comes."""
    from ortools.math_opt.python import mathopt  # noqa: F401

    from planner import pipeline  # noqa: F401


def say(channel: IO[str], message: dict[str, Any]) -> None:
    """One message, at once."""
    channel.write(json.dumps(message) + "\n")
    channel.flush()


def limit_memory(memory_bytes: int) -> None:
    """Refuse this process more address space than that, on top of what the libraries map; 0 = no limit."""
    if memory_bytes:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def die_with(parent: int) -> None:
    """End this process when the parent does, however the parent ends."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
