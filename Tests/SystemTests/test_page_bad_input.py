"""The page before servers that answer wrongly or not at all, in browsers that forbid storage and whose clock is wrong."""

import contextlib
import http.server
import json
import socketserver
import threading
import time

import pytest
from playwright.sync_api import expect
from websockets.sync.server import serve

from browsing import PAGES, browser, publish, visit  # noqa: F401 (fixtures)
from front import Front
from gateway_process import Gateway, free_port

EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"
FORBIDDEN = """for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches']) {
  Object.defineProperty(globalThis, name, { get() { throw new DOMException('forbidden', 'SecurityError'); } });
}
Object.defineProperty(Document.prototype, 'cookie', { get() { throw new DOMException('forbidden', 'SecurityError'); } });"""
# An hour fast, and an hour slow at each second question.
WRONG_CLOCK = """{
  const now = Date.now;
  let turn = 1;
  Date.now = () => now() + (turn = -turn) * 3_600_000;
  globalThis.Date = new Proxy(Date, { construct: (target, list) => new target(...(list.length ? list : [Date.now()])) });
}"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    running = Gateway(tmp_path_factory.mktemp("gateway"), *PAGES).start()
    yield running
    running.stop()


@pytest.fixture
def before(gateway):
    """`before(port)` gives the pages of the gateway, whose WebSockets go to another server."""
    fronts = []

    def begin(port):
        fronts.append(Front(gateway.port, port))
        return fronts[-1]

    yield begin
    for front in fronts:
        front.stop()


@pytest.fixture
def sockets():
    """`sockets(handler)` is the port of a WebSocket server with this handler."""
    with contextlib.ExitStack() as stack:
        def begin(handler):
            server = stack.enter_context(serve(handler, "127.0.0.1", 0, max_size=None, compression=None))
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(server.shutdown)
            return server.socket.getsockname()[1]

        yield begin


def bad(complaints):
    """What the browser says of sockets that fail is its own affair."""
    return [words for words in complaints if "WebSocket" not in words]


def reach(front, count):
    """Until the page has tried so many WebSockets."""
    deadline = time.monotonic() + 30
    while front.socket_count < count:
        assert time.monotonic() < deadline, f"{front.socket_count} attempts"
        time.sleep(0.02)


def answer(socket, *frames):
    """Says hello back, with the frames before `ready`, and goes on until the page leaves."""
    for text in socket:
        frame = json.loads(text)
        if frame["type"] == "ping":
            socket.send(json.dumps({"type": "pong", "n": frame["n"]}))
        if frame["type"] == "hello":
            for one in frames:
                socket.send(one if isinstance(one, str) else json.dumps(one))
            socket.send(json.dumps({"type": "ready", "replay": frame["n"], "cursor": EVIL}))


def price(seq, key="AAPL", **data):
    return {"type": "price:update", "key": key, "stream": "all/price:update", "seq": seq, "data": data}


def test_frames_that_make_no_sense_are_passed_over_and_counted(before, sockets, visit):
    polluting = '{"type":"price:update","key":"P","__proto__":{"polluted":1},"data":{"price":2,"__proto__":{"polluted":1}}}'
    frames = [
        "<!doctype html><title>502 Bad Gateway</title>", "", "null", "[]", '{"type":', '{"type":7}', '{"type":"no:such:type","a":1}',
        polluting, '{"__proto__":{"type":"price:update","key":"Q","data":{"price":3}}}',
        {"type": "__proto__", "key": "__proto__", "data": {}}, {"type": "constructor"},
        {**price(1, key="BIG", price=4), "text": "x" * 128 * 1024}, "[" * 65_536 + "]" * 65_536,
        {"type": "snapshot", "stream": 7}, {"type": "batch", "events": "all"}, {"type": "gzip", "data": "!"},
        {"type": "part", "id": "a", "index": 5, "count": 2, "data": ""}, {"type": "price:update", "key": {}, "data": {"price": 1}},
        price(2, key="NEGATIVE", price=-1e308), price(3, key="HUGE", price=1e999), price(4, key="TEXT", price="12.5"),
        price(5, key="k" * 5_000, price=6), price(6, key="LONG", price=-999_999_999_999), price(7, key="LONG", price=999_999_999_999),
        price(8, key="TINY", price=5e-324), price(9, key="TINY", price=12),
        # So close that a step between them is lost in rounding.
        price(10, key="CLOSE", price=1e17), price(11, key="CLOSE", price=1e17 + 32),
        price(12, key="NEAR", price=999_999_999_999), price(13, key="NEAR", price=999_999_999_998.9999),
        price(14, price=170.5, date="2018-01-02"), price(15, key="k" * 40 + "-EUR", price=1), price(16, key="k" * 40 + "-USD", price=100),
    ]
    front = before(sockets(lambda socket: answer(socket, *frames)))
    here = visit(front.url)
    here.state("live")
    expect(here.price("AAPL")).to_have_text("170.50")
    # Keys that begin alike are two symbols.
    expect(here.price("k" * 40 + "-EUR")).to_have_text("1.00")
    expect(here.price("k" * 40 + "-USD")).to_have_text("100.00")
    for key, words in (("P", "2.00"), ("BIG", "4.00"), ("TEXT", "12.50")):
        expect(here.price(key)).to_have_text(words)
    expect(here.page.locator("#losses")).to_contain_text("passed over")
    assert here.page.locator('tr[data-key="Q"], tr[data-key="HUGE"], tr[data-key="NEGATIVE"], tr[data-key="CLOSE"]').count() == 0
    assert here.page.evaluate("({}).polluted === undefined")
    for key in ("LONG", "TINY", "NEAR"):
        here.page.locator(f'tr[data-key="{key}"]').click()
        expect(here.page.locator("#chosen")).to_have_text(key)
        assert here.page.evaluate("document.documentElement.scrollWidth") <= 1200
        here.page.locator("#chart").hover(position={"x": 300, "y": 120})
        here.page.wait_for_timeout(50)
    assert bad(here.complaints) == []


def test_html_in_every_field_is_text(before, sockets, visit):
    fields = ("date", "open", "high", "low", "volume", "pass", "symbol")
    frames = [
        {"type": "connection", "connectionId": EVIL, "refused": [EVIL], "message": EVIL},
        {"type": "error", "code": EVIL, "message": EVIL}, {"type": EVIL, "key": EVIL, "data": EVIL},
        {**price(1, key=EVIL, price=1, **{name: EVIL for name in fields}), "id": EVIL, "timestamp": EVIL, EVIL: EVIL},
        {**price(2, key="EVIL", price=2, **{name: EVIL for name in fields}), "stream": EVIL},
        price(3, price=170.5, date=EVIL),
    ]
    front = before(sockets(lambda socket: answer(socket, *frames)))
    here = visit(f"{front.url}/#EVIL")
    here.state("live")
    expect(here.price("AAPL")).to_have_text("170.50")
    expect(here.page.locator("#chosen")).to_have_text("EVIL")
    expect(here.page.locator("#now")).to_contain_text("<img src=x")
    here.page.locator("#chart").hover(position={"x": 300, "y": 120})
    expect(here.page.locator("#reading")).to_contain_text("<img src=x")
    assert here.page.locator("img, main script").count() == 0
    assert bad(here.complaints) == []


def test_a_server_that_closes_at_once_for_ever_is_tried_more_and_more_seldom(before, sockets, visit):
    front = before(sockets(lambda socket: socket.close()))
    here = visit(front.url, has_clock=True, script="Math.random = () => 0.9")
    for _ in range(120):
        here.page.clock.run_for(500)
        here.page.wait_for_timeout(20)
    # Pauses of 0.45, 0.9, 1.8, 3.6, 7.2, 14.4 and 27 s: eight attempts in a minute of the page's clock.
    assert 5 <= front.socket_count <= 9, front.socket_count
    assert bad(here.complaints) == []


def test_a_server_that_takes_a_handshake_and_says_nothing_is_left_after_15_seconds(before, visit):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Silent) as silent:
        silent.daemon_threads = True
        threading.Thread(target=silent.serve_forever, daemon=True).start()
        front = before(silent.server_address[1])
        here = visit(front.url, has_clock=True)
        here.state("connecting")
        reach(front, 1)
        here.page.clock.run_for(13_000)
        assert front.socket_count == 1
        here.page.clock.run_for(3_000)
        reach(front, 2)
        silent.shutdown()


class Silent(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(65_536):
            pass


def test_a_server_that_is_open_and_says_nothing_is_asked_six_times_in_a_minute_and_left(before, sockets, visit):
    hellos = []
    front = before(sockets(lambda socket: [hellos.append(text) for text in socket]))
    here = visit(front.url, has_clock=True)
    expect(here.page.locator("#transport")).to_have_text("WebSocket")
    here.state("connecting")
    here.page.clock.run_for(58_000)
    assert front.socket_count == 1
    here.page.clock.run_for(4_000)
    reach(front, 2)
    assert 6 <= len(hellos) <= 7
    assert bad(here.complaints) == []


class Html(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>log in to this network</title>")

    def log_message(self, *words):
        pass


def test_a_server_that_answers_html_is_tried_again(before, visit):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Html) as captive:
        threading.Thread(target=captive.serve_forever, daemon=True).start()
        front = before(captive.server_address[1])
        here = visit(front.url)
        reach(front, 2)
        # The health is good, so it is the handshake that is refused: perhaps a key is wanted.
        expect(here.page.locator("#key-form")).to_be_visible(timeout=30_000)
        assert bad(here.complaints) == []
        captive.shutdown()


def test_where_the_health_is_html_too_the_page_says_that_nothing_answers(before, gateway, visit):
    """A network that wants a login first answers everything with its own page."""
    front = before(gateway.port)
    here = visit(front.url)
    here.state("live")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Html) as captive:
        threading.Thread(target=captive.serve_forever, daemon=True).start()
        front.behind = front.socket_port = captive.server_address[1]
        front.reset()
        here.state("not connected")
        expect(here.page.locator("#banner")).to_be_visible()
        front.behind = front.socket_port = gateway.port
        front.reset()
        here.state("live")
        captive.shutdown()
    assert [words for words in bad(here.complaints) if "ERR_" not in words] == []


@pytest.mark.parametrize("script", [FORBIDDEN, WRONG_CLOCK], ids=["a storage that is forbidden", "a clock that is an hour off"])
def test_the_page_lives_in_a_browser_with(script, gateway, visit):
    here = visit(gateway.url, script=script)
    here.state("live")
    publish(gateway, "AAPL", price=171, date="2018-01-03")
    expect(here.price("AAPL")).to_have_text("171.00")
    assert int(here.page.locator("#latency").inner_text().split()[0]) < 5_000
    assert here.complaints == []
