"""Where the published cases lie: beside the reference data directory, or nowhere."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def case_file() -> Callable[[str], dict[str, Any]]:
    """Read a published case file by name; skip where the reference data is absent."""
    data = Path(os.environ.get("SHARDWRIGHT_DATA_DIR") or BESIDE_THE_CHECKOUT)
    cases = data.resolve().parent / "cases"

    def read(name: str) -> dict[str, Any]:
        path = cases / name
        if not path.is_file():
            pytest.skip(f"no case file {name}: set SHARDWRIGHT_DATA_DIR to the reference data directory")
        document: dict[str, Any] = json.loads(path.read_text())
        return document

    return read
