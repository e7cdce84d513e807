"""The program of a solve process: a scenario comes in, progress and one answer go out as JSON lines."""

import json
import os
import signal
import sys
import threading
import time
from typing import IO, Any

PR_SET_PDEATHSIG = 1
LOOK_EVERY_S = 1.0


def main(arguments: list[str]) -> int:
    """Solve what standard input asks."""
    die_with(int(arguments[0]))
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a solver prints must not mix with the messages
    say(channel, solve(json.loads(sys.stdin.buffer.read()), channel))
    return 0


def solve(plain: Any, channel: IO[str]) -> dict[str, Any]:
    """The last message: an answer, or what is wrong with the question."""
    from api.problems import problem_body
    from models import codec
    from models.errors import ShardwrightError
    from models.scenario import Scenario
    from planner import pipeline

    def on_progress(phase: str, figures: dict[str, float | None]) -> None:
        say(channel, {"kind": "progress", "phase": phase, "figures": figures})

    try:
        answer = pipeline.plan(codec.from_plain(Scenario, plain), on_progress=on_progress)
    except ShardwrightError as error:
        return {"kind": "error", "error": problem_body(error)}
    best = answer.plans[0].objective_value if answer.plans else None
    return {
        "kind": "answer",
        "incumbent": best,
        "bound": answer.bound,
        "gap": answer.gap,
        "text": codec.to_json(answer, indent=None),
    }


def say(channel: IO[str], message: dict[str, Any]) -> None:
    """One message, at once."""
    channel.write(json.dumps(message) + "\n")
    channel.flush()


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
