"""Thousands of generated requests over the whole description: nothing breaks, nothing answers undeclared."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.test_faults import free_port, serving

pytestmark = pytest.mark.long

LEAST_CASES = 2_000
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "use_after_free",
    "ensure_resource_availability",
    "missing_required_header",
    "ignored_auth",
)
"""All but positive_data_acceptance: a document may fit its schema and name a device that does not exist."""

EXPECTED = '[checks.not_a_server_error]\nexpected-statuses = ["2xx", "3xx", "4xx", 501]\n'
"""Parts of the contract that are not built yet say so with a declared 501."""


def test_generated_requests_meet_nothing_undeclared(tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    (tmp_path / "schemathesis.toml").write_text(EXPECTED)
    port = free_port()
    with serving(f"sqlite:///{tmp_path / 'service.db'}", port):
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{port}/openapi.json"),
                *("--checks", ",".join(CHECKS), "--max-examples", "28", "--no-color"),
                *("--phases", "examples,fuzzing"),
                *(
                    "--exclude-path-regex",
                    "/events$",
                    "--request-timeout",
                    "60",
                    "--generation-deterministic",
                ),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
    cases = re.search(r"(\d+) generated", ran.stdout)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert cases is not None
    assert int(cases[1]) >= LEAST_CASES
