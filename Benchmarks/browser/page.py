"""Chromium on the page while events are published: prints one line of JSON. `run.sh` starts the gateway and this."""

import argparse
import http.client
import json
import shutil
import threading
import time

from playwright.sync_api import sync_playwright
from websockets.sync.client import connect

# When the frame after the one that showed a price begins, the price has been painted: a frame too late at most.
WATCH = """() => {
  const told = (globalThis.told = { shown: [], frames: [], isOn: true });
  new MutationObserver((changes) => {
    const cells = changes.map(({ target }) => target).filter(({ cellIndex }) => cellIndex === 1);
    const texts = cells.map(({ textContent }) => textContent);
    requestAnimationFrame(() => { const now = Date.now(); for (const text of texts) told.shown.push([text, now]); });
  }).observe(document.querySelector('#symbols'), { childList: true, subtree: true });
  const frame = (at) => { told.frames.push(at); if (told.isOn) requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""
IN_SIGHT = """() => [...document.querySelectorAll('#symbols tr')].filter((row) => {
  const { top, bottom } = row.getBoundingClientRect();
  return top > 0 && bottom < innerHeight;
}).map(({ dataset }) => dataset.key)"""
PAINT = """() => ({
  first: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
  bytes: [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
})"""


class Publisher(threading.Thread):
    """Ten publishes a second, each of a tenth of the rate. An event's price is its number: it is read off the screen."""

    def __init__(self, port, rate, symbols):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.rate, self.symbols, self.count = rate, symbols, 0
        self.sent, self.isDone, self.late = {}, False, 0

    def key(self, number):
        # Neighbours in the table are not neighbours in time.
        return f"SYM{number * 37 % self.symbols:03}"

    def event(self, number):
        day = number // self.symbols
        data = {"price": number / 100 + 1, "date": f"2018-01-{2 + day % 26:02}", "pass": day // 26 + 1}
        return {"type": "price:update", "key": self.key(number), "data": data}

    def publish(self, count):
        numbers = range(self.count, self.count + count)
        self.count += count
        now = time.time() * 1_000
        self.sent.update((number, now) for number in numbers)
        body = json.dumps({"events": [self.event(number) for number in numbers]})
        self.connection.request("POST", "/2015-03-31/functions/Publisher/invocations", body)
        answer = json.loads(self.connection.getresponse().read())
        assert answer["accepted"] == count, answer

    def run(self):
        due = time.monotonic()
        while not self.isDone:
            self.publish(self.rate // 10)
            due += 0.1
            pause = due - time.monotonic()
            self.late += pause < 0
            time.sleep(max(0, pause))


class PlainClient(threading.Thread):
    """Says hello beside the page and notes when each event arrives: what the page adds to that is its own."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.socket, self.isReady = port, None, threading.Event()
        self.arrived = {}

    def run(self):
        with connect(f"ws://127.0.0.1:{self.port}/dev?userId=plain", max_size=None, compression=None) as self.socket:
            self.socket.send(json.dumps({"type": "hello", "n": 1, "eventTypes": ["price:update"], "accept": ["batch"]}))
            for text in self.socket:
                now, frame = time.time() * 1_000, json.loads(text)
                if frame.get("type") == "ready":
                    self.isReady.set()
                for event in frame.get("events", [frame]):
                    if event.get("type") == "price:update":
                        self.arrived.setdefault(round((event["data"]["price"] - 1) * 100), now)


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def frames(page, seconds, work=lambda: None):
    """Frames a second while the time passes, and how long the longest gap between two was."""
    page.evaluate(WATCH)
    work()
    page.wait_for_timeout(seconds * 1_000)
    told = page.evaluate("() => { told.isOn = false; return { ...told, end: Date.now() }; }")
    gaps = [two - one for one, two in zip(told["frames"], told["frames"][1:])]
    return len(gaps) / (sum(gaps) / 1_000), quantile(gaps, 0.99), told


def tasks(trace):
    """Durations, in ms, of the page's main thread's tasks."""
    events = json.loads(trace)["traceEvents"]
    main = {(one["pid"], one["tid"]) for one in events if one.get("name") == "thread_name" and one["args"]["name"] == "CrRendererMain"}
    spent = {}
    for one in events:
        if one.get("name") == "RunTask" and one.get("ph") == "X" and (one["pid"], one["tid"]) in main:
            spent.setdefault(one["pid"], []).append(one["dur"] / 1_000)
    return max(spent.values(), key=sum)


def first_visit(browser, url):
    context = browser.new_context(viewport={"width": 1200, "height": 760})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#state[data-state=live]")
    painted = page.evaluate(PAINT)
    context.close()
    return painted


def measure(options):
    url = f"http://127.0.0.1:{options.port}/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"])
        painted = [first_visit(browser, url) for _ in range(3)]
        publisher = Publisher(options.port, options.rate, options.symbols)
        page = browser.new_context(viewport={"width": 1200, "height": 760}).new_page()
        page.goto(url)
        page.wait_for_selector("#state[data-state=live]")
        for _ in range(0, options.symbols, 100):
            publisher.publish(min(100, options.symbols))
        page.wait_for_function("(count) => document.querySelectorAll('#symbols tr').length === count", arg=options.symbols)
        plain = PlainClient(options.port)
        plain.start()
        assert plain.isReady.wait(20)
        page.wait_for_timeout(1_000)
        idle, _, _ = frames(page, 3)
        browser.start_tracing(page=page, categories=["disabled-by-default-devtools.timeline"])
        per_second, gap, told = frames(page, options.seconds, publisher.start)
        publisher.isDone = True
        publisher.join(30)
        spent = tasks(browser.stop_tracing())
        in_sight = set(page.evaluate(IN_SIGHT))
        losses = page.locator("#losses").inner_text()
        browser.close()
    plain.socket.close()
    delays = {}
    for text, at in told["shown"]:
        number = round((float(text.replace(",", "")) - 1) * 100)
        if number in publisher.sent and publisher.key(number) in in_sight:
            delays.setdefault(number, at - publisher.sent[number])
    # The first of each symbol made the rows; the last ones may have been on their way when the watch ended.
    timed = {number for number, at in publisher.sent.items()
             if number >= options.symbols and at < told["end"] - 1_000 and publisher.key(number) in in_sight}
    delays = {number: delay for number, delay in delays.items() if number in timed}
    return {
        "what": "page", "fps": per_second, "idle_fps": idle, "gap_p99_ms": gap, "tasks": len(spent), "task_p99_ms": quantile(spent, 0.99),
        "task_max_ms": max(spent), "over_50_ms": sum(one > 50 for one in spent), "busy": sum(spent) / options.seconds / 1_000,
        "published": len(publisher.sent), "in_sight": len(timed), "seen": len(delays), "delays_ms": sorted(delays.values()),
        "arrivals_ms": sorted(plain.arrived[number] - publisher.sent[number] for number in timed if number in plain.arrived),
        "late": publisher.late, "losses": losses, "first_paint_ms": quantile([one["first"] for one in painted], 0.5),
        "bytes": max(one["bytes"] for one in painted),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=15)
    print(json.dumps(measure(parser.parse_args())))
