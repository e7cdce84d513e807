"""The Python client against a service that breaks on purpose."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from api.client import (
    AsyncClient,
    Client,
    JobCancelled,
    JobFailed,
    NotFinished,
    NotReachable,
    Refused,
    UnknownAnswer,
)
from api.client.exchange import get, write
from api.client.http_library import httpx2
from api.client.replies import seconds
from api.client.retrying import FIRST_PAUSE_S, MOST_PAUSE_S, Retrying
from tests.api.flaky_service import Flaky, Handler, answer, drop, flaky_service, silence, stream, trickle

QUEUED = json.dumps({"id": "job-1", "state": "queued"}).encode()
SUCCEEDED = json.dumps({"id": "job-1", "state": "succeeded"}).encode()
PROBLEM = json.dumps(
    {
        "detail": "two faults",
        "errors": [
            {"pointer": "/scenario/name", "detail": "missing", "hint": "Maybe name it."},
            {"pointer": "/scenario/mode", "detail": "unknown", "hint": ""},
        ],
    }
).encode()
PROGRESS = b'id: %d\nevent: progress\ndata: {"phase": "solving"}\n\n'
DONE = b'id: %d\nevent: done\ndata: {"state": "succeeded"}\n\n'
RANKED = b'{"schema": "shardwright.plans/1"}'
NOTHING_LISTENS = "http://127.0.0.1:1"


def keys(flaky: Flaky) -> list[str]:
    return [headers["idempotency-key"] for _, _, headers, _ in flaky.asked]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of backing off are short; those that the service asks for stay."""
    monkeypatch.setattr("api.client.retrying.FIRST_PAUSE_S", 0.002)


@pytest.mark.usefixtures("quick")
def test_a_request_is_repeated_as_it_was() -> None:
    plan = (drop, answer(503), answer(429, Retry_After="0"), answer(202, QUEUED))
    with flaky_service(*plan) as flaky, Client(flaky.address, api_key="secret") as client:
        assert client.submit({"name": "x"}).id == "job-1"
        assert client.submit({"name": "x"}).id == "job-1"
    first, second = keys(flaky)[:4], keys(flaky)[4:]
    assert len(set(first)) == 1
    assert second != first[:1]
    assert {(method, path, body) for method, path, _, body in flaky.asked} == {
        ("POST", "/v1/plan-jobs", b'{"scenario": {"name": "x"}}')
    }
    assert {headers["authorization"] for _, _, headers, _ in flaky.asked} == {"Bearer secret"}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [429, 503])
def test_the_service_is_not_asked_before_the_time_it_names(status: int) -> None:
    with flaky_service(answer(status, Retry_After="1"), answer(202, QUEUED)) as flaky:
        begun = time.monotonic()
        with Client(flaky.address) as client:
            client.submit({})
        assert 1.0 <= time.monotonic() - begun < 5.0
    assert len(flaky.asked) == 2


@pytest.mark.usefixtures("quick")
def test_repetitions_end() -> None:
    with (
        flaky_service(answer(503, PROBLEM)) as flaky,
        Client(flaky.address, retries=3) as client,
        pytest.raises(Refused, match="503"),
    ):
        client.submit({})
    assert len(flaky.asked) == 4


def test_a_service_that_asks_for_an_hour_is_not_waited_for() -> None:
    with (
        flaky_service(answer(503, Retry_After="3600")) as flaky,
        Client(flaky.address) as client,
        pytest.raises(Refused) as told,
    ):
        client.submit({})
    assert (len(flaky.asked), told.value.retry_after_s) == (1, 3600.0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 413, 422, 500, 501])
def test_a_refusal_is_told_at_once_with_its_place(status: int) -> None:
    with (
        flaky_service(answer(status, PROBLEM)) as flaky,
        Client(flaky.address) as client,
        pytest.raises(Refused) as told,
    ):
        client.submit({})
    assert len(flaky.asked) == 1
    assert str(told.value) == f"{status}: /scenario/name: missing (and 1 more)\nMaybe name it."
    assert (told.value.status, told.value.detail) == (status, "two faults")
    assert [fault.pointer for fault in told.value.errors] == ["/scenario/name", "/scenario/mode"]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b""])
