"""The ten integration scenarios of the trading protocol (003, "Testing"), over a running gateway, each under its own name."""

import concurrent.futures
import gzip
import json
import re
import socket
import threading
import time
import zlib

import httpx
import pytest

from gateway_process import Gateway
from raw_http import Answer, get
from tokens import claims, shared_token

SECRET = "a secret that is long enough: thirty-two bytes"
SLICE, KEEPALIVE = 4, 1
SETTINGS = {"JWT_SECRET": SECRET, "JWT_ISSUER": "https://login.test/", "JWT_AUDIENCE": "tickertape",
            "STREAM_SLICE_SECONDS": str(SLICE), "STREAM_KEEPALIVE_SECONDS": str(KEEPALIVE)}
ORDERS, POSITIONS, PRICES = (f"/api/stream/{name}" for name in ("orders", "positions", "prices"))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    running = Gateway(tmp_path_factory.mktemp("scenarios"), access="required", environment=SETTINGS).start()
    yield running
    running.stop()
    print(running.log()[-20_000:])


def session(user):
    return f"Cookie: session={shared_token(SECRET, claims(user=user))}"


def publish(gateway, *events):
    answer = httpx.post(f"{gateway.url}/2015-03-31/functions/Publisher/invocations", json={"events": events}, timeout=30)
    assert answer.json().get("rejected") == 0, answer.text


def order(user, id, **data):
    return {"type": "order:update", "user": user, "key": id, "data": {"orderId": id, "symbol": "AAPL", "side": "buy", "qty": 10, **data}}


