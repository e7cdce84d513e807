"""Starts the service, asks it the example question over REST, and prints the ranked plans.

Everything happens on this machine: a temporary SQLite file and a free port of 127.0.0.1.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from api.render.answer import print_answer, terminal
from api.render.progress import phase_words
from models import codec
from models.plan import RankedPlans
from planner.importers import document

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "llama-70b-2x8-h100.yaml"
START_S = 60.0
ANSWER_S = 180.0


def main() -> int:
    """Run the demo; 0 when ranked plans came back."""
    with tempfile.TemporaryDirectory() as folder, service(Path(folder)) as base:
        print(f"The service runs on {base}")
        job = call(f"{base}/v1/plan-jobs", {"scenario": document.read(EXAMPLE.read_text(encoding="utf-8"))})
        print(f"Submitted {EXAMPLE.name} as {job['id']}")
        end = follow(f"{base}{job['links']['events']}")
        if end["state"] != "succeeded":
            print(f"The job ended as {end['state']}: {end.get('error')}", file=sys.stderr)
            return 1
        answer = codec.from_plain(RankedPlans, call(f"{base}{job['links']['result']}"))
    print()
    print_answer(answer, terminal())
    return 0 if answer.plans else 1


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """The service as a process of its own, ended with the block; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    program = "from api.cli import app; app()"
    options = ["serve", "--port", str(port), "--db", f"sqlite:///{folder / 'demo.db'}"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([sys.executable, "-c", program, *options], cwd=ROOT, stderr=log)
        try:
            wait_until_ready(base, server, folder / "log")
            yield base
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_until_ready(base: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the service answers."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            call(f"{base}/readyz")
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the service did not start:\n{log.read_text()}")


def call(url: str, body: Any = None) -> Any:
    """One request, JSON in and out; a problem ends the demo with its text."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{url}: {error.read().decode()}") from None


def follow(url: str) -> dict[str, Any]:
    """Print the events of a job as they come; the data of the last one."""
    shown, data = "", {}
    with urllib.request.urlopen(url, timeout=ANSWER_S) as stream:
        for line in stream:
            if not line.startswith(b"data: "):
                continue
            data = json.loads(line.removeprefix(b"data: "))
            words = phase_words(data.get("phase") or data["state"], data)
            if words != shown:
                print(f"  {words}", flush=True)
            shown = words
    return data


if __name__ == "__main__":
    sys.exit(main())
