"""A child that speaks the protocol of ``api.jobs.child`` and does what the scenario's name says."""

import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))


def say(**message: object) -> None:
    print(json.dumps(message), flush=True)


def progress(phase: str, **figures: float) -> None:
    say(kind="progress", phase=phase, figures=figures)


def main() -> None:
    from api.jobs.child import die_with

    die_with(int(sys.argv[-2]))
    for line in sys.stdin.buffer:
        respond(json.loads(line))


def respond(question: dict[str, object]) -> None:
    asked = question["scenario"]
    name = asked["name"].split()[0]
    if "point" in question:
        point(question, name)
        return
    progress("validating")
    if name == "crash":
        sys.exit("out of luck")
    if name == "hang":
        time.sleep(600)
    if name == "sleep":
        grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        progress("solving", incumbent=11.0, bound=12.5, gap=0.136)
        Path(asked["name"].split()[1]).write_text(f"{grandchild.pid}")
        time.sleep(600)
    if name == "pause":
        time.sleep(float(asked["name"].split()[1]))
    if name == "hog":
        bytearray(10**12)
    if name == "refuse":
        say(
            kind="error",
            error={
                "detail": "h100: no price",
                "errors": [{"pointer": "/x", "detail": "no price", "hint": ""}],
            },
        )
        return
    if name == "once":
        marker = Path(asked["name"].split()[1])
        if not marker.exists():
            marker.write_text("seen")
            time.sleep(600)
    answer(asked, name)


def point(question: dict[str, object], name: str) -> None:
    number = question["point"]
    if name == "crash" and number == 3:
        sys.exit("out of luck")
    if name == "pause":
        time.sleep(float(question["scenario"]["name"].split()[1]))
    body = {"number": number, "changes": {}, "status": "optimal", "reason": None, "outcome": None}
    say(kind="answer", status="optimal", text=json.dumps({**body, "predicted": None}))


def answer(asked: dict[str, object], name: str) -> None:
    from models import codec
    from models.scenario import Scenario
    from tests.api.sample_answer import infeasible, solved

    scenario = codec.from_plain(Scenario, asked)
    made = infeasible(scenario) if name == "infeasible" else solved(scenario)
    progress("solving", incumbent=12.31, bound=12.31, gap=0.0)
    say(kind="answer", incumbent=12.31, bound=made.bound, gap=made.gap, text=codec.to_json(made, indent=None))


if __name__ == "__main__":
    main()
