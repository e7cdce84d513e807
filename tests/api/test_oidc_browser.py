"""The organisation's login in a real Chromium: there, back across the two sites, and in."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from pydantic import SecretStr

from api.app import create_app
from db.database import Database
from tests.api.conftest import PATIENCE_S, settings_in, thread_queue
from tests.api.oidc_provider import CLIENT_ID, CLIENT_SECRET, LittleProvider

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]
BUTTON = "Log in with your organisation"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A service at localhost; the provider is another site, 127.0.0.1."""
    provider = LittleProvider()
    settings = settings_in(
        tmp_path,
        requires_keys=True,
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=SecretStr(CLIENT_SECRET),
    )
    database = Database(settings.database_url)
    queue = thread_queue(database, settings, workers=1)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(create_app(settings, queue), log_level="warning", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        deadline = time.monotonic() + PATIENCE_S
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield f"http://localhost:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
    database.close()
    provider.stop()


@pytest.fixture
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


def test_a_person_logs_in_by_keyboard_on_a_phone_without_scripts(address: str, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 800}, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/jobs")
    assert page.url == f"{address}/login"
    link = page.get_by_role("link", name=BUTTON)
    box = link.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert box["height"] >= 44
    link.press("Enter")
    page.wait_for_url(f"{address}/")
    cookies = {cookie["name"]: cookie for cookie in context.cookies()}
    assert set(cookies) == {"shardwright_session", "shardwright_forms"}  # the ticket is gone
    assert cookies["shardwright_session"]["httpOnly"]
    page.goto(f"{address}/jobs")
    assert page.url == f"{address}/jobs"


def test_a_refusal_is_an_alert_beside_both_ways_in(address: str, browser: Any) -> None:
    page = browser.new_context().new_page()
    answer = page.goto(f"{address}/login/oidc/callback?state=x&code=y")
    assert answer.status == 403
    assert "did not begin in this browser" in page.get_by_role("alert").inner_text()
    assert page.get_by_role("link", name=BUTTON).is_visible()
    assert page.get_by_label("API key").is_visible()
