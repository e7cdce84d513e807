"""A service that breaks on purpose: a list of answers over a real socket, and what was asked."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Handler"], None]


@dataclass
class Flaky:
    """The service: ``plan`` holds what it does with each request, in order; the last one is repeated."""

    plan: list[Behaviour]
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    address: str = ""


class Handler(BaseHTTPRequestHandler):
    """One connection; ``flaky`` is set on a subclass of each service."""

    flaky: Flaky
    protocol_version = "HTTP/1.1"

    def act(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.flaky.asked.append((self.command, self.path, headers, body))
        plan = self.flaky.plan
        (plan.pop(0) if len(plan) > 1 else plan[0])(self)

    do_GET = do_POST = do_PUT = do_DELETE = act

    def log_message(self, *parts: Any) -> None:
        """Say nothing."""


def answer(status: int, body: bytes = b"{}", **headers: str) -> Behaviour:
    def behave(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def drop(handler: Handler) -> None:
    """Close the connection without a word."""
    handler.close_connection = True


def stream(*pieces: bytes, ends: bool) -> Behaviour:
    """A body in chunks; without an end the connection is cut in its midst."""

    def behave(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if ends:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.close_connection = True

    return behave


def silence(until: threading.Event) -> Behaviour:
    """Take the request and say nothing."""

    def behave(handler: Handler) -> None:
        until.wait(30)
        handler.close_connection = True

    return behave


def trickle(until: threading.Event, every_s: float) -> Behaviour:
    """Heartbeats without an end."""

    def behave(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        with suppress(ConnectionError):
            while not until.wait(every_s):
                handler.wfile.write(b": still working\n\n")

    return behave


@contextmanager
def flaky_service(*plan: Behaviour) -> Iterator[Flaky]:
    flaky = Flaky(list(plan))
    handler = type("OneHandler", (Handler,), {"flaky": flaky})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        flaky.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield flaky
        server.shutdown()
        thread.join()
