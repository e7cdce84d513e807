"""The pages that ask and wait in a real Chromium: by keyboard, without scripts, on a phone, and under axe."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import PATIENCE_S
from tests.api.sample_answer import EXAMPLE
from tests.api.test_browser import CHROMIUM, PHONE_WIDTH, address, browser, open_page

__all__ = ["address", "browser", "open_page"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]
Open = Callable[..., Any]
FOLDER = os.environ.get("SHARDWRIGHT_SCREENSHOTS")
INTERACTIVE_MS = 1000
SERIOUS = ("serious", "critical")
PATHS = (
    "/",
    "/?preset=code",
    "/jobs",
    "/catalogue?q=h100",
    "/catalogue/devices/h100-sxm",
    "/catalogue/engines/sglang",
    "/catalogue/models/deepseek-ai/DeepSeek-V3",
)
"""The catalogue with few rows: they are all alike, and axe looks at every cell."""


def picture(page: Any, name: str) -> None:
    """Keep a picture of the page where a folder for them is named."""
    if FOLDER:
        Path(FOLDER).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(FOLDER) / f"{name}.png", full_page=True)


def findings(page: Any) -> list[str]:
    """What axe holds to be serious or critical."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    looked = axe.Axe().run(page).response
    assert len(looked["passes"]) > 10, "axe has looked at nothing"
    found = looked["violations"]
    return [f"{v['id']}: {n['html'][:200]}" for v in found if v["impact"] in SERIOUS for n in v["nodes"]]


def ask(page: Any, name: str) -> None:
    """Paste a scenario that the scripted child answers as its name says."""
    page.get_by_label("Scenario (YAML or JSON)").fill(
        EXAMPLE.read_text().replace("name: llama-70b-2x8-h100", f"name: {name}")
    )
    page.get_by_role("button", name="Find plans for this scenario").click()


