"""The page while the network is cut, the page is frozen, functions and the gateway are killed: every event once and in order, or
counted."""

import http.client
import json
import os
import signal
import threading
import time

import pytest
from playwright.sync_api import expect

from browsing import PAGES, browser, visit  # noqa: F401 (fixtures)
from front import Front
from gateway_process import Gateway

# Beside the page, in the same browser: what the client's handlers are called with, one by one.
RECORD = """async () => {
  const { connect } = await import('/client/index.js');
  const told = { events: [], gaps: [], folded: 0, faults: [], reasons: [] };
  const client = connect('/dev?userId=recorder');
  client.subscribe('signal', (event, row) => told.events.push([event.seq, event.data, Boolean(row)]));
  client.on('gap', (gap) => told.gaps.push(gap));
  client.on('folded', ({ folded }) => (told.folded += folded));
  client.on('diagnostic', (fault) => told.faults.push(fault));
  let before;
  client.on('status', ({ state, reason }) => {
    if (state === 'waiting' && before === 'live') told.reasons.push(reason.code);
    before = state;
  });
  Object.assign(globalThis, { told, recorder: client });
  await client.established;
}"""


class Publisher(threading.Thread):
    """Publishes a signal and a bar ten times a second until it is stopped; what was not accepted comes again by the same key."""

    def __init__(self, gateway):
        super().__init__(daemon=True)
        self.gateway, self.count, self.isDone, self.error = gateway, 0, threading.Event(), None

    def run(self):
        try:
            while not self.isDone.is_set():
                self.send(self.count + 1)
                self.count += 1
                self.isDone.wait(0.1)
        except Exception as error:  # noqa: BLE001 (told by whoever waits for this thread)
            self.error = error

    def send(self, number):
        body = json.dumps({"events": [
            {"type": "signal", "data": number, "idempotencyKey": f"s{number}"},
            {"type": "price:update", "key": "AAPL", "data": {"price": number, "date": f"day {number:05}"}, "idempotencyKey": f"p{number}"},
        ]})
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=20)
            try:
                connection.request("POST", "/2015-03-31/functions/Publisher/invocations", body)
                answer = connection.getresponse()
                if json.loads(answer.read() or b"null").get("accepted") == 2 and not answer.getheader("X-Amz-Function-Error"):
                    return
            except (OSError, http.client.HTTPException, ValueError, AttributeError):
                pass
            finally:
                connection.close()
            time.sleep(0.05)
        raise AssertionError(f"{number} was not accepted in half a minute")

    def stop(self):
        self.isDone.set()
        self.join(40)
        assert self.error is None and not self.is_alive(), self.error


@pytest.fixture
def gateway(tmp_path):
    running = Gateway(tmp_path, *PAGES).start()
    yield running
    running.stop()
    print(running.log())


@pytest.fixture
def front(gateway):
    relay = Front(gateway.port)
    yield relay
    relay.stop()


class Outages:
    """The ways in which a page loses its gateway; each comes back by itself."""

    def __init__(self, here, gateway, front, publisher):
        self.here, self.gateway, self.front, self.publisher = here, gateway, front, publisher
        self.losses = 0
        self.devtools = here.context.new_cdp_session(here.page)
        self.devtools.send("Network.enable")

    def events(self, number):
        """Until so many more events were published."""
        wanted = self.publisher.count + number
        while self.publisher.count < wanted:
            assert self.publisher.is_alive()
            time.sleep(0.02)

    def offline(self, isOffline):
        self.devtools.send("Network.emulateNetworkConditions", {
            "offline": isOffline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})

    def network_cut(self):
        """Without a word. The browser tells the page when it is on a network again; the old connection stays lost."""
        self.offline(True)
        self.front.lose()
        self.events(5)
        self.front.find()
        self.offline(False)
        self.back("no_pong")

    def network_reset(self):
        self.front.reset()
        self.back("lost")

    def frame_torn(self):
        self.front.break_within_a_frame()
        self.back("lost")

    def frozen(self):
        self.devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
        self.events(10)
        self.devtools.send("Page.setWebLifecycleState", {"state": "active"})

    def functions_killed(self):
        for _ in range(3):
            for name in ("Publisher", "DefaultHandler", "ConnectHandler"):
                for process in self.gateway.environments(name):
                    os.kill(process, signal.SIGKILL)
            self.events(2)

    def gateway_killed(self):
        self.gateway.stop(signal.SIGKILL)
        time.sleep(0.5)
        self.gateway.start()
        self.back("lost")

    def back(self, reason):
        """Both clients noticed the loss for this reason, and are live again."""
        self.losses += 1
        self.here.page.wait_for_function(
            "([reason, losses]) => told.reasons.at(-1) === reason && recorder.status.reconnects === losses",
            arg=[reason, self.losses], timeout=30_000)
        expect(self.here.page.locator("#reconnects")).to_have_text(str(self.losses), timeout=30_000)
        self.here.state("live")


def test_every_event_is_shown_once_and_in_order_whatever_is_cut_frozen_or_killed(gateway, front, visit):
    publisher = Publisher(gateway)
    publisher.send(0)
    here = visit(front.url)
    here.state("live")
    here.page.evaluate(RECORD)
    outages = Outages(here, gateway, front, publisher)
    publisher.start()
    outages.events(3)
    for outage in (outages.network_cut, outages.network_reset, outages.frozen, outages.frame_torn, outages.functions_killed,
                   outages.gateway_killed):
        outage()
        outages.events(3)
    publisher.stop()
    here.page.wait_for_function("(last) => told.events.at(-1)?.[1] === last", arg=publisher.count, timeout=30_000)
    told = here.page.evaluate("told")
    states, news = ([event for event in told["events"] if event[2] == isState] for isState in (True, False))
    # The first hello is answered with the newest signal; after that there is news, and nothing else.
    assert [number for _, number, _ in states] in ([0], [])
    assert [number for _, number, _ in news] == list(range(1, publisher.count + 1))
    assert [seq for seq, _, _ in news] == [number + 1 for _, number, _ in news]
    assert (told["gaps"], told["folded"], told["faults"]) == ([], 0, [])
    # The page itself: a bar each, or counted as folded into a newer one.
    expect(here.price("AAPL")).to_have_text(f"{publisher.count:,}.00")
    expect(here.page.locator("#losses")).to_have_text("nothing missed, nothing folded")
    bars = publisher.count + 1
    expect(here.page.locator("#chart")).to_have_attribute("aria-valuemax", str(bars))
    assert bars > 50
    assert outages.losses == 4
    assert [words for words in here.complaints if "ERR_" not in words and "WebSocket" not in words] == []
