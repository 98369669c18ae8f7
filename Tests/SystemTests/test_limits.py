"""What one client is sent at most, and what waits for a user: real processes, real sockets, clients that share no code with ours."""

import asyncio
import json
import time

import boto3
import pytest
import websockets
from websockets.asyncio.client import connect

from gateway_process import Gateway
from test_gateway_clients import CREDENTIALS, publish


@pytest.fixture
def gateway(tmp_path):
    running = Gateway(tmp_path, environment={"MAX_CONNECTIONS_PER_CLIENT": "1"}).start()
    yield running
    running.stop()
    print(running.log())


@pytest.fixture
def functions(gateway):
    return boto3.client("lambda", endpoint_url=gateway.url, **CREDENTIALS)


def events_of(frame):
    """The events of a frame of any dialect."""
    if frame.get("type") == "batch":
        return frame["events"]
    return [frame] if "n" in json.dumps(frame.get("data", frame.get("message", frame))) else []


async def numbers(ws, last, timeout=20):
    """The numbers of the events that come, up to that one, and when each frame came."""
    found, times = [], []
    while last not in found:
        frame = json.loads(await asyncio.wait_for(ws.recv(), timeout))
        new = [data["n"] for event in events_of(frame) if "n" in (data := inner(event))]
        if new:
            found += new
            times.append(time.monotonic())
    return found, times


def inner(event):
    data = event["message"]["data"] if event.get("type") == "data" else event.get("data", event)
    return data if isinstance(data, dict) else {}


def order(number):
    return {"type": "order:update", "user": "u-1", "key": f"o-{number}", "data": {"n": number}}


@pytest.mark.parametrize("query, hello", [
    ("userId=u-1&role=viewer&eventTypes=order:update&hello=1", True), ("userId=u-1&role=viewer&dialect=flat", False),
    ("userId=u-1&role=viewer&dialect=message", False), ("userId=u-1&role=viewer&eventTypes=signal,order:update", False)])
async def test_what_waits_for_a_user_comes_to_a_new_connection_in_order_before_what_is_live(gateway, functions, query, hello):
    for number in (1, 2, 3):
        assert publish(functions, order(number))["accepted"] == 1
    async with connect(gateway.socket_url(query, greeted=True)) as ws:
        if hello:
            await ws.send('{"type":"hello","n":1,"accept":[]}')
            while json.loads(await asyncio.wait_for(ws.recv(), 10))["type"] != "connection":
                pass
        publishing = asyncio.to_thread(publish, functions, order(4))
        found, _ = (await asyncio.gather(numbers(ws, 4), publishing))[0]
        assert found == [1, 2, 3, 4]


async def test_a_client_without_batches_is_sent_twenty_at_once_and_then_ten_a_second_and_everything(gateway, functions):
    async with (connect(gateway.socket_url("userId=u-1&role=admin&eventTypes=signal", greeted=True)) as plain,
                connect(gateway.socket_url("userId=u-2&role=admin&hello=1")) as batching):
        await batching.send('{"type":"hello","n":1,"eventTypes":["signal"],"accept":["batch"]}')
        while json.loads(await asyncio.wait_for(batching.recv(), 10))["type"] != "ready":
            pass
        assert json.loads(await asyncio.wait_for(plain.recv(), 10))["type"] == "connection_established"
        # What it asked for is paused until its state was shown, which is nothing here.
        await asyncio.sleep(0.3)
        events = [{"type": "signal", "data": {"n": number}} for number in range(1, 61)]
        begun = time.monotonic()
        answer = await asyncio.to_thread(publish, functions, {"events": events})
        assert answer["accepted"] == 60 and answer["lagging"] >= 1
        assert time.monotonic() - begun < 5, "the publisher waits for nobody"
        found, times = await numbers(plain, 60)
        assert found == list(range(1, 61))
        assert times[-1] - times[0] > 2.5, "forty frames after the first twenty take four seconds"
        for first in range(len(times)):
            assert sum(times[first] <= at < times[first] + 1 for at in times) <= 31
        assert (await numbers(batching, 60))[0] == list(range(1, 61))


async def test_the_events_of_several_streams_come_in_one_frame_to_a_client_that_takes_batches(gateway, functions):
    types = ["signal", "proposal", "decision", "outcome", "risk", "system"]
    async with connect(gateway.socket_url("userId=u-1&role=admin&hello=1")) as ws:
        await ws.send(json.dumps({"type": "hello", "n": 1, "eventTypes": types, "accept": ["batch"]}))
        while json.loads(await asyncio.wait_for(ws.recv(), 10))["type"] != "ready":
            pass
        events = [{"type": name, "data": {"n": number}} for number, name in enumerate(types, 1)]
        await asyncio.to_thread(publish, functions, {"events": events})
        found, times = await numbers(ws, 6)
        assert sorted(found) == [1, 2, 3, 4, 5, 6] and len(times) == 1


async def test_batches_of_ten_come_at_once_and_a_lone_event_after_a_second(gateway, functions):
    async with connect(gateway.socket_url("userId=u-1&role=admin&eventTypes=signal&batch=1", greeted=True)) as ws:
        assert json.loads(await asyncio.wait_for(ws.recv(), 10))["type"] == "connection_established"
        await asyncio.sleep(0.3)
        for number in range(1, 11):
            await asyncio.to_thread(publish, functions, {"type": "signal", "data": {"n": number}})
        found, times = await numbers(ws, 10)
        assert found == list(range(1, 11)) and len(times) == 1
        begun = time.monotonic()
        await asyncio.to_thread(publish, functions, {"type": "signal", "data": {"n": 11}})
        found, _ = await numbers(ws, 11)
        assert found == [11] and 0.7 < time.monotonic() - begun < 5
        # Of one publish as well: ten, ten, and five a second later.
        events = [{"type": "signal", "data": {"n": number}} for number in range(12, 37)]
        await asyncio.to_thread(publish, functions, {"events": events})
        found, times = await numbers(ws, 36)
        assert found == list(range(12, 37)) and len(times) == 3 and times[2] - times[1] > 0.5


async def test_one_connection_more_of_a_client_id_closes_the_oldest_and_300_bytes_are_refused(gateway):
    query = "userId=u-1&client_id=page"
    async with connect(gateway.socket_url(query)) as first:
        # Its handshake has ended by then.
        await first.ping()
        async with connect(gateway.socket_url(query)), connect(gateway.socket_url("userId=u-1&client_id=phone")) as other:
            while (frame := json.loads(await asyncio.wait_for(first.recv(), 10)))["type"] != "error":
                pass
            assert frame["code"] == "limit" and "a client_id of a user may have 1 connections" in frame["message"]
            with pytest.raises(websockets.ConnectionClosed):
                while True:
                    await asyncio.wait_for(first.recv(), 10)
            await other.ping()
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with connect(gateway.socket_url("userId=u-1&client_id=" + "x" * 300)):
            pass
    assert refused.value.response.status_code == 400
    assert b"client_id must be 1 to 256 bytes" in refused.value.response.body
