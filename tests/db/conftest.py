from collections.abc import Iterator
from pathlib import Path

import pytest

from db.database import Database
from db.upgrade import upgrade


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'test.db'}")
    upgrade(made)
    yield made
    made.close()
