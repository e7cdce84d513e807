"""Sweeps on the page: typed, queued, seen as a heat map; mistakes come back with the form."""

import re
import time
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from api.pages.heat_map import heat_map
from api.pages.sweep_form import read_axes
from models.errors import InvalidInput
from tests.api.conftest import PATIENCE_S
from tests.api.sample_answer import scenario_document

AXES = "cluster.pools.h100.nodes: 1, 2, 3\nslo.chat.tpot_s.limit_s: 0.03, 0.05"


def post(client: TestClient, axes: str, scenario: str | None = None) -> Any:
    pasted = yaml.safe_dump(scenario_document(name="fine")) if scenario is None else scenario
    return client.post("/sweeps", data={"scenario": pasted, "axes": axes}, follow_redirects=False)


def test_a_sweep_is_typed_and_seen(client: TestClient) -> None:
    answer = post(client, AXES)
    assert answer.status_code == 303
    where = answer.headers["location"]
    deadline = time.monotonic() + PATIENCE_S
    while "6 of 6" not in (text := client.get(where).text):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "http-equiv" not in text
    assert len(re.findall(r'<th scope="row">', text)) == 3
    assert "optimal: 6" in text
    assert where in client.get("/sweeps").text


@pytest.mark.parametrize(
    ("axes", "scenario", "words"),
    [
        ("", None, "no axis is given"),
        ("nodes", None, "is no axis"),
        ("cluster.pools.h200.nodes: 1", None, "/axes/0/change"),
        ("cluster.pools.h100.nodes: 1, -1", None, "/axes/0/values/1"),
        (AXES, "", "no scenario is pasted"),
        (AXES, "a: [", "This cannot be swept"),
        (AXES, "name: x", "/scenario"),
        ("\n".join(f"a{i}: 1" for i in range(9)), None, "9 axes"),
    ],
)
def test_what_is_wrong_comes_back_with_the_form(
    client: TestClient, axes: str, scenario: str | None, words: str
) -> None:
    answer = post(client, axes, scenario)
    assert answer.status_code == 422
    assert words in answer.text
    assert 'role="alert"' in answer.text
    assert client.get("/v1/sweeps").json()["items"] == []


def test_stopping_a_sweep_from_the_page(client: TestClient) -> None:
    where = post(client, "cluster.pools.h100.nodes: " + ", ".join(map(str, range(1, 60))), None).headers[
        "location"
    ]
    foreign = client.post(f"{where}/cancel", headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert client.post(f"{where}/cancel", follow_redirects=False).status_code == 303


def test_values_are_read_as_what_they_are() -> None:
    [axis] = read_axes("a.b: 1, 2.5, true, null, fp8, 'x y', 1e-3")
    assert axis == {"change": "a.b", "values": [1, 2.5, True, None, "fp8", "x y", 1e-3]}
    with pytest.raises(InvalidInput):
        read_axes("a.b:")


def test_the_heat_map_holds_the_axes_beyond_two() -> None:
    axes = [{"change": name, "values": list(range(size))} for name, size in (("a", 2), ("b", 3), ("c", 2))]
    points = {
        n: {"status": "optimal", "outcome": {"objective_value": float(n), "groups": []}}
        for n in range(12)
        if n != 5
    }
    seen = heat_map(axes, points, "objective_value", {"c": 1})
    assert [[cell.value for cell in cells] for _, cells in seen.rows] == [[1.0, 3.0, None], [7.0, 9.0, 11.0]]
    assert (seen.rows[0][1][2].status, seen.lowest, seen.highest) == ("waiting", 1.0, 11.0)
    assert (seen.rows[0][1][0].shade, seen.rows[1][1][2].shade) == ("h0", "h6")
    one = heat_map(axes[:1], {0: points[0]}, "objective_value", {})
    assert (one.columns, len(one.rows)) == (("objective",), 2)
