"""What every request passes: size, kind, host and origin; every error is a problem."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.guard import SECURITY_HEADERS, Guard
from api.routes.not_built import PATHS

PROBLEM = "application/problem+json"


@pytest.fixture(name="client", scope="module")
def one_service_for_all(shared_client: TestClient) -> TestClient:
    return shared_client


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["errors"]
    assert set(body["errors"][0]) == {"pointer", "detail", "hint"}
    return body


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/nothing",
        "/v1/models/none",
        "/v1/plans/x",
        "/v1/plan-jobs/x",
        "/v1/schemas/x.json",
        "/nothing",
    ],
)
def test_what_is_not_there_is_404(client: TestClient, path: str) -> None:
    problem(client.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", "/v1/models"), ("PUT", "/v1/plan-jobs"), ("POST", "/healthz")]
)
def test_what_is_not_possible_is_405(client: TestClient, method: str, path: str) -> None:
    problem(client.request(method, path), 405)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_not_built_is_501(client: TestClient, path: str, method: str) -> None:
    problem(client.request(method, "/v1" + path.format(kind="topo:preview", key="k", plan_id="p")), 501)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json-seq", None]
)
def test_another_kind_of_body_is_415(client: TestClient, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    assert (
        "Content-Type"
        in problem(client.post("/v1/plan-jobs", content=b"{}", headers=headers), 415)["errors"][0]["hint"]
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":' * 1000,
        b'{"a":' + b"[" * 50 + b"]" * 50 + b"}",
        b'{"scenario":"\\ud800"}',
        b'{"a":' + b"9" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
    ],
)
def test_a_body_that_is_no_strict_json_object_is_422(client: TestClient, body: bytes) -> None:
    for path in ("/v1/plan-jobs", "/v1/models", "/v1/predict", "/v1/check"):
        problem(client.post(path, content=body, headers={"content-type": "application/json"}), 422)


def test_a_large_body_with_its_length_is_413(client: TestClient) -> None:
    body = problem(client.post("/v1/models", content=b" " * 200_001), 413)
    assert "200000 bytes" in body["detail"]


def test_a_large_body_without_length_is_413(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(1000):
            yield b" " * 1000

    problem(client.post("/v1/models", content=chunks(), headers={"content-type": "application/json"}), 413)
    problem(
        client.post("/", content=chunks(), headers={"content-type": "application/x-www-form-urlencoded"}), 413
    )


def test_a_body_over_the_limit_is_not_read_on() -> None:
    pulled = 0

    async def receive() -> dict[str, Any]:
        nonlocal pulled
        pulled += 1
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    async def read_all(scope: Any, receive: Any, send: Any) -> None:
        while True:
            await receive()

    async def send(message: Any) -> None:
        pytest.fail("nothing to send")

    scope = {"type": "http", "headers": []}
    with pytest.raises(Exception, match="more than 10000 bytes"):
        asyncio.run(Guard(read_all, 10_000)(scope, receive, send))  # type: ignore[arg-type]
    assert pulled == 11


def test_a_defect_is_500_and_tells_nothing_of_the_inside(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.routes import plans

    monkeypatch.setattr(plans, "find", lambda *_: 1 / 0)
    answer = client.get("/v1/plans/x")
    problem(answer, 500)
    assert "division" not in answer.text
    assert SECURITY_HEADERS.items() <= {k.title(): v for k, v in answer.headers.items()}.items() | {
        (k, answer.headers[k]) for k in SECURITY_HEADERS
    }


@pytest.mark.parametrize("path", ["/", "/jobs", "/v1/nothing", "/v1/models", "/static/style.css"])
def test_every_answer_is_protected(client: TestClient, path: str) -> None:
    answer = client.get(path)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value


def test_only_the_named_hosts_are_answered(make_client: Callable[..., TestClient]) -> None:
    client = make_client(allowed_hosts=("localhost", "[::1]"))
    for host, status in (("localhost:8000", 200), ("[::1]:80", 200), ("[::1]", 200), ("evil.example", 421)):
        assert client.get("/healthz", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 422),
        ({"origin": "http://testserver"}, 422),
        ({"sec-fetch-site": "same-origin", "origin": "http://testserver"}, 422),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
    ],
)
def test_forms_of_other_sites_are_refused(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.post("/", data={"model": "x"}, headers=headers).status_code == status
    if status == 403:
        assert client.post("/jobs/job-1/cancel", headers=headers).status_code == 403


def test_health_and_readiness(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize("key", ["%00", "%ff", "a%2Fb", "..%2f..%2fetc", "x" * 5000, "%F0%9F%92%A5", "';--"])
@pytest.mark.parametrize(
    "path", ["/v1/models/{}", "/v1/plans/{}", "/v1/plan-jobs/{}/result", "/v1/schemas/{}.json"]
)
def test_odd_ids_are_simply_not_there(client: TestClient, path: str, key: str) -> None:
    problem(client.get(path.format(key)), 404)


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/"]
)
def test_only_static_files_are_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_refusal_names_every_method_of_the_path(client: TestClient) -> None:
    assert client.patch("/v1/plan-jobs").headers["allow"] == "GET, HEAD, POST"
    assert client.options("/v1/models/x").headers["allow"] == "DELETE, GET, HEAD, PUT"


@pytest.mark.parametrize(
    "path", ["/", "/jobs", "/v1/plan-jobs", "/healthz", "/v1/nothing", "/static/style.css"]
)
def test_head_is_get_without_its_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.content == b""
    assert head.status_code == get.status_code
    assert head.headers["content-type"] == get.headers["content-type"]


def test_head_does_not_follow_a_job(client: TestClient) -> None:
    assert client.head("/v1/plan-jobs/x/events").status_code == 405


def test_an_encoded_body_is_415(client: TestClient) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    problem(client.post("/v1/plan-jobs", content=b"{}", headers=headers), 415)


@pytest.mark.parametrize(
    "asked",
    [
        "/v1/plans?cursor=job-ff",
        "/v1/plans?cursor=job-ff/",
        "/v1/plans?cursor=job-ff/99999999",
        "/v1/plans?cursor=other-ff/1",
        "/v1/plan-jobs?cursor=job-ff/1",
        "/v1/plan-jobs?cursor=job-ff%27--",
        "/v1/models?cursor=%00",
        "/v1/plans?limit=1e3",
        "/v1/plans?limit=99999999999999999999",
        "/v1/models/x/revisions/99999999999999999999",
    ],
)
def test_tampered_pages_are_422(client: TestClient, asked: str) -> None:
    problem(client.get(asked), 422)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/static/style.css%00",
        "/v1/schemas/..%2f..%2fpyproject.toml",
        "/v1/schemas/%2fetc%2fpasswd.json",
        "/v1/plans/..%2f..%2fetc%2fpasswd",
    ],
)
def test_no_file_beside_the_static_ones_is_served(client: TestClient, path: str) -> None:
    problem(client.get(path), 404)