class Stream:
    """An open one, and all that came on it."""

    def __init__(self, gateway, target, *fields):
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), 30)
        head = "\r\n".join([f"GET {target} HTTP/1.1", f"Host: 127.0.0.1:{gateway.port}", *fields, "", ""])
        self.socket.sendall(head.encode())
        self.data = b""

    def read(self, until, seconds=20):
        """Everything since the beginning, once the last frame has `until` in it."""
        deadline = time.monotonic() + seconds
        while until not in self.data or not Answer(self.data).body.endswith(b"\n\n"):
            assert time.monotonic() < deadline, f"{until} did not come: {self.data[-500:]}"
            more = self.socket.recv(65536)
            assert more, f"it ended before {until}: {self.data[-500:]}"
            self.data += more
        return Answer(self.data)

    def read_to_end(self):
        while not self.data.endswith(b"0\r\n\r\n"):
            more = self.socket.recv(65536)
            assert more, "its end is not whole"
            self.data += more
        return Answer(self.data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def test_1_connection_establishment_with_valid_and_invalid_session(gateway):
    for fields in [[], ["Cookie: session=forged"], [session("u-1") + "x"]]:
        answer = get(gateway.port, ORDERS, *fields)
        assert (answer.status, answer.json()) == (401, {"error": "Unauthorized", "message": "No valid session found", "statusCode": 401})
    with Stream(gateway, ORDERS, session("u-1"), "X-Correlation-ID: c-1") as stream:
        answer = stream.read(b"event: connection")
    assert answer.status == 200 and answer["content-type"] == "text/event-stream" and "no-cache" in answer["cache-control"]
    assert (answer["x-accel-buffering"], answer["x-correlation-id"]) == ("no", "c-1")
    (connection,) = answer.named("connection")
    assert re.fullmatch(r"u-1-orders-\d{13}", connection["clientId"]) and connection["status"] == "connected"
    assert '"correlationId":"c-1"' in gateway.log() and connection["clientId"] in gateway.log()


def test_2_initial_snapshot_delivery_on_connection(gateway):
    publish(gateway, order("u-2", "o-1", status="new"), order("u-2", "o-2", status="filled"),
            {"type": "position:update", "user": "u-2", "key": "AAPL",
             "data": {"symbol": "AAPL", "quantity": "10", "entryPrice": "150.00", "currentPrice": "152.50"}},
            {"type": "price:update", "key": "AAPL", "data": {"symbol": "AAPL", "price": 152.5}},
            {"type": "price:update", "key": "TSLA", "data": {"symbol": "TSLA", "price": 200}})
    with Stream(gateway, ORDERS, session("u-2")) as stream:
        first = stream.read(b'"snapshot":true').named("order:update")[0]
    assert first["snapshot"] is True and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", first["timestamp"])
    assert {one["orderId"]: one["status"] for one in first["orders"]} == {"o-1": "new", "o-2": "filled"}
    with Stream(gateway, POSITIONS, session("u-2")) as stream:
        first = stream.read(b'"totalValue"').named("position:update")[0]
    assert [one["symbol"] for one in first["positions"]] == ["AAPL"] and float(first["totalValue"]) == 1525
    with Stream(gateway, f"{PRICES}?symbols=AAPL,GOOGL") as stream:
        answer = stream.read(b'"initializing":true')
    assert [(one["symbol"], one["initializing"]) for one in answer.named("price:update")] == [("AAPL", True)]


def test_3_real_time_event_delivery_of_order_position_and_price(gateway):
    with (Stream(gateway, ORDERS, session("u-3")) as orders, Stream(gateway, POSITIONS, session("u-3")) as positions,
          Stream(gateway, f"{PRICES}?symbols=S3") as prices):
        for stream in (orders, positions, prices):
            stream.read(b"event: connection")
        publish(gateway, order("u-3", "o-3", status="new"),
                {"type": "order:fill", "user": "u-3", "key": "o-3", "data": {"orderId": "o-3", "filledQty": 10, "filledAvgPrice": 150.25}},
                {"type": "position:update", "user": "u-3", "key": "S3",
                 "data": {"symbol": "S3", "quantity": "10", "entryPrice": "1.00", "currentPrice": "2.00"}},
                {"type": "price:update", "key": "S3", "data": {"symbol": "S3", "price": 2, "bid": 1.99, "ask": 2.01}},
                {"type": "price:update", "key": "OTHER", "data": {"symbol": "OTHER", "price": 3}})
        answer = orders.read(b"event: order:fill")
        assert answer.named("order:fill")[0]["filledAvgPrice"] == 150.25 and answer.named("order:update")[-1]["orderId"] == "o-3"
        fields = [name for name, _ in answer.frames()[-1]]
        assert fields == ["event", "data", "id", "retry"] and answer.body.endswith(b"\nretry: 5000\n\n")
        # The position that changed, and what all are worth with it.
        changed = positions.read(b'"S3"').named("position:update")[-1]
        assert (changed["symbol"], float(changed["totalValue"])) == ("S3", 20)
        assert [one["symbol"] for one in prices.read(b'"S3"').named("price:update")] == ["S3"]


def test_4_event_deduplication_with_event_ids(gateway):
    with Stream(gateway, ORDERS, session("u-4")) as stream:
        stream.read(b"event: connection")
        again = {**order("u-4", "o-4", status="new"), "idempotencyKey": "the same"}
        publish(gateway, again)
        publish(gateway, again)
        publish(gateway, order("u-4", "o-5", status="new"))
        answer = stream.read(b'"o-5"')
    assert [one["orderId"] for one in answer.named("order:update") if "orderId" in one] == ["o-4", "o-5"]
    # What a client knows an event by is before the dot.
    names = [id.split(".")[0] for id in answer.ids()]
    assert all(re.fullmatch(r"\d{13}-[0-9a-f]+", name) for name in names) and len(set(names)) == len(names)
    with Stream(gateway, ORDERS, session("u-4"), f"Last-Event-ID: {answer.ids()[-2]}") as stream:
        assert stream.read(b'"o-5"').ids()[-1].split(".")[0] == names[-1], "the same event has the same name"


def test_5_reconnection_with_last_event_id(gateway):
    with Stream(gateway, ORDERS, session("u-5")) as stream:
        stream.read(b"event: connection")
        publish(gateway, order("u-5", "o-0"))
        last = stream.read(b'"o-0"').ids()[-1]
    publish(gateway, *[order("u-5", f"o-{number}") for number in range(1, 6)])
    bare = last.split(".")[0]
    for target, fields in [(ORDERS, [f"Last-Event-ID: {last}"]), (f"{ORDERS}?lastEventId={last}", []), (f"{ORDERS}?lastEventId={bare}", [])]:
        with Stream(gateway, target, session("u-5"), *fields) as stream:
            stream.read(b'"o-5"')
            publish(gateway, order("u-5", "live"))
            answer = stream.read(b'"live"')
        missed = [one["orderId"] for one in answer.named("order:update") if "orderId" in one]
        assert missed[:5] == [f"o-{number}" for number in range(1, 6)] and missed[-1] == "live" and not answer.named("resume")


def test_6_multiple_concurrent_connections_per_user(gateway):
    streams = [Stream(gateway, ORDERS, session("u-6")) for _ in range(10)]
    clients = [stream.read(b"event: connection").named("connection")[0]["clientId"] for stream in streams]
    assert len(set(clients)) == 10
    publish(gateway, order("u-6", "to-all"))
    for stream in streams:
        stream.read(b'"to-all"')
    oldest = min(range(10), key=lambda index: clients[index])
    with Stream(gateway, POSITIONS, session("u-6")) as eleventh:
        eleventh.read(b"event: connection")
        # It is told within five seconds; slices are shorter here, and end where no event comes.
        ended = threading.Event()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            feeding = pool.submit(lambda: [publish(gateway, order("u-6", "o")) for _ in iter(lambda: ended.wait(1), True)])
            try:
                told = streams[oldest].read_to_end().named("error")
            finally:
                ended.set()
            feeding.result()
        assert [error["code"] for error in told] == ["limit"]
    for stream in streams:
        stream.socket.close()


def test_7_keepalive_message_delivery(gateway):
    with Stream(gateway, PRICES) as stream:
        stream.read(b"event: connection")
        began = time.monotonic()
        assert b"\n\n: keepalive\n\n" in stream.read(b": keepalive").body
    assert time.monotonic() - began > KEEPALIVE / 2, "of silence"


def test_8_cors_preflight_handling(gateway):
    answer = get(gateway.port, ORDERS, "Access-Control-Request-Method: GET", method="OPTIONS")
    assert answer.status == 200 and answer["access-control-allow-origin"] == "*"
    assert answer["access-control-allow-methods"] == "GET, OPTIONS"
    assert answer["access-control-allow-headers"] == "Content-Type, Authorization"


def test_9_compression_support(gateway):
    publish(gateway, *[order("u-9", f"o-{number}", status="new") for number in range(30)])
    with Stream(gateway, ORDERS, session("u-9")) as stream:
        plain = stream.read(b'"o-29","symbol":"AAPL","side":"buy","qty":10,"status":"new","timestamp"')
    with Stream(gateway, ORDERS, session("u-9"), "Accept-Encoding: gzip") as stream:
        packed, text = b"", b""
        while text.count(b"\nevent: order:update") < 31:
            stream.data += stream.socket.recv(65536)
            if b"\r\n\r\n" in stream.data:
                packed = Answer(stream.data).body
                # What has come so far can be read so far.
                text = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(packed)
    assert Answer(stream.data)["content-encoding"] == "gzip"
    assert len(packed) < 0.4 * len(plain.body)
    with Stream(gateway, ORDERS, session("u-9"), "Accept-Encoding: gzip") as stream:
        assert b"order:update" in gzip.decompress(stream.read_to_end().body), "its end is that of a gzip member"


def test_10_stale_connection_cleanup(gateway):
    with Stream(gateway, ORDERS, session("u-10")) as idle, Stream(gateway, ORDERS, session("u-10")) as busy:
        client = idle.read(b"event: connection").named("connection")[0]["clientId"]
        busy.read(b"event: connection")
        # Its reader is gone, and nobody tells the function.
        busy.socket.close()
        answer = idle.read_to_end()
    last = dict(answer.frames()[-1])
    assert set(last) == {"id", "retry"} and 2_500 <= int(last["retry"]) <= 7_500
    deadline = time.monotonic() + SLICE + 5
    key = shared_token(SECRET, claims(user="boss", role="admin"))
    while "u-10" in str(httpx.get(f"{gateway.url}/api/stream/metrics", headers={"Authorization": f"Bearer {key}"}).json()):
        assert time.monotonic() < deadline, "both are removed"
        time.sleep(0.1)
    ended = [json.loads(line[line.index("{"):]) for line in gateway.log().splitlines() if '"event stream ended"' in line and client in line]
    assert [(line["level"], line["reason"], line["events"]) for line in ended] == [("INFO", "slice", 0)]
