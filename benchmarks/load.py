"""Load of the service against a bare Starlette hello, in one run: throughput and p99 as ratios.

Both run under uvicorn with one worker; this process is the client. Reading: a stored plan by its id.
Writing: jobs with distinct scenarios, which stay queued (the service runs no solves). ``--jobs N`` instead
counts memory while N jobs of a scripted child are accepted and run.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import yaml

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "llama-70b-2x8-h100.yaml"
BARE = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def hello(request):
    return JSONResponse({"hello": "world"})
app = Starlette(routes=[Route("/", hello, methods=["GET", "POST"])])
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
"""


class Connection(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it has been answered."""

    def __init__(self, make: Callable[[], bytes], seen: "Seen") -> None:
        self._make = make
        self._seen = seen
        self._buffer = b""
        self._asked_at = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) < length:
            return
        self._seen.add(int(head[9:12]), time.perf_counter() - self._asked_at)
        self._buffer = b""
        if time.perf_counter() < self._seen.until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self._seen.statuses["lost"] += 1
        if not self.ended.done():
            self.ended.set_result(None)

    def _ask(self) -> None:
        self._asked_at = time.perf_counter()
        self._transport.write(self._make())


class Seen:
    """What came back."""

    def __init__(self, seconds: float) -> None:
        self.began = time.perf_counter()
        self.until = self.began + seconds
        self.statuses: Counter[object] = Counter()
        self.times: list[float] = []

    def add(self, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        self.times.append(seconds)

    @property
    def per_s(self) -> float:
        return len(self.times) / (time.perf_counter() - self.began)

    @property
    def p99_ms(self) -> float:
        return sorted(self.times)[int(len(self.times) * 0.99)] * 1e3


def load(
    port: int, make: Callable[[], bytes], seconds: float, connections: int
) -> tuple[float, float, dict[object, int]]:
    """Requests per second, p99 [ms] and how often each status came."""

    async def run() -> tuple[float, float, dict[object, int]]:
        loop, seen = asyncio.get_running_loop(), Seen(seconds)
        made = [
            (await loop.create_connection(lambda: Connection(make, seen), "127.0.0.1", port))[1]
            for _ in range(connections)
        ]
        await asyncio.gather(*(each.ended for each in made))
        return seen.per_s, seen.p99_ms, dict(seen.statuses)

    return asyncio.run(run())


def get(path: str) -> Callable[[], bytes]:
    asked = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    return lambda: asked


def post(path: str, bodies: Iterator[bytes]) -> Callable[[], bytes]:
    def made() -> bytes:
        body = next(bodies)
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    return made


def questions() -> Iterator[bytes]:
    """Distinct scenarios: another name and another rate each."""
    scenario = yaml.safe_load(EXAMPLE.read_text())
    number = 0
    while True:
        number += 1
        scenario["name"] = f"load {number}"
        scenario["deployments"][0]["workload"]["arrival"]["rate_per_s"] = 8.0 + number / 1e4
        yield json.dumps({"scenario": scenario}).encode()


@contextmanager
def running(command: list[str], ready: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL, cwd=ROOT
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            urlopen(ready, timeout=1).read()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def service(folder: str, port: int) -> list[str]:
    url = f"sqlite:///{folder}/load.db"
    return [sys.executable, "-m", "api.cli", "serve", "--port", str(port), "--db", url]


def one_plan(folder: str) -> str:
    """Path of a stored plan: the example, solved by the service before it is measured."""
    port = free_port()
    with running(service(folder, port), f"http://127.0.0.1:{port}/readyz"):
        from urllib.request import Request

        body = next(questions())
        headers = {"Content-Type": "application/json"}
        made = json.load(urlopen(Request(f"http://127.0.0.1:{port}/v1/plan-jobs", body, headers)))
        while json.load(urlopen(f"http://127.0.0.1:{port}{made['links']['self']}"))["state"] != "succeeded":
            time.sleep(0.2)
        plans = json.load(urlopen(f"http://127.0.0.1:{port}/v1/plans"))
    return f"/v1/plans/{plans['items'][0]['id']}"


def compare(seconds: float, connections: int) -> None:
    bare_port, port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        path = one_plan(folder)
        idle = {"SHARDWRIGHT_WORKERS": "0", "SHARDWRIGHT_MAX_WAITING_JOBS": "1000000"}
        with (
            running([sys.executable, "-c", BARE, str(bare_port)], f"http://127.0.0.1:{bare_port}/"),
            running(service(folder, port), f"http://127.0.0.1:{port}/readyz", **idle),
        ):
            measured = {
                "bare GET": load(bare_port, get("/"), seconds, connections),
                "plan by id": load(port, get(path), seconds, connections),
                "bare POST": load(bare_port, post("/", questions()), seconds, connections),
                "new job": load(port, post("/v1/plan-jobs", questions()), seconds, connections),
            }
    print(f"{'':12}{'request/s':>12}{'of bare':>10}{'p99 ms':>10}{'of bare':>10}  statuses")
    for name, (per_s, p99_ms, statuses) in measured.items():
        bare = measured["bare GET"] if "bare" in name or "plan" in name else measured["bare POST"]
        shares = f"{per_s / bare[0]:>9.1%} {p99_ms:>9.1f}{p99_ms / bare[1]:>9.1f}x"
        print(f"{name:12}{per_s:>12,.0f} {shares}  {statuses}")


def memory(jobs: int) -> None:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        child = json.dumps([sys.executable, str(ROOT / "tests" / "api" / "fake_child.py")])
        limits = {"SHARDWRIGHT_SOLVE_COMMAND": child, "SHARDWRIGHT_MAX_WAITING_JOBS": "1000000"}
        bodies = questions()
        with running(
            service(folder, port), f"http://127.0.0.1:{port}/readyz", SHARDWRIGHT_WORKERS="8", **limits
        ) as server:
            print(f"{'jobs':>8}{'resident MB':>14}")
            for part in range(10):
                for _ in range(jobs // 10):
                    next_body = next(bodies)
                    _post_once(port, next_body)
                while _unfinished(port):
                    time.sleep(0.5)
                print(f"{(part + 1) * (jobs // 10):>8,}{_resident_mb(server.pid):>14.1f}", flush=True)


def _post_once(port: int, body: bytes) -> None:
    from urllib.request import Request

    headers = {"Content-Type": "application/json"}
    urlopen(Request(f"http://127.0.0.1:{port}/v1/plan-jobs", body, headers)).read()


def _unfinished(port: int) -> bool:
    lists = (f"http://127.0.0.1:{port}/v1/plan-jobs?limit=1&state={state}" for state in ("queued", "running"))
    return any(json.load(urlopen(each))["items"] for each in lists)


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of each of the four measurements")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--jobs", type=int, default=0, help="measure memory over so many jobs instead")
    asked = parser.parse_args()
    if asked.jobs:
        memory(asked.jobs)
    else:
        compare(asked.seconds, asked.connections)


if __name__ == "__main__":
    main()
