"""Clients of the source documents: each is greeted first, and each gets the state of what its URL names."""

import asyncio
import json
import urllib.request

import pytest
from websockets.asyncio.client import connect

from gateway_process import Gateway

CLIENTS = 30
NEWS = "stream:news:AAPL"

#: The path, what the greeting is (None: this dialect has none), and how the state begins (None: nothing was named).
DIALECTS = {
    "typed": ("/dev?eventTypes=signal", "connection_established", "snapshot"),
    "typed, no types": ("/stream/ws?userId=u-{n}", "connection_established", None),
    "typed, an empty list of types": ("/ws?eventTypes=&auth=t", "connection_established", None),
    "flat": ("/realtime/ws/client-{n}?user_id=u-{n}&eventTypes=signal", "connection", "signal"),
    "message": (f"/streaming/ws?channels={NEWS}&symbols=AAPL", None, "data"),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    running = Gateway(tmp_path_factory.mktemp("greetings")).start()
    events = [{"type": "signal", "key": "k", "data": {"n": 1}}, {"type": NEWS, "data": {"title": "t"}}]
    told = urllib.request.Request(
        f"{running.url}/2015-03-31/functions/Publisher/invocations", data=json.dumps({"events": events}).encode())
    assert json.loads(urllib.request.urlopen(told).read())["accepted"] == 2
    yield running
    running.stop()


async def kinds(url, says, awaited):
    """The types of the frames of one client in their order, up to the last that is awaited, and a moment more."""
    async with connect(url) as ws:
        if says:
            await ws.send(says)
        came = []
        while not awaited <= set(came):
            came.append(json.loads(await asyncio.wait_for(ws.recv(), 30))["type"])
        try:
            while True:
                came.append(json.loads(await asyncio.wait_for(ws.recv(), 0.2))["type"])
        except TimeoutError:
            return came


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("says, answer", [
    (None, None), ('{"type":"ping"}', "pong"), ('{"type":"status"}', "status"), ('{"type":"dance"}', "error")])
async def test_thirty_clients_are_each_greeted_first_and_once_and_shown_the_state(gateway, dialect, says, answer):
    path, greeting, state = DIALECTS[dialect]
    awaited = {kind for kind in (greeting, state, answer) if kind}
    urls = [f"ws://127.0.0.1:{gateway.port}{path.format(n=n)}" for n in range(CLIENTS)]
    for came in await asyncio.gather(*(kinds(url, says, awaited) for url in urls)):
        assert sorted(came) == sorted(awaited), came
        assert greeting is None or came[0] == greeting, came


async def test_who_says_hello_in_the_url_is_posted_nothing_before(gateway):
    async with connect(gateway.socket_url("eventTypes=signal")) as ws:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ws.recv(), 0.5)
        await ws.send('{"type":"hello","n":1}')
        assert json.loads(await asyncio.wait_for(ws.recv(), 30))["type"] == "connection"
