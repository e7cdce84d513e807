"""One process on a SQLite database: a lock on a file beside it, which the system frees however we end."""

import os
from pathlib import Path
from typing import IO

from models.errors import InvalidInput


def hold(database_file: str) -> IO[str]:
    """Lock a SQLite database for this process; the lock lasts as long as what is returned is open.

    Raises
    ------
    InvalidInput
        Another process holds it.
    """
    import fcntl

    path = Path(f"{database_file}.lock")
    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read(20).strip() or "unknown"
        lock.close()
        raise InvalidInput(
            f"{database_file} is in use by another service (process {holder})",
            hint="Maybe stop that one, or use postgresql:// for several processes.",
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
