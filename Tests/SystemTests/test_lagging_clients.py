"""A client that does not read, and one that vanished, beside clients that do: real processes, real sockets."""

import asyncio
import contextlib
import json
import socket

import boto3
import pytest
from websockets.asyncio.client import connect

from gateway_process import Gateway
from test_gateway_clients import CREDENTIALS, publish

QUERY = "userId={}&eventTypes=price:update"
# Thirty of these fill what the gateway keeps for a client that does not read, and the sockets on the way.
PADDING = "x" * 90_000


def event(number, padding=""):
    # Of a key of its own: none stands for another.
    return {"type": "price:update", "key": f"k-{number}", "priority": "high", "data": {"n": number, "padding": padding}}


async def numbers(ws, last):
    """The numbers of the events that come, up to that one."""
    found = []
    while not found or found[-1] != last:
        frame = json.loads(await asyncio.wait_for(ws.recv(), 60))
        if frame.get("type") == "price:update":
            found.append(frame["data"]["n"])
    return found


@contextlib.asynccontextmanager
async def deaf(gateway):
    """A client whose socket nobody reads until it is told to."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
    narrow.connect(("127.0.0.1", gateway.port))
    async with connect(gateway.socket_url(QUERY.format("u-deaf")), sock=narrow, max_size=1 << 20) as ws:
        ws.transport.pause_reading()
        yield ws


@pytest.fixture
def swept(tmp_path):
    running = Gateway(tmp_path, "--sweep", "1").start()
    yield running
    running.stop()
    print(running.log())


async def test_a_client_that_does_not_read_costs_the_others_nothing_and_gets_everything_once_when_it_reads_again(swept):
    functions = boto3.client("lambda", endpoint_url=swept.url, **CREDENTIALS)
    async with deaf(swept) as slow, connect(swept.socket_url(QUERY.format("u-1")), max_size=1 << 20) as healthy:
        number, answer = 0, {}
        # Until what is kept for it is full.
        while not answer.get("lagging"):
            number += 1
            assert number < 200, "the gateway keeps everything for a client that does not read"
            answer = await asyncio.to_thread(publish, functions, event(number, PADDING))
        assert answer["deliveries"] == 1
        assert await numbers(healthy, number) == list(range(1, number + 1))
        # No round tries it now, whatever is published: each event is posted to the healthy one, and that is all.
        for _ in range(20):
            number += 1
            answer = await asyncio.to_thread(publish, functions, event(number))
            assert (answer["deliveries"], answer["failed"], answer["unsent"]) == (1, 0, 0), answer
            assert await numbers(healthy, number) == [number]
        slow.transport.resume_reading()
        assert await numbers(slow, number) == list(range(1, number + 1))
        # It is one of the others again: a round of the next events posts to both.
        while True:
            number += 1
            answer = await asyncio.to_thread(publish, functions, event(number))
            got = await numbers(slow, number)
            assert await numbers(healthy, number) == [number] and got == [number]
            if answer["deliveries"] == 2:
                break


async def test_a_client_that_vanished_without_a_disconnect_costs_the_others_nothing(tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"seed": 1, "faults": [{"kind": "lost-disconnect", "rate": 1}]}))
    gateway = Gateway(tmp_path, "--faults", str(plan), "--sweep", "1").start()
    try:
        functions = boto3.client("lambda", endpoint_url=gateway.url, **CREDENTIALS)
        async with connect(gateway.socket_url(QUERY.format("u-1"))) as healthy:
            vanished = await connect(gateway.socket_url(QUERY.format("u-2")))
            assert (await asyncio.to_thread(publish, functions, event(1)))["deliveries"] == 2
            vanished.transport.abort()
            await vanished.wait_closed()
            assert await numbers(healthy, 1) == [1]
            # The first event that meets it is refused for it at once; it is young, and may be on its way in.
            answer = {"deliveries": 2}
            number = 1
            while answer["deliveries"] == 2:
                number += 1
                answer = await asyncio.to_thread(publish, functions, event(number))
                assert await numbers(healthy, number) == [number]
            assert answer["lagging"] == 1 and answer["retried"] == 0 and answer["gone"] == 0, answer
            for _ in range(20):
                number += 1
                answer = await asyncio.to_thread(publish, functions, event(number))
                assert (answer["deliveries"], answer["failed"], answer["retried"]) == (1, 0, 0), answer
                assert await numbers(healthy, number) == [number]
    finally:
        gateway.stop()
        print(gateway.log())