def test_an_answer_of_something_else_is_told(body: bytes) -> None:
    with flaky_service(answer(200, body)) as flaky, Client(flaky.address) as client:
        with pytest.raises(UnknownAnswer):
            client.job("job-1")
        with pytest.raises(UnknownAnswer):
            list(client.plans())


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"errors": 1}'])
def test_an_error_of_something_else_is_a_refusal(body: bytes) -> None:
    with (
        flaky_service(answer(502, body)) as flaky,
        Client(flaky.address) as client,
        pytest.raises(Refused, match="502: Bad Gateway"),
    ):
        client.job("job-1")


@pytest.mark.usefixtures("quick")
def test_nothing_that_listens_is_told_after_all_tries() -> None:
    with (
        Client(NOTHING_LISTENS, retries=2) as client,
        pytest.raises(NotReachable, match="127.0.0.1:1") as told,
    ):
        client.submit({})
    assert (told.value.sent, told.value.timed_out) == (False, False)


@pytest.fixture
def over() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.usefixtures("quick")
def test_silence_ends_in_an_error(over: threading.Event) -> None:
    with flaky_service(silence(over)) as flaky:
        with (
            Client(flaky.address, timeout_s=0.2, retries=1) as client,
            pytest.raises(NotReachable, match="in time") as told,
        ):
            client.submit({})
        over.set()
    assert (told.value.sent, told.value.timed_out) == (True, True)
    assert len(flaky.asked) == 2
    assert len(set(keys(flaky))) == 1


@pytest.mark.usefixtures("quick")
def test_what_would_be_stored_twice_is_not_repeated_once_it_was_sent() -> None:
    with flaky_service(drop) as flaky, Client(flaky.address) as client, pytest.raises(NotReachable):
        client.documents("clusters").create("c", {})
    assert len(flaky.asked) == 1


