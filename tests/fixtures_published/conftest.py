import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Reference data outside the repository; tests that read it are skipped where it is absent."""
    named = os.environ.get("SHARDWRIGHT_DATA_DIR")
    found = Path(named) if named else Path(__file__).parents[3] / "shared/data"
    if not (found / "calibration").is_dir():
        pytest.skip("reference data not found: set SHARDWRIGHT_DATA_DIR")
    return found
