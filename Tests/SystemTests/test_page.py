"""The first page, in a browser: what a person sees within a minute, and what happens to it when the gateway goes away."""

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request

import pytest
from playwright.sync_api import expect

from browsing import PAGES, browser, publish, visit  # noqa: F401 (fixtures)
from gateway_process import BIN, ROOT, Gateway, free_port
from readme import Shell, checkout, shell_line, stand_in_for_swift

DATA = next((ROOT / "Data").glob("*.csv"))


@pytest.fixture
def gateway(tmp_path):
    about = "Recorded S&P 500 daily bars, 2018-01-02 to 2018-02-07, replayed at 1000 a second"
    running = Gateway(tmp_path, *PAGES, "--about", about).start()
    yield running
    running.stop()
    print(running.log())


@pytest.fixture
def feed(gateway):
    """`feed(rate)` feeds the recorded bars until the test ends."""
    feeding = []

    def begin(rate=50, path=DATA):
        feeding.append(subprocess.Popen(
            [BIN / "tickertape", "feed", path, "--rate", str(rate), "--key", "symbol", "--loop", "--endpoint", gateway.url],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return feeding[-1]

    yield begin
    for one in feeding:
        one.terminate()
        one.wait(20)


def canvas(page, selector):
    return page.evaluate("(selector) => document.querySelector(selector).toDataURL()", selector)


def canvas_changes(page, selector, seconds):
    before, end = canvas(page, selector), time.monotonic() + seconds
    while time.monotonic() < end:
        if canvas(page, selector) != before:
            return True
        page.wait_for_timeout(100)
    return False


def test_make_run_names_a_page_that_lives_within_a_minute(visit, programs, tmp_path):
    (tmp_path / "checkout").mkdir()
    shell = Shell(checkout(tmp_path / "checkout", programs))
    port, shown = free_port(), tmp_path / "run"
    running = shell.start(
        f"exec {shell_line('make run')}", shown, PORT=str(port), SWIFT=str(stand_in_for_swift(tmp_path, programs)), RATE="5000")
    try:
        begun = time.monotonic()
        while not (found := re.findall(r"^  (http://\S+/)$", shown.read_text(), re.M)):
            assert running.poll() is None and time.monotonic() < begun + 60, shown.read_text()
            time.sleep(0.05)
        begun = time.monotonic()
        here = visit(found[-1])
        here.state("live")
        expect(here.page.locator("#about")).to_have_text(
            "Recorded S&P 500 daily bars, 2018-01-02 to 2018-02-07, replayed at 5000 a second.", timeout=30_000)
        expect(here.page.locator("#now")).to_contain_text(re.compile(r"2018-0[12]-\d\d, pass 1"), timeout=30_000)
        here.page.wait_for_selector("#chart canvas", timeout=30_000)
        assert canvas_changes(here.page, "#chart canvas", 30)
        assert canvas_changes(here.page, "#symbols canvas", 30)
        assert time.monotonic() - begun < 60
        # The bars end, and begin again: the page lives on, and its first bar is one of the new pass.
        expect(here.page.locator("#now")).to_contain_text("pass 2", timeout=60_000)
        assert canvas_changes(here.page, "#chart canvas", 30)
        assert here.complaints == []
    finally:
        os.killpg(running.pid, signal.SIGINT)
        running.wait(30)


def test_over_a_killed_gateway_the_page_goes_on_by_itself(gateway, visit):
    publish(gateway, "AAPL", price=170.5, date="2018-01-02")
    here = visit(gateway.url)
    here.state("live")
    expect(here.price("AAPL")).to_have_text("170.50")
    gateway.stop(signal.SIGKILL)
    here.state("not connected")
    expect(here.page.locator("#banner")).to_be_visible()
    expect(here.page.locator("#banner")).to_contain_text("Offline. The prices below are those of ")
    gateway.start()
    publish(gateway, "AAPL", price=171.5, date="2018-01-03")
    here.state("live")
    expect(here.price("AAPL")).to_have_text("171.50")
    expect(here.page.locator("#banner")).to_be_hidden()
    expect(here.page.locator("#reconnects")).to_have_text("1")
    expect(here.page.locator("#losses")).to_have_text("nothing missed, nothing folded")
    # Failed handshakes are the browser's to complain of; nothing else is.
    assert [one for one in here.complaints if "ERR_CONNECTION_REFUSED" not in one] == []


def test_nothing_is_computed_over_the_seam_of_two_passes(gateway, visit):
    here = visit(gateway.url)
    here.state("live")
    change = here.page.locator('tr[data-key="AAPL"] td').nth(1)
    publish(gateway, "AAPL", price=100, date="2018-01-02", **{"pass": 1})
    publish(gateway, "AAPL", price=150, date="2018-01-03", **{"pass": 1})
    expect(change).to_have_text("▲ +50.00 (+50.00 %)")
    publish(gateway, "AAPL", price=90, date="2018-01-02", **{"pass": 2})
    expect(change).to_have_text("0.00")
    publish(gateway, "AAPL", price=99, date="2018-01-03", **{"pass": 2})
    expect(change).to_have_text("▲ +9.00 (+10.00 %)")
    # A feed that was started again by hand bears no other pass, and begins again all the same.
    publish(gateway, "AAPL", price=100, date="2018-01-02", **{"pass": 2})
    expect(change).to_have_text("0.00")
    assert here.complaints == []


def test_hostile_data_is_text_and_what_is_no_price_is_counted(gateway, visit):
    here = visit(gateway.url)
    here.state("live")
    evil = "<img src=x onerror=alert(1)>"
    publish(gateway, "SAFE", price=1, date=evil)
    publish(gateway, evil, price=2, date=evil)
    publish(gateway, "__proto__", price=3)
    publish(gateway, "BAD", price=evil)
    publish(gateway, "BAD", price={"toString": evil})
    expect(here.price("__proto__")).to_have_text("3.00")
    expect(here.page.locator("#losses")).to_contain_text("2 passed over")
    expect(here.page.locator("tbody th").first).to_contain_text("<img src=x")
    assert here.page.locator("img").count() == 0
    assert here.complaints == []


def test_the_keyboard_reaches_everything(gateway, visit):
    for key, price in (("AAPL", 170), ("MSFT", 85), ("XOM", 83)):
        publish(gateway, key, price=price, date="2018-01-02")
        publish(gateway, key, price=price + 1, date="2018-01-03")
    here = visit(gateway.url)
    here.state("live")
    expect(here.price("XOM")).to_have_text("84.00")
    keyboard, focused = here.page.keyboard, here.page.locator(":focus")
    keyboard.press("/")
    keyboard.type("m")
    expect(here.page.locator("#count")).to_have_text("2 of 3")
    keyboard.press("ArrowDown")
    keyboard.press("ArrowDown")
    expect(focused).to_have_text("XOM")
    keyboard.press("Enter")
    expect(here.page.locator("#chosen")).to_have_text("XOM")
    assert here.page.url.endswith("#XOM")
    publish(gateway, "XOM", price=90, date="2018-01-04")
    expect(here.page.locator("#reading")).to_contain_text("2018-01-04: close 90.00")
    here.page.locator("#chart").focus()
    keyboard.press("ArrowLeft")
    expect(here.page.locator("#chart")).to_have_attribute("aria-valuetext", re.compile("2018-01-03: close 84.00"))
    keyboard.press("/")
    keyboard.press("Control+a")
    keyboard.type("nothing")
    expect(here.page.locator("#empty")).to_contain_text("Escape clears the search")
    keyboard.press("Escape")
    expect(here.page.locator("#count")).to_have_text("3 symbols")
    assert here.complaints == []


def test_an_empty_page_says_where_prices_come_from(gateway, visit):
    here = visit(gateway.url)
    here.state("live")
    expect(here.page.locator("#empty-command")).to_contain_text(".build/release/tickertape feed Data/*.csv")
    expect(here.page.locator("#empty-command")).to_contain_text(gateway.url)
    assert here.complaints == []


def test_who_is_refused_is_told_how_to_get_a_key_and_comes_in_with_it(tmp_path, visit):
    gateway = Gateway(tmp_path, *PAGES, access="required").start()
    try:
        here = visit(gateway.url)
        expect(here.page.locator("#key-form")).to_be_visible(timeout=30_000)
        expect(here.page.locator("#empty-command")).to_contain_text("tickertape keys create")
        made = subprocess.run(
            [BIN / "tickertape", "keys", "create", "--store", gateway.store, "--user", "page", "--role", "viewer", "--json"],
            capture_output=True, text=True, timeout=30)
        here.page.fill("#key", json.loads(made.stdout)["key"])
        here.page.keyboard.press("Enter")
        here.state("live")
        expect(here.page.locator("#key-form")).to_be_hidden()
        assert not [one for one in here.complaints if "HTTP Authentication failed" not in one]
    finally:
        gateway.stop()


def test_five_hundred_symbols_light_dark_on_a_phone_and_offline(gateway, feed, visit):
    feeding = feed(rate=1000)
    here = visit(f"{gateway.url}/#AAPL")
    here.state("live")
    expect(here.page.locator("#count")).to_have_text("505 symbols", timeout=60_000)
    dark = visit(f"{gateway.url}/#AAPL", color_scheme="dark")
    phone = visit(f"{gateway.url}/#AAPL", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, device_scale_factor=2)
    for one in (dark, phone):
        one.state("live")
        expect(one.page.locator("#chosen")).to_have_text("AAPL")
        expect(one.page.locator("tr.chosen button")).to_have_text("AAPL")
    here.page.wait_for_timeout(int(os.environ.get("TICKERTAPE_SHOT_MILLISECONDS", "500")))
    here.page.locator("#chart").hover(position={"x": 300, "y": 120})
    here.shot("light")
    dark.shot("dark")
    phone.shot("phone")
    # Nothing is cut off, and nothing scrolls sideways.
    for one in (here, dark, phone):
        width = one.page.viewport_size["width"]
        assert one.page.evaluate("document.documentElement.scrollWidth") <= width
        assert one.page.evaluate(
            "['table', '#find', '#chart', '.connection'].every((one) => { const box = document.querySelector(one);"
            " return box.getBoundingClientRect().right <= box.parentElement.getBoundingClientRect().right + 0.5 })")
    feeding.terminate()
    # What is out of sight is written when it comes into sight.
    last = phone.page.locator("#symbols tr").last
    last.scroll_into_view_if_needed()
    last.click()
    expect(phone.page.locator("#chosen")).to_have_text(last.get_attribute("data-key"))
    expect(last.locator("td").first).to_have_text(phone.page.locator("#chosen-price").inner_text())
    expect(last.locator("td").nth(1)).not_to_have_text("")
    gateway.stop()
    here.state("not connected")
    here.page.wait_for_timeout(200)
    here.shot("offline")
    for one in (here, dark, phone):
        assert [words for words in one.complaints if "ERR_CONNECTION_REFUSED" not in words and "WebSocket" not in words] == []


def ask(gateway, path, **headers):
    with urllib.request.urlopen(urllib.request.Request(f"{gateway.url}{path}", headers=headers), timeout=10) as answer:
        return answer.headers, answer.read()


def test_page_and_client_are_at_most_25_kilobytes_as_they_are_sent(gateway):
    """Everything that the page loads, each file compressed by itself."""
    names = [path.name for path in (ROOT / "Pages").iterdir()]
    paths = [f"/{name}" for name in names] + [f"/client/{path.name}" for path in (ROOT / "Clients/js/src").glob("*.js")]
    total = 0
    for path in paths:
        headers, body = ask(gateway, path, **{"Accept-Encoding": "gzip"})
        plain = gzip.decompress(body) if headers["Content-Encoding"] == "gzip" else body
        assert plain == ask(gateway, path)[1]
        total += len(body)
    assert len(paths) > 10 and 10_000 < total <= 25 * 1024, total


def test_the_drawer_is_at_most_4_kilobytes():
    done = subprocess.run([shutil.which("esbuild"), "--minify", ROOT / "Pages" / "chart.js"], capture_output=True, timeout=60)
    assert done.returncode == 0 and 1_000 < len(done.stdout) <= 4096, len(done.stdout)


def test_nothing_of_the_page_is_inline_or_becomes_html():
    text = {path.name: path.read_text() for path in (ROOT / "Pages").iterdir()}
    assert len(text) > 7
    for name, content in text.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|importmap", content), name
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text["index.html"])


def test_who_asks_for_no_page_is_told_how_the_gateway_is(gateway):
    headers, body = ask(gateway, "/", Accept="*/*")
    assert headers["Content-Type"] == "application/json" and headers["Vary"] == "Accept, Accept-Encoding"
    assert json.loads(body)["status"] == "ok" and json.loads(body)["stage"] == "dev"