@pytest.mark.usefixtures("quick")
def test_a_solving_call_is_repeated_after_a_drop_and_waited_for(
    over: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.client.calls.SOLVES_S", 0.3)
    with flaky_service(drop, silence(over)) as flaky, Client(flaky.address, timeout_s=0.1) as client:
        begun = time.monotonic()
        with pytest.raises(NotReachable, match="in time"):
            client.check({}, [])
        assert time.monotonic() - begun >= 0.3
        over.set()
    assert len(flaky.asked) == 2


@pytest.mark.usefixtures("quick")
def test_events_are_taken_up_again_after_a_drop() -> None:
    plan = (
        answer(202, QUEUED),
        stream(b": still working\n\n", PROGRESS % 1, PROGRESS % 2, b"id: 3\nevent: prog", ends=False),
        drop,
        answer(503),
        stream(PROGRESS % 3, b": still working\n\n", ends=True),  # a proxy that ends bodies properly
        answer(200, QUEUED),
        stream(PROGRESS % 4, DONE % 5, ends=True),
    )
    with flaky_service(*plan) as flaky, Client(flaky.address) as client:
        assert [event.number for event in client.submit({}).events()] == [1, 2, 3, 4, 5]
    resumed = [
        headers.get("last-event-id") for _, path, headers, _ in flaky.asked if path.endswith("/events")
    ]
    assert resumed == [None, "2", "2", "2", "3"]


@pytest.mark.usefixtures("quick")
def test_events_of_a_job_that_is_gone_end_in_the_refusal() -> None:
    with (
        flaky_service(answer(202, QUEUED), answer(404, PROBLEM)) as flaky,
        Client(flaky.address) as client,
        pytest.raises(Refused, match="404"),
    ):
        list(client.submit({}).events())
    assert len(flaky.asked) == 2


@pytest.mark.usefixtures("quick")
def test_a_silent_stream_does_not_outlast_the_wait(over: threading.Event) -> None:
    plan = (answer(202, QUEUED), silence(over))
    with flaky_service(*plan) as flaky, Client(flaky.address, timeout_s=0.2, retries=0) as client:
        job, begun = client.submit({}), time.monotonic()
        with pytest.raises((NotFinished, NotReachable)):
            job.wait(timeout_s=0.5)
        assert time.monotonic() - begun < 2.0
        over.set()


@pytest.mark.parametrize("every_s", [0.05, 0.3])
def test_heartbeats_do_not_prolong_the_wait(over: threading.Event, every_s: float) -> None:
    """Whatever comes, the wait ends on time; the job is asked where it stands, and goes on."""

    def behave(handler: Handler) -> None:
        wanted = trickle(over, every_s) if handler.path.endswith("/events") else answer(200, QUEUED)
        wanted(handler)

    with flaky_service(behave) as flaky, Client(flaky.address) as client:
        job, begun = client.submit({}), time.monotonic()
        with pytest.raises(NotFinished, match="still queued"):
            job.wait(timeout_s=0.8)
        assert 0.7 < time.monotonic() - begun < 1.5
        over.set()


@pytest.mark.usefixtures("quick")
def test_the_same_under_asyncio() -> None:
    plan = (
        drop,
        answer(429, Retry_After="1"),
        answer(202, QUEUED),
        stream(PROGRESS % 1, ends=False),
        stream(PROGRESS % 2, ends=True),
        answer(200, QUEUED),
        stream(DONE % 3, ends=True),
        answer(200, SUCCEEDED),
        answer(200, RANKED),
        answer(422, PROBLEM),
    )

    async def main(address: str) -> None:
        async with AsyncClient(address) as client:
            heard: list[int] = []
            begun = time.monotonic()
            job = await client.submit({})
            assert time.monotonic() - begun >= 1.0
            answered = await job.wait(10, lambda event: heard.append(event.number))
            assert answered.raw == json.loads(RANKED)
            assert heard == [1, 2, 3]
            with pytest.raises(Refused, match="422: /scenario/name: missing"):
                await client.submit({})

    with flaky_service(*plan) as flaky:
        asyncio.run(main(flaky.address))
    assert len({headers["idempotency-key"] for _, _, headers, _ in flaky.asked[:3]}) == 1


def sweep_body(state: str, done: int) -> bytes:
    links = {"results": "/v1/sweeps/sweep-1/results"}
    row = {
        "id": "sweep-1",
        "state": state,
        "total": 3,
        "done": done,
        "failed": 1 if done else 0,
        "links": links,
    }
    return json.dumps(row).encode()


ROWS = [json.dumps({"index": i}).encode() + b"\n" for i in range(3)]
SWEEP = (
    drop,
    answer(202, sweep_body("queued", 0)),
    answer(200, sweep_body("running", 1)),
    answer(200, sweep_body("running", 1)),
    answer(200, sweep_body("succeeded", 3)),
    stream(ROWS[0], ROWS[1][:5], ends=False),
    stream(ROWS[0] + ROWS[1][:3], ROWS[1][3:], ROWS[2].strip(), ends=True),
    answer(200, sweep_body("cancelled", 3)),
)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("axes", [{"a.b": (1, 2, 4)}, [{"change": "a.b", "values": [1, 2, 4]}]])
def test_a_sweep_is_submitted_waited_for_and_read(axes: Any) -> None:
    told: list[int] = []
    with flaky_service(*SWEEP) as flaky, Client(flaky.address) as client:
        sweep = client.sweep({"name": "x"}, axes, wait=False)
        assert (sweep.state, sweep.total, sweep.done) == ("queued", 3, 0)
        assert sweep.wait(10, on_progress=lambda s: told.append(s.done)).failed == 1
        assert list(sweep.results()) == [{"index": 0}, {"index": 1}, {"index": 2}]
        assert sweep.cancel().state == "cancelled"
        with pytest.raises(JobCancelled):
            sweep.wait()
    assert told == [0, 1, 3]
    assert len(set(keys_of_posts(flaky))) == 1
    assert json.loads(flaky.asked[0][3]) == {
        "scenario": {"name": "x"},
        "axes": [{"change": "a.b", "values": [1, 2, 4]}],
    }
    assert flaky.asked[5][1] == "/v1/sweeps/sweep-1/results?format=jsonl"
    assert flaky.asked[-1][:2] == ("DELETE", "/v1/sweeps/sweep-1")


def keys_of_posts(flaky: Flaky) -> list[str]:
    return [headers["idempotency-key"] for method, _, headers, _ in flaky.asked if method == "POST"]


@pytest.mark.usefixtures("quick")
def test_a_sweep_under_asyncio() -> None:
    async def main(address: str) -> None:
        async with AsyncClient(address) as client:
            sweep = await client.sweep({"name": "x"}, {"a.b": [1, 2, 4]}, timeout_s=10)
            assert sweep.finished
            assert [row["index"] async for row in sweep.results()] == [0, 1, 2]
            assert (await sweep.cancel()).state == "cancelled"

    with flaky_service(*SWEEP) as flaky:
        asyncio.run(main(flaky.address))


def test_a_sweep_is_not_waited_for_longer_than_asked() -> None:
    running = answer(202, sweep_body("running", 1))
    with flaky_service(running) as flaky, Client(flaky.address) as client, pytest.raises(NotFinished):
        client.sweep({}, {}, timeout_s=0.3)


def test_a_sweep_that_failed_as_a_whole_is_an_error() -> None:
    with (
        flaky_service(answer(202, sweep_body("failed", 1))) as flaky,
        Client(flaky.address) as client,
        pytest.raises(JobFailed, match="sweep-1 failed"),
    ):
        client.sweep({}, {})


def test_a_cancelled_sweep_without_a_body_is_asked_again() -> None:
    plan = (answer(200, sweep_body("running", 1)), answer(204, b""), answer(200, sweep_body("cancelled", 1)))
    with flaky_service(*plan) as flaky, Client(flaky.address) as client:
        assert client.sweep({}, {}, wait=False).cancel().state == "cancelled"


def test_parts_of_a_path_are_quoted_and_a_prefix_is_kept() -> None:
    asked: list[bytes] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.raw_path)
        return httpx2.Response(200, content=QUEUED)

    with Client("http://planner.test/prefix/", transport=httpx2.MockTransport(handle)) as client:
        client.job("a/b?c#d e")
    assert asked == [b"/prefix/v1/plan-jobs/a%2Fb%3Fc%23d%20e"]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("base_url", "127.0.0.1:8000"),
        ("base_url", "ftp://x"),
        ("base_url", "https://me:hush@planner.test"),
        ("timeout_s", 0.0),
        ("timeout_s", float("nan")),
        ("retries", -1),
        ("api_key", ""),
        ("api_key", "two\r\nlines"),
        ("api_key", "schlüssel"),
    ],
)
def test_a_wrong_argument_is_named(argument: str, value: Any) -> None:
    with pytest.raises(ValueError, match=argument) as told:
        Client(**{argument: value})
    assert "hush" not in str(told.value)
    assert argument != "api_key" or not value or value not in str(told.value)


