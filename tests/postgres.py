"""A PostgreSQL server of its own for some tests, from the machine's installed binaries."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 60.0


def binaries() -> Path | None:
    """Folder of initdb and postgres; None where there is no server."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "postgres").exists():
            return folder
    found = shutil.which("postgres")
    return None if found is None else Path(found).parent


@dataclass(slots=True)
class Server:
    """One cluster in a folder; may be killed and started again."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of its default database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        where = ["-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder)]
        tuned = ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_as_someone(), str(_folder() / "postgres"), *where, *tuned],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE_S
        ready = [str(_folder() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode:
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.1)

    def kill(self) -> None:
        """``kill -9`` of every process of the server."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def database(self, name: str) -> str:
        """URL of a new, empty database."""
        create = [
            str(_folder() / "createdb"),
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            "postgres",
            name,
        ]
        subprocess.run(create, check=True)
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A running server with its data in a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        made = Server(folder, free.getsockname()[1])
    folder.mkdir(parents=True, exist_ok=True)
    if _as_someone():
        for each in (folder, *folder.parents):
            if each.stat().st_uid == os.getuid() and len(each.parts) > 2:
                each.chmod(each.stat().st_mode | 0o011)
        shutil.chown(folder, "postgres")
    make = [str(_folder() / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust"]
    subprocess.run([*_as_someone(), *make, "--no-sync"], check=True, capture_output=True)
    made.start()
    try:
        yield made
    finally:
        made.kill()


def _folder() -> Path:
    found = binaries()
    assert found is not None
    return found


def _as_someone() -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
