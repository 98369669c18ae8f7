"""Streams of events over HTTP behind the local gateway, with clients of other makers, through kills of the function."""

import json
import os
import shutil
import signal
import subprocess
import time

import httpx
import pytest
from httpx_sse import connect_sse
from playwright.sync_api import sync_playwright

from gateway_process import ROOT, Gateway, tickertape

PRICES = "/api/stream/prices?symbols=AAPL,GOOGL"


@pytest.fixture
def serve(tmp_path):
    gateway = Gateway(
        tmp_path, "--pages", str(ROOT / "Pages"), environment={"STREAM_RETRY_MILLISECONDS": "200"}).start()
    yield gateway
    gateway.stop()
    print(gateway.log())


def publish(gateway, *prices):
    lines = "".join(
        json.dumps({"type": "price:update", "key": "AAPL", "data": {"symbol": "AAPL", "price": price}}) + "\n" for price in prices)
    ran = tickertape("publish", "-", "--endpoint", gateway.url, input=lines)
    assert ran.returncode == 0, ran.stderr


def kill_function(gateway):
    """Answers when another environment can be told from it."""
    killed = gateway.environments("StreamHandler")
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    return killed


def wait_for(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_curl_shows_prices_as_they_come(serve):
    publish(serve, 1)
    with subprocess.Popen(
            ["curl", "-sN", "--compressed", serve.url + PRICES], stdout=subprocess.PIPE, text=True) as curl:
        try:
            lines = iter(curl.stdout.readline, "")
            assert next(lines) == "event: connection\n"
            assert '"initializing":true' in next(line for line in lines if line.startswith("data: ") and "AAPL" in line)
            # Whatever is compressed and held back would not come before the next event.
            for price in range(2, 5):
                publish(serve, price)
                assert f'"price": {price},' in next(line for line in lines if line.startswith("data: "))
        finally:
            curl.kill()


def test_every_event_comes_once_and_in_order_through_three_kills_of_the_function(serve):
    got, last = [], None
    publish(serve, 0)
    with httpx.Client(timeout=30) as client:
        for round_ in range(4):
            headers = {"Last-Event-ID": last} if last else {}
            try:
                with connect_sse(client, "GET", serve.url + PRICES, headers=headers) as source:
                    for event in source.iter_sse():
                        last = event.id or last
                        if event.event == "price:update":
                            got.append(event.json()["price"])
                        if got and got[-1] == 9:
                            break
                        if event.event == "price:update" and got[-1] == 3 * round_:
                            kill_function(serve)
                            for price in range(3 * round_ + 1, 3 * round_ + 4):
                                publish(serve, price)
            except httpx.HTTPError:
                pass
    # Prices that came while nobody read are conflated only within one write, and a resumption shows each.
    assert got == list(range(10)), got


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"])
        yield running
        running.close()


def test_a_browsers_event_source_comes_back_by_itself_and_misses_nothing(serve, browser):
    publish(serve, 0)
    page = browser.new_context().new_page()
    page.goto(serve.url + "/")
    page.evaluate(
        """(path) => {
          window.prices = []; window.states = []; window.opens = 0;
          const source = window.source = new EventSource(path);
          source.addEventListener("open", () => window.opens += 1);
          source.addEventListener("price:update", (e) => window.prices.push(JSON.parse(e.data).price));
          source.addEventListener("error", () => window.states.push(source.readyState));
        }""", PRICES)
    wait_for(lambda: page.evaluate("window.prices.length") == 1, "no state")
    for number in range(1, 4):
        kill_function(serve)
        publish(serve, number)
        wait_for(lambda: page.evaluate("window.prices.length") == number + 1, f"price {number} did not come")
    assert page.evaluate("window.prices") == [0, 1, 2, 3]
    assert page.evaluate("window.opens") == 4
    # 2 is CLOSED: it would never come back.
    assert 2 not in page.evaluate("window.states")
    page.close()
