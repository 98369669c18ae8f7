"""Streams of events behind each kind of front, as the local gateway stands for them."""

import json

import httpx
import pytest

from gateway_process import Gateway, tickertape

PRICES = "/api/stream/prices?symbols=AAPL"


@pytest.fixture
def serve(tmp_path):
    gateways = []

    def started(*options):
        gateways.append(Gateway(tmp_path, *options, environment={"STREAM_RETRY_MILLISECONDS": "200"}).start())
        return gateways[-1]
    yield started
    for gateway in gateways:
        gateway.stop()
        print(gateway.log())


def publish(gateway, price):
    line = json.dumps({"type": "price:update", "key": "AAPL", "data": {"symbol": "AAPL", "price": price}}) + "\n"
    ran = tickertape("publish", "-", "--endpoint", gateway.url, input=line)
    assert ran.returncode == 0, ran.stderr


def blocks(text):
    """Each frame as its fields."""
    return [dict(line.split(": ", 1) for line in block.splitlines() if ": " in line) for block in text.split("\n\n") if block]


def test_behind_a_front_that_collects_a_client_polls_and_misses_nothing(serve):
    gateway = serve("--http-front", "buffered")
    publish(gateway, 1)
    last, prices = None, []
    with httpx.Client(timeout=10) as client:
        for price in range(2, 6):
            answer = client.get(gateway.url + PRICES, headers={"Last-Event-ID": last} if last else {})
            assert answer.status_code == 200 and answer.headers["content-type"] == "text/event-stream"
            frames = blocks(answer.text)
            assert frames[0]["event"] == "connection" and set(frames[-1]) == {"id", "retry"}
            assert 100 <= int(frames[-1]["retry"]) <= 300
            last = frames[-1]["id"]
            prices += [json.loads(frame["data"])["price"] for frame in frames if frame.get("event") == "price:update"]
            # Two between two polls: both come.
            publish(gateway, price)
            publish(gateway, price + 0.5)
    assert prices == [1, 2, 2.5, 3, 3.5, 4, 4.5]


@pytest.mark.parametrize("front, path", [("url", PRICES), ("rest", "/dev" + PRICES), ("rest", PRICES)])
def test_a_front_that_streams_shows_an_event_while_the_stream_is_open_with_the_headers_of_the_protocol(serve, front, path):
    gateway = serve("--http-front", front)
    with httpx.Client(timeout=10) as client, client.stream(
            "GET", gateway.url + path, headers={"X-Correlation-ID": "desk-7"}) as answer:
        assert answer.status_code == 200
        headers = {
            "content-type": "text/event-stream", "cache-control": "no-cache", "connection": "keep-alive",
            "x-accel-buffering": "no", "access-control-allow-origin": "*", "access-control-allow-methods": "GET, OPTIONS",
            "access-control-allow-headers": "Content-Type, Authorization", "x-correlation-id": "desk-7"}
        assert {name: answer.headers.get(name) for name in headers} == headers
        assert answer.http_version == "HTTP/1.1" and answer.headers["transfer-encoding"] == "chunked"
        lines = answer.iter_lines()
        assert next(lines) == "event: connection"
        publish(gateway, 7)
        assert next(line for line in lines if line.startswith("data: ") and "AAPL" in line).startswith(
            'data: {"symbol": "AAPL", "price": 7,')