@pytest.fixture
def never_ends(open_page: Open, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens the page of a job that has told figures and goes on until it is cancelled."""
    pages = []

    def opened(*where: Any, **options: Any) -> Any:
        pages.append(open_page(*where, **options))
        ask(pages[-1], f"sleep {tmp_path / 'pid'}")
        pages[-1].locator("#now", has_text="gap 13.60 %").wait_for(timeout=PATIENCE_S * 1000)
        return pages[-1]

    yield opened
    for page in pages:
        cancel = page.get_by_role("button", name="Cancel")
        if cancel.count():
            cancel.click()
            page.get_by_text("was stopped").wait_for(timeout=PATIENCE_S * 1000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, PHONE_WIDTH])
def test_axe_finds_nothing_serious(open_page: Open, address: str, width: int, scheme: str) -> None:
    page = open_page(width, color_scheme=scheme)
    ask(page, "asked for axe")
    page.get_by_role("heading", name="Ranked plans").wait_for(timeout=PATIENCE_S * 1000)
    for path in PATHS:
        page.goto(address + path)
        assert findings(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        picture(page, f"{re.sub('[^a-z0-9]+', '-', path.lower()).strip('-') or 'form'}-{scheme}-{width}")
    page.goto(address)
    page.get_by_label("Nodes").fill("none")
    page.get_by_text("What these rest on").click()
    page.get_by_role("button", name="Find plans", exact=True).click()
    page.get_by_role("alert").wait_for()
    assert findings(page) == []
    picture(page, f"form-with-a-mistake-{scheme}-{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, PHONE_WIDTH])
def test_axe_finds_nothing_serious_while_a_job_runs(
    never_ends: Callable[..., Any], width: int, scheme: str
) -> None:
    page = never_ends(width, color_scheme=scheme)
    page.get_by_text("Every report in figures").click()
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture(page, f"running-{scheme}-{width}")


def test_the_form_is_there_within_a_second(open_page: Open) -> None:
    page = open_page()
    took_ms = []
    for _ in range(3):
        page.reload(wait_until="load")
        times = page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
        took_ms.append(times["loadEventEnd"] - times["startTime"])
    assert min(took_ms) < INTERACTIVE_MS
    sizes = page.evaluate("performance.getEntriesByType('resource').map(r => r.decodedBodySize)")
    assert sum(sizes) < 100_000


def test_a_newcomer_gets_a_plan_with_one_click(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Plan this now").click()
    page.get_by_role("heading", name="Ranked plans").wait_for(timeout=PATIENCE_S * 1000)


def press_until(page: Any, key: str, wanted: str, most: int = 120) -> None:
    """Press a key until the element with focus says ``wanted`` (its text, label, name or value)."""
    for _ in range(most):
        page.keyboard.press(key)
        words = page.evaluate(
            "(e => [e.id, e.textContent.trim().slice(0, 80), e.value].join('|'))(document.activeElement)"
        )
        if wanted in words:
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"{wanted} shows no focus"
            return
    raise AssertionError(f"{wanted!r} is never reached")


def test_the_whole_story_by_keyboard_alone(open_page: Open) -> None:
    page = open_page()
    press_until(page, "Tab", "Skip to content", most=1)
    page.keyboard.press("Enter")
    press_until(page, "Tab", "Summarise long documents")
    picture(page, "keyboard-1-preset")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Plan: summarise long documents").wait_for()
    press_until(page, "Tab", "nodes|")
    page.keyboard.press("Control+A")
    page.keyboard.type("4")
    press_until(page, "Tab", "Chat|")
    page.keyboard.press("Enter")
    assert page.get_by_label("Input [tokens]").input_value() == "1200"
    press_until(page, "Tab", "ttft_limit_s|")
    press_until(page, "Tab", "|", most=1)
    before = page.get_by_label("Time to first token at most [s]", exact=True).input_value()
    page.keyboard.press("ArrowRight")
    assert float(page.get_by_label("Time to first token at most [s]", exact=True).input_value()) > float(
        before
    )
    press_until(page, "Tab", "name|")
    page.keyboard.press("Control+A")
    page.keyboard.type("typed only")
    picture(page, "keyboard-2-edited")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Ranked plans").wait_for(timeout=PATIENCE_S * 1000)
    assert page.get_by_role("heading", level=1).inner_text() == "typed only"
    picture(page, "keyboard-3-answer")
    press_until(page, "Tab", "Jobs")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="typed only").wait_for()
    picture(page, "keyboard-4-jobs")


def test_the_whole_story_without_scripts(open_page: Open, tmp_path: Path) -> None:
    page = open_page(java_script_enabled=False)
    page.get_by_role("link", name="Least cost for a small model").click()
    picture(page, "no-scripts-1-preset")
    page.get_by_label("One copy cut over (tp)").select_option("4")
    page.get_by_role("button", name="Show memory").click()
    assert "with tp4 on l40s" in page.get_by_role("status").first.inner_text()
    page.get_by_role("button", name="Code completion").click()
    assert page.get_by_label("Output [tokens]").input_value() == "30"
    picture(page, "no-scripts-2-memory-and-traffic")
    page.get_by_label("Name of this question").fill("without scripts")
    page.get_by_role("button", name="Find plans", exact=True).click()
    page.get_by_role("heading", name="Ranked plans").wait_for(timeout=PATIENCE_S * 1000)
    picture(page, "no-scripts-3-answer")
    page.get_by_role("link", name="Catalogue").click()
    page.get_by_label("Search").fill("l40s")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="l40s").first.click()
    assert page.get_by_role("heading", level=1).inner_text() == "NVIDIA L40S 48GB"
    page.get_by_role("link", name="New plan").click()
    ask(page, f"sleep {tmp_path / 'pid'}")
    page.locator("#now", has_text="gap 13.60 %").wait_for(
        timeout=PATIENCE_S * 1000
    )  # it has refreshed itself
    picture(page, "no-scripts-4-running")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("was stopped").wait_for()


def test_memory_follows_what_is_typed(open_page: Open) -> None:
    page = open_page()
    words = page.locator("#memory-words")
    assert page.get_by_role("button", name="Show memory").is_hidden()
    assert words.inner_text().startswith("67 sequences of 3,300 tokens")
    page.get_by_label("Weights").select_option("bf16")
    page.get_by_text("bf16, kv auto").wait_for()
    page.get_by_label("One copy cut over (tp)").select_option("1")
    page.get_by_text("It does not fit with tp1").wait_for()
    page.get_by_label("One copy cut over (tp)").select_option("8")
    page.get_by_text("fit at once with tp8 on h100-sxm").wait_for()
    page.get_by_label("Input [tokens]").fill("9700")
    page.get_by_text("sequences of 10,000 tokens").wait_for()
    page.get_by_role("button", name="Agents").click()
    page.get_by_text("sequences of 12,400 tokens").wait_for()
    assert page.url.rstrip("/").count("/") == 2
    assert page.get_by_label("Input found in prefix cache").input_value() == "80"
    picture(page, "memory-bar")


def test_sliders_and_numbers_go_together(open_page: Open) -> None:
    page = open_page()
    number = page.get_by_label("Time per output token at most [ms]", exact=True)
    slider = page.get_by_role("slider", name="Time per output token at most")
    assert float(slider.input_value()) == pytest.approx(50, abs=1)  # halfway between 5 and 500
    slider.fill("100")
    assert number.input_value() == "500"
    number.fill("5")
    assert slider.input_value() == "0"
    assert slider.get_attribute("aria-valuetext") == "5 ms"
    number.fill("")
    assert slider.get_attribute("aria-valuetext") == "no limit"


def test_a_running_job_changes_in_place(never_ends: Callable[..., Any]) -> None:
    page = never_ends()
    page.evaluate("window.kept = true")
    assert page.get_by_role("status").inner_text().startswith("▶ running solving: best so far 11")
    assert page.get_by_role("img", name="Best so far 11 and bound 12.5").is_visible()
    before = page.locator("[data-since]").inner_text()
    page.wait_for_function("old => document.querySelector('[data-since]').textContent !== old", arg=before)
    assert page.evaluate("window.kept")


def test_the_search_box_of_the_catalogue_hides_rows_as_it_is_filled(open_page: Open, address: str) -> None:
    page = open_page()
    page.goto(f"{address}/catalogue")
    page.get_by_label("Search").fill("mi300")
    assert page.get_by_role("link", name="mi300x").first.is_visible()
    assert page.get_by_role("link", name="h100-sxm").first.is_hidden()
    assert re.fullmatch(r"2 of \d+ rows", page.get_by_role("status").inner_text())
