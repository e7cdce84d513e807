"""The step chart of a running job, from its stored events."""

import pytest

from api.pages.convergence import APART, BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Convergence, convergence
from db.records import Event


def event(number: int, kind: str = "incumbent", **data: float | str) -> Event:
    return Event(number=number, kind=kind, data={"state": "running", "phase": "solving", **data})


def chart(*events: Event) -> Convergence:
    found = convergence(events)
    assert found is not None
    return found


def points(found: Convergence, name: str) -> list[tuple[float, float]]:
    line = next(line for line in found.lines if line.name == name)
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.points.split())]


CONVERGING = (
    event(1, "progress"),
    event(2, bound=20.0),
    event(3, incumbent=8.0, bound=16.0, gap=1.0),
    event(4, incumbent=11.0),
    event(5, bound=12.0, gap=0.09),
    event(6, "done"),
)


def test_nothing_is_drawn_before_the_first_figure() -> None:
    assert convergence([]) is None
    assert convergence([event(1, "progress"), event(2, "log", message="hello")]) is None


def test_every_report_holds_what_is_known_by_then() -> None:
    told = [(r.number, r.incumbent, r.bound) for r in chart(*CONVERGING).reports]
    assert told == [(2, None, 20.0), (3, 8.0, 16.0), (4, 11.0, 16.0), (5, 11.0, 12.0)]


def test_lines_are_steps_from_left_to_right_and_come_together() -> None:
    found = chart(*CONVERGING)
    best, bound = points(found, "best so far"), points(found, "bound")
    for line in (best, bound):
        assert [x for x, _ in line] == sorted(x for x, _ in line)
        assert all(a[0] == b[0] or a[1] == b[1] for a, b in zip(line, line[1:], strict=False))
        assert line[-1][0] == WIDTH - RIGHT
    assert bound[0] == (LEFT, TOP)  # 20 is the highest
    assert best[0][0] > LEFT  # there was no plan at the first report
    assert best[0][1] == HEIGHT - BOTTOM  # 8 is the lowest
    assert best[-1][1] > bound[-1][1] > TOP
    assert (found.lowest, found.highest) == (8.0, 20.0)


def test_one_value_lies_halfway_and_both_names_can_be_read() -> None:
    found = chart(event(1, incumbent=5.0, bound=5.0, gap=0.0))
    heights = {y for name in ("best so far", "bound") for _, y in points(found, name)}
    assert heights == {TOP + (HEIGHT - BOTTOM - TOP) / 2}
    assert abs(found.lines[0].name_y - found.lines[1].name_y) == pytest.approx(APART)


def test_a_bound_alone_is_drawn() -> None:
    assert [line.name for line in chart(event(1, bound=3.0)).lines] == ["bound"]