def test_the_key_is_never_shown() -> None:
    with Client(NOTHING_LISTENS, api_key="very-secret", retries=0) as client:
        with pytest.raises(NotReachable) as told:
            client.job("x")
        assert "very-secret" not in str(told.value) + repr(client._connection.address)


def test_pauses_grow_with_jitter_and_end() -> None:
    policy, request = Retrying(retries=12), get("plans")
    error = Refused(503, "later")
    for tried in range(12):
        most_s = min(MOST_PAUSE_S, FIRST_PAUSE_S * 2**tried)
        pauses = {policy.pause_s(tried, error, request) for _ in range(20)}
        assert len(pauses) > 1
        assert all(pause_s is not None and most_s / 2 <= pause_s <= most_s for pause_s in pauses)
    assert policy.pause_s(12, error, request) is None


@pytest.mark.parametrize(
    ("sent", "timed_out", "repeatable", "solves_s", "again"),
    [
        (False, False, False, 0.0, True),
        (True, False, False, 0.0, False),
        (True, False, True, 0.0, True),
        (True, True, True, 0.0, True),
        (True, True, True, 9.0, False),
        (False, True, True, 9.0, True),
    ],
)
def test_what_may_be_sent_again(
    sent: bool, timed_out: bool, repeatable: bool, solves_s: float, again: bool
) -> None:
    request = write("POST", "check", repeatable=repeatable, solves_s=solves_s)
    error = NotReachable("gone", sent=sent, timed_out=timed_out)
    assert (Retrying(retries=1).pause_s(0, error, request) is not None) == again


def test_retry_after_is_a_number_or_a_date() -> None:
    assert seconds("7") == 7.0
    soon = seconds(format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True))
    assert soon is not None
    assert 25 < soon <= 30
    assert seconds(format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)) == 0.0
    assert (seconds("soon"), seconds(None), seconds("-3")) == (None, None, None)
