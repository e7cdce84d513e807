"""The page in a real Chromium: filled in, submitted, read; on a phone and without scripts."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api.conftest import PATIENCE_S, served, settings_in

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]
PHONE_WIDTH = 360
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(settings_in(tmp_path_factory.mktemp("browser"))) as (root, _):
        yield root


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def open_page(address: str, browser: Any) -> Iterator[Open]:
    """Opens the form; whatever leaves the service, or is blocked, fails the test."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def opened(width: int = 1280, **options: Any) -> Any:
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda r: None if r.url.startswith(address) else complaints.append(r.url))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [c for c in complaints if "422" not in c] == []


def test_a_question_is_asked_and_answered_without_scripts(open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    page.get_by_label("Model", exact=True).select_option("meta-llama/Meta-Llama-3.1-8B")
    page.get_by_label("Nodes").fill("3")
    page.get_by_label("Time per output token at most").fill("40")
    page.get_by_label("Name of this question").fill("asked in a browser")
    page.get_by_role("button", name="Find plans", exact=True).click()
    page.get_by_role("heading", name="Ranked plans").wait_for(timeout=PATIENCE_S * 1000)
    assert page.get_by_role("heading", level=1).inner_text() == "asked in a browser"
    assert "3 × tp2 prefill" in page.get_by_role("table").first.inner_text()
    page.get_by_role("link", name="Permanent link").first.click()
    assert page.get_by_role("heading", level=1).inner_text() == "Plan 1"
    assert page.get_by_role("img").first.is_visible()
    page.get_by_role("link", name="Jobs").click()
    assert page.get_by_role("link", name="asked in a browser").is_visible()


def test_a_mistake_is_shown_at_its_field(open_page: Open) -> None:
    page = open_page()
    page.get_by_label("Devices per node").fill("eight")
    page.get_by_label("Input [tokens]").fill("1234")
    page.get_by_role("button", name="Find plans", exact=True).click()
    assert "1 thing needs another look" in page.get_by_role("alert").inner_text()
    field = page.get_by_label("Devices per node")
    assert field.get_attribute("aria-invalid") == "true"
    assert field.input_value() == "eight"
    assert page.get_by_label("Input [tokens]").input_value() == "1234"
    page.get_by_role("alert").get_by_role("link").click()
    assert page.url.endswith("#devices_per_node")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(open_page: Open, scheme: str) -> None:
    page = open_page(PHONE_WIDTH, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in ground[4:-1].split(",")[:3]) / 3
    assert (brightness < 128) == (scheme == "dark")
    page.get_by_role("button", name="Find plans", exact=True).click()
    page.get_by_role("heading", name="Ranked plans").wait_for(timeout=PATIENCE_S * 1000)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH


def test_it_is_used_by_keyboard_alone(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.get_by_label("Name of this question").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Ranked plans").wait_for(timeout=PATIENCE_S * 1000)
