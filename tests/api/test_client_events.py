"""Server-sent events: bytes cut anywhere give the same events, and a drop loses and repeats none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.client.errors import NotReachable, UnknownAnswer
from api.client.event_stream import Event, EventParser, Following
from api.client.retrying import Retrying

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
EVENTS = st.lists(
    st.builds(
        Event,
        number=st.integers(1, 2**31 - 1),
        kind=st.sampled_from(["progress", "incumbent", "log", "done"]),
        data=st.dictionaries(TEXT, TEXT | st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    ),
    max_size=6,
)
END = st.sampled_from([b"\n", b"\r\n", b"\r"])
HEARTBEAT = b": still working"


def written(event: Event, end: bytes, *, ascii_only: bool) -> bytes:
    """An event as a service may write it; indented data take several lines."""
    data = json.dumps(event.data, indent=1, ensure_ascii=ascii_only).encode().split(b"\n")
    lines = [b"id: %d" % event.number, b"event:" + event.kind.encode(), *(b"data: " + line for line in data)]
    return end.join([*lines, b"", b""])


def cut(body: bytes, draw: st.DataObject) -> list[bytes]:
    places = sorted(draw.draw(st.lists(st.integers(0, len(body)), max_size=20)))
    return [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)]


@given(EVENTS, END, st.booleans(), st.booleans(), st.data())
def test_pieces_of_any_size_give_the_same_events(
    events: list[Event], end: bytes, ascii_only: bool, bom: bool, draw: st.DataObject
) -> None:
    beat = HEARTBEAT + end + end
    body = beat.join([b"", *(written(event, end, ascii_only=ascii_only) for event in events), b""])
    parser = EventParser()
    pieces = cut((b"\xef\xbb\xbf" if bom else b"") + body, draw)
    assert [event for piece in pieces for event in parser.feed(piece)] == events


@given(st.binary(max_size=80), st.data())
def test_bytes_of_any_kind_are_read_or_refused(body: bytes, draw: st.DataObject) -> None:
    try:
        whole = EventParser().feed(body)
    except UnknownAnswer:
        return
    parser = EventParser()
    assert [event for piece in cut(body, draw) for event in parser.feed(piece)] == whole


@given(st.integers(0, 9), st.integers(1, 9), st.lists(st.floats(0, 1), max_size=5))
def test_after_a_drop_anywhere_every_event_comes_once(
    after: int, count: int, kept_fracs: list[float]
) -> None:
    every = [
        Event(number=i, kind="done" if i == after + count else "progress", data={"i": i})
        for i in range(1, after + count + 1)
    ]
    following = Following("job-1", after, Retrying(retries=1))
    heard: list[Event] = []
    while not following.ended:
        sent_after = int(following.connect().headers.get("Last-Event-ID", 0))
        assert sent_after == (heard[-1].number if heard else after)
        body = b"".join(written(event, b"\n", ascii_only=True) for event in every[sent_after:])
        # a server that begins too early is no reason to hear an event twice
        body = written(every[0], b"\n", ascii_only=True) + body
        kept_frac = kept_fracs.pop() if kept_fracs else 1.0
        heard += following.feed(body[: round(len(body) * kept_frac)])
    assert heard == every[after:]


def test_a_half_written_event_is_not_told() -> None:
    assert EventParser().feed(b'id: 1\nevent: done\ndata: {"state": "succ') == []
    assert EventParser().feed(b'id: 1\nevent: done\ndata: {"state": "succeeded"}\n') == []


@pytest.mark.parametrize("data", [b"{", b"[1]"])
def test_an_event_that_is_no_object_is_told(data: bytes) -> None:
    with pytest.raises(UnknownAnswer, match="event 7"):
        EventParser().feed(b"id: 7\ndata: " + data + b"\n\n")


def test_a_body_that_ends_before_the_job_was_cut() -> None:
    following = Following("job-1", 0, Retrying(retries=2))
    with pytest.raises(NotReachable, match="before the job"):
        following.body_ended(finished=False)
    following.body_ended(finished=True)  # events that were written after the cut are still to come
    assert not following.ended
    following.body_ended(finished=True)
    assert following.ended


def test_drops_in_a_row_end_in_the_error() -> None:
    following = Following("job-1", 0, Retrying(retries=2))
    error = NotReachable("gone", sent=True, timed_out=False)
    assert 0.0 < following.pause_s(error) < following.pause_s(error) * 4
    with pytest.raises(NotReachable):
        following.pause_s(error)
    following = Following("job-1", 0, Retrying(retries=1))
    for _ in range(5):  # but a connection that works for a while counts anew
        following.pause_s(error)
        following.feed(b": still working\n\n")
