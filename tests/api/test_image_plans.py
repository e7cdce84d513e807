"""A plan with an encode group as table, page and document."""

import json
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from api.pages.plan_page import shown_plan
from api.render.answer import print_answer
from models import codec
from models.plan import RankedPlans
from planner import pipeline
from tests.api.conftest import A_REQUEST
from tests.planner.image_scenes import two_nodes


@pytest.fixture(scope="module")
def planned() -> RankedPlans:
    return pipeline.plan(two_nodes(top_k=2))


def test_the_table_names_the_encode_group_and_what_stands_behind_it(planned: RankedPlans) -> None:
    console = Console(file=StringIO(), width=200)
    print_answer(planned, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "encode" in text
    assert "aggregated, language only" in text
    assert "the image encoder" in text


def test_the_page_names_them_too(planned: RankedPlans) -> None:
    job: Any = SimpleNamespace(id="job")
    text = bytes(shown_plan(A_REQUEST, job, planned, planned.plans[0]).body).decode()
    assert "<td>encode</td>" in text
    assert "<td>aggregated, language only</td>" in text
    assert "the image encoder" in text


def test_the_document_holds_them_and_is_read_back(planned: RankedPlans) -> None:
    document = json.loads(codec.to_json(planned))
    groups = document["plans"][0]["groups"]
    assert {g["role"]: g["language_only"] for g in groups} == {"encode": False, "aggregated": True}
    shares = {g["role"]: 0.0 for g in groups}
    for group in groups:
        shares[group["role"]] += group["traffic_share"]
    assert list(shares.values()) == pytest.approx([1.0] * len(shares))
    assert codec.from_plain(RankedPlans, document) == planned
    placed = {p["group"] for p in document["plans"][0]["placement"]}
    assert placed == set(range(len(groups)))
