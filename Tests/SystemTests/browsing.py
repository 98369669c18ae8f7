"""A browser on the first page: what the tests of the page share."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from playwright.sync_api import expect, sync_playwright

from gateway_process import BIN, ROOT

CHROMIUM = shutil.which("chromium")
PAGES = ["--pages", ROOT / "Pages", "--pages", f"/client={ROOT / 'Clients' / 'js' / 'src'}"]
# Pictures for Docs/ are taken only if this names a folder.
SHOTS = os.environ.get("TICKERTAPE_SHOTS")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"])
        yield running
        running.close()


class Visit:
    """A fresh profile on a page, and everything that the browser complained of."""

    def __init__(self, browser, url, script="", has_clock=False, **options):
        self.context = browser.new_context(**{"viewport": {"width": 1200, "height": 760}, **options})
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error('policy', e.violatedDirective, e.blockedURI));")
        if has_clock:
            # One that `page.clock` moves on.
            self.page.clock.install()
        if script:
            self.page.add_init_script(script)
        self.page.goto(url)

    def shot(self, name):
        if SHOTS:
            self.page.screenshot(path=pathlib.Path(SHOTS) / f"page-{name}.png")

    def state(self, words, seconds=30):
        expect(self.page.locator("#state")).to_have_text(words, timeout=seconds * 1000)

    def price(self, symbol):
        return self.page.locator(f'tr[data-key="{symbol}"] td').first


@pytest.fixture
def visit(browser):
    """`visit(url)` opens a page in a profile of its own."""
    visits = []

    def begin(url, **options):
        visits.append(Visit(browser, url, **options))
        return visits[-1]

    yield begin
    for one in visits:
        one.context.close()


def publish(gateway, key, **data):
    done = subprocess.run(
        [BIN / "tickertape", "publish", "price:update", "--key", key, "--data", json.dumps(data), "--endpoint", gateway.url],
        capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
