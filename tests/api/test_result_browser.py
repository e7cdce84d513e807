"""Pages of answers and plans in a real Chromium: charts drawn under the policy, without scripts, axe."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from db.answers import AnswerRepository
from db.job_work import JobWork
from db.jobs import JobRepository
from models import codec
from planner import pipeline
from tests.api.conftest import PATIENCE_S, served, settings_in
from tests.api.sample_answer import scenario
from tests.api.test_browser import CHROMIUM, PHONE_WIDTH, browser  # noqa: F401

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]
Open = Callable[..., Any]
Pages = dict[str, str]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Addresses of an answer that was really solved, of its first plan and of two plans side by side."""
    answer = pipeline.plan(scenario(options={"top_k": 3, "sensitivity": True}))
    with served(settings_in(tmp_path_factory.mktemp("results"))) as (root, database):
        with database.writing() as session:
            jobs = JobRepository(session)
            job = jobs.add(codec.to_plain(answer.scenario), answer.scenario.name, {})
            claimed = JobWork(session).claim(job.id, "test")
            assert claimed is not None
            JobWork(session).finish(claimed, "succeeded")
            AnswerRepository(session).add(job.id, codec.to_json(answer, indent=None))
        ids = [p.id for p in answer.plans]
        yield {
            "answer": f"{root}/jobs/{job.id}",
            "plan": f"{root}/plans/{ids[0]}",
            "compare": f"{root}/compare?a={ids[0]}&b={ids[1]}",
        }


@pytest.fixture
def open_page(pages: Pages, browser: Any) -> Iterator[Open]:  # noqa: F811
    """Opens a page; whatever the policy blocks, or leaves the service, fails the test."""
    complaints: list[str] = []
    contexts: list[Any] = []
    root = pages["answer"].partition("/jobs/")[0]

    def opened(name: str, width: int = 1280, **options: Any) -> Any:
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith(root) else complaints.append(r.url))
        page.goto(pages[name])
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def drawn(page: Any) -> Any:
    """The chart that plotly drew."""
    plot = page.locator(".js-plotly-plot").first
    plot.locator(".scatterlayer .point").first.wait_for(timeout=PATIENCE_S * 1000)
    return plot


def test_plotly_draws_the_plans_and_a_mark_leads_to_its_plan(open_page: Open) -> None:
    page = open_page("answer")
    plot = drawn(page)
    assert plot.bounding_box()["height"] > 200
    page.evaluate("document.querySelectorAll('details.plan').forEach((d) => { d.open = false; })")
    plot.locator(".scatterlayer .point").first.scroll_into_view_if_needed()
    box = plot.locator(".scatterlayer .point").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator(".hoverlayer .hovertext").first.wait_for()
    assert "tokens/s per user" in page.locator(".hoverlayer").text_content()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**#plan-*")
    rank = page.url.rpartition("-")[2]
    assert page.locator(f"#plan-{rank}").evaluate("d => d.open")


def test_marks_are_painted_in_the_colours_of_the_scheme(open_page: Open) -> None:
    fills = []
    for scheme in ("light", "dark"):
        plot = drawn(open_page("plan", color_scheme=scheme))
        mark = plot.locator(".scatterlayer .point").first
        fills.append(mark.evaluate("m => getComputedStyle(m).fill"))
    assert fills[0] != fills[1]
    assert all(fill not in ("rgb(0, 0, 0)", "none") for fill in fills)


def test_without_scripts_everything_is_there(open_page: Open) -> None:
    page = open_page("answer", java_script_enabled=False)
    assert page.locator(".js-plotly-plot").count() == 0
    chart = page.get_by_role("group", name="Plans by output tokens")
    assert chart.is_visible()
    assert chart.get_by_role("link").count() >= 1
    page.get_by_role("link", name="Simplest").click()
    assert "fewest different groups" in page.inner_text("main")
    page.get_by_role("checkbox", name="compare plan 1").check()
    page.get_by_role("checkbox", name="compare plan 2").check()
    page.get_by_role("button", name="Compare two plans").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Two plans side by side"


def test_what_if_works_without_scripts_and_with_a_slider(open_page: Open) -> None:
    page = open_page("plan", java_script_enabled=False)
    assert page.locator("input[type=range]").count() == 0
    page.get_by_label("node count of h100 becomes").fill("1")
    page.get_by_role("button", name="Solve again").click(timeout=PATIENCE_S * 1000)
    assert "cluster.pools.h100.nodes from 2 to 1" in page.get_by_role("status").inner_text()
    page = open_page("plan")
    slider = page.get_by_role("slider", name="node count of h100")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_label("node count of h100 becomes").input_value() == "3"


def test_json_is_copied(open_page: Open) -> None:
    page = open_page("plan", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_text("This plan as JSON").click()
    page.get_by_role("button", name="Copy JSON").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith('{\n  "rank": 1')


@pytest.mark.parametrize("name", ["answer", "plan", "compare"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_the_page_fits_a_phone(open_page: Open, name: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    page = open_page(name, PHONE_WIDTH, color_scheme=scheme)
    if name != "compare":
        drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH
    page.set_viewport_size({"width": 1280, "height": 900})
    found = axe.Axe().run(page).response["violations"]
    grave = [
        (v["id"], [node["html"][:160] for node in v["nodes"][:3]])
        for v in found if v["impact"] in ("serious", "critical")
    ]  # fmt: skip
    assert grave == []
