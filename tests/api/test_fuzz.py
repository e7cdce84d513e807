"""Ten thousand malformed bodies and pastes: each is refused or still valid, and a refusal stores nothing."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import pytest
import yaml
from fastapi.testclient import TestClient
from sqlalchemy import text

from api.caller import new_secret
from api.document_kinds import KINDS
from api.pages import form_token
from api.pages.form_fields import DEFAULTS
from api.services import Services
from db.access import AccessRepository
from db.access_tables import AuditRow
from db.base import Base
from tests.api.conftest import service, settings_in, wait
from tests.api.hostile import resolves
from tests.api.mutations import BYTES, mutated_json, mutated_paste
from tests.api.sample_answer import SMALL_CONFIG, scenario_document

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SCENARIOS = [yaml.safe_load(path.read_text()) for path in sorted(ROOT.glob("examples/*.yaml"))]
CONFIGS = [
    json.loads(path.read_text())
    for path in sorted(ROOT.glob("models/data/models/*.json"))
    if path.stat().st_size < 2_000
]
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
STORED = [table for table in Base.metadata.sorted_tables if table is not AuditRow.__table__]
"""The audit holds what was refused for lack of rights too; it is counted by itself."""

COUNTS = text(f"SELECT {', '.join(f'(SELECT count(*) FROM {table.name})' for table in STORED)}")


@dataclass(slots=True)
class Attacked:
    """A service with keys, a client that holds one, what is stored there, and the changes made so far."""

    client: TestClient
    secret: str
    ids: dict[str, str] = field(default_factory=dict)
    examples: dict[tuple[str, str], list[Any]] = field(default_factory=dict)

    def counts(self) -> list[int]:
        services: Services = self.client.app.state.services  # type: ignore[attr-defined]
        with services.database.reading() as session:
            return list(session.execute(COUNTS).one())

    def send(self, method: str, path: str, body: bytes, kind: str, **more: str) -> Any:
        headers = {"content-type": kind, **more}
        return self.client.request(method, path, content=body, headers=headers, follow_redirects=False)


@pytest.fixture(name="attacked", scope="module")
def one_service_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    limits = {"check_time_limit_s": 0.2, "requirements_time_limit_s": 0.2, "max_sweep_points": 8}
    chosen = settings_in(
        tmp_path_factory.mktemp("fuzz"), requires_keys=True, max_waiting_jobs=10_000, **limits
    )
    with service(chosen) as client:
        secret = new_secret()
        with client.app.state.services.database.writing() as session:  # type: ignore[attr-defined]
            AccessRepository(session).add_project("ours")
            AccessRepository(session).add_key("ours", "fuzz", "admin", secret)
        client.headers["Authorization"] = f"Bearer {secret}"
        yield _filled(Attacked(client, secret))


def _filled(attacked: Attacked) -> Attacked:
    """One document of each kind, a plan and a key; and the examples of the description."""
    client = attacked.client
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for method in operations.keys() & {"post", "put"}:
            content = operations[method]["requestBody"]["content"][JSON]
            named = [row["value"] for row in content.get("examples", {}).values()]
            attacked.examples[(method.upper(), path)] = named or [content["example"]]
    for kind in KINDS:
        made = client.post(f"/v1/{kind}", json=attacked.examples[("POST", f"/v1/{kind}")][0])
        assert made.status_code == 201, made.text
        attacked.ids[f"/v1/{kind}/{{key}}"] = made.json()["id"]
    job = client.post("/v1/plan-jobs", json={"scenario": scenario_document()}).json()["id"]
    wait(client, job)
    plan = client.get("/v1/plans").json()["items"][0]["id"]
    attacked.ids |= {"/v1/plans/{plan_id}:what-if": plan, "/plans/{plan_id}/what-if": plan}
    attacked.examples[("POST", "/v1/plans:compare")] = [{"a": plan, "b": plan}]
    key = client.post("/v1/keys", json={"name": "another", "scope": "read"}).json()["id"]
    attacked.ids["/v1/keys/{key_id}:rotate"] = key
    attacked.examples[("POST", "/v1/sweeps")].append({"scenario_id": "x", "axes": []})
    for path in ("/v1/plan-jobs", "/v1/scenarios", "/v1/scenarios/{key}"):
        method = "PUT" if path.endswith("}") else "POST"
        attacked.examples[(method, path)] += [{"scenario": each} for each in SCENARIOS]
    for method, path in (("POST", "/v1/models"), ("PUT", "/v1/models/{key}")):
        attacked.examples[(method, path)] += [{"name": "m", "model": {"hf_config": c}} for c in CONFIGS]
    return attacked


def _path(attacked: Attacked, template: str) -> str:
    begin, brace, _ = template.partition("{")
    return begin + attacked.ids[template] + template.partition("}")[2] if brace else begin


def _settled(attacked: Attacked, answer: Any) -> None:
    """A job that a valid body started is stopped, so that nothing but the next bodies can change rows."""
    where = answer.headers.get("location", "")
    if answer.status_code == 202:
        attacked.client.delete(where)
    elif where.startswith("/jobs/"):
        attacked.client.delete(f"/v1/plan-jobs/{where.removeprefix('/jobs/')}")
    if answer.status_code in (202, 303):
        _until_still(attacked)


def _until_still(attacked: Attacked) -> None:
    seen = -1.0
    began = time.monotonic()
    before: list[int] = []
    while time.monotonic() - began < 10 and (seen < 0 or time.monotonic() - seen < 0.02):
        now = attacked.counts()
        if now != before:
            before, seen = now, time.monotonic()
        time.sleep(0.004)


def _is_a_problem(answer: Any, body: bytes) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["detail"]
    assert problem["errors"]
    for fault in problem["errors"]:
        assert fault["detail"]
        assert not fault["pointer"] or fault["pointer"].startswith("/"), fault
        if answer.status_code == 422 and fault["pointer"]:
            assert resolves(fault["pointer"], json.loads(body)), (fault, body)


def _is_a_page(answer: Any, body: bytes) -> None:
    if answer.status_code == 413:  # told by the guard, which knows no pages
        return
    assert answer.headers["content-type"].startswith("text/html"), (body, answer.text)
    assert "Traceback" not in answer.text


REST = {
    **{("POST", f"/v1/{kind}"): 300 for kind in KINDS},
    **{("PUT", f"/v1/{kind}/{{key}}"): 250 for kind in KINDS},
    ("POST", "/v1/plan-jobs"): 700,
    ("POST", "/v1/memory"): 200,
    ("POST", "/v1/sweeps"): 400,
    ("POST", "/v1/plans/{plan_id}:what-if"): 300,
    ("POST", "/v1/plans:compare"): 200,
    ("POST", "/v1/predict"): 500,
    ("POST", "/v1/check"): 300,
    ("POST", "/v1/requirements"): 300,
    ("POST", "/v1/calibrations:fit"): 400,
    ("POST", "/v1/keys"): 200,
    ("POST", "/v1/keys/{key_id}:rotate"): 150,
}
PASTED = {"scenario_yaml": 900, "cluster_yaml": 600, "hf_config": 600}
FORMS = {"/": 250, "/login": 100, "/plans/{plan_id}/what-if": 50}


def test_ten_thousand_bodies_over_every_route_that_takes_one(attacked: Attacked) -> None:
    assert set(attacked.examples) == set(REST)
    assert sum(REST.values()) + sum(PASTED.values()) + sum(FORMS.values()) == 10_000


def _attack(attacked: Attacked, bodies: Iterator[tuple[str, str, bytes, str]], check: Any) -> None:
    """Send each; what is refused changes no count."""
    before, refused = attacked.counts(), 0
    for method, path, body, kind in bodies:
        answer = attacked.send(method, path, body, kind, accept="text/html")
        assert answer.status_code < 500 or answer.status_code == 501, (path, body, answer.text)
        if answer.status_code < 400:
            _settled(attacked, answer)
            before = attacked.counts()
            continue
        refused += 1
        check(answer, body)
        assert attacked.counts() == before, (path, body)
    assert refused


@pytest.mark.parametrize(("method", "template"), REST)
def test_rest(attacked: Attacked, method: str, template: str) -> None:
    rng = random.Random(f"{method} {template}")
    path = _path(attacked, template)
    examples = attacked.examples[(method, template)]
    bodies = (mutated_json(rng, rng.choice(examples)) for _ in range(REST[(method, template)]))
    _attack(attacked, ((method, path, body, JSON) for body in bodies), _is_a_problem)


SOURCES = {
    "scenario_yaml": SCENARIOS,
    "cluster_yaml": [scenario["cluster"] for scenario in SCENARIOS],
    "hf_config": [SMALL_CONFIG, *CONFIGS],
}


def _own(attacked: Attacked, path: str) -> str:
    """The token that makes a form ours, so that what is typed is read at all."""
    attacked.client.get("/")
    secret = attacked.client.cookies[form_token.COOKIE]
    return urlencode({form_token.FIELD: form_token.token(secret, path)})


@pytest.mark.parametrize("name", PASTED)
def test_pasted(attacked: Attacked, name: str) -> None:
    rng = random.Random(name)
    others = urlencode({} if name == "scenario_yaml" else {k: v for k, v in DEFAULTS.items() if k != name})
    pastes = (mutated_paste(rng, rng.choice(SOURCES[name])) for _ in range(PASTED[name]))
    own = _own(attacked, "/")
    bodies = (f"{own}&{others}&{name}={quote_from_bytes(paste)}".encode() for paste in pastes)
    _attack(attacked, (("POST", "/", body, FORM) for body in bodies), _is_a_page)


@pytest.mark.parametrize("template", FORMS)
def test_forms(attacked: Attacked, template: str) -> None:
    rng = random.Random(template)
    typed = {"/login": {"key": attacked.secret}, "/": DEFAULTS}.get(
        template, {"slo.chat.ttft_s.limit_s": "1"}
    )
    path = _path(attacked, template)
    own = dict([_own(attacked, path).split("=")])
    bodies = (_form(rng, typed, own) for _ in range(FORMS[template]))
    _attack(attacked, (("POST", path, body, kind) for body, kind in bodies), _is_a_page)


def _form(rng: random.Random, typed: dict[str, str], own: dict[str, str]) -> tuple[bytes, str]:
    """A form whose fields, or whose bytes, are wrong."""
    fields = {**own, **typed}
    if rng.random() < 0.6:
        fields[rng.choice(list(typed))] = rng.choice(ODD_FIELDS)
    parts = "".join(
        f'--b\r\ncontent-disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()
    )
    data, kind = rng.choice(((urlencode(fields).encode(), FORM), ((parts + "--b--\r\n").encode(), MULTIPART)))
    return (rng.choice(BYTES)(rng, data) if fields == {**own, **typed} else data), kind


ODD_FIELDS = [
    *(
        "",
        " ",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "-1",
        "0",
        "1e-320",
        "9" * 5_000,
        "1_0",
        "\u0663",
        "0x10",
        "\0",
    ),
    *(
        "x" * 3_000,
        "\u202e",
        "<script>",
        "None",
        "[]",
        "{}",
        "!!int ''",
        "a: &a [*a]",
        "1e30",
        "5e-1",
        "true",
    ),
]
