"""Clients of other makers on streams of events, side by side, straight and through nginx at its defaults, while the function is
killed, the gateway is killed, and the network is cut: each shows every event once, in order."""

import contextlib
import os
import signal
import threading

import httpx
import pytest

from browsing import browser  # noqa: F401 (a fixture)
from front import Front
from gateway_process import ROOT, Gateway
from sse_clients import Chromium, Curl, HttpxSSE, NodeEventSource, SSEClientPy
from test_http_functions import nginx, wait_for

STREAM = "/stream/sse?subscriptions=signal"


class World:
    """A gateway, nginx before it, a network before each of the two, and ten clients."""

    def __init__(self, folder, browser, stack):
        self.gateway = Gateway(
            folder, "--pages", str(ROOT / "Pages"), environment={"STREAM_RETRY_MILLISECONDS": "200"}).start()
        stack.callback(self.gateway.stop)
        self.fronts = [Front(self.gateway.port), Front(stack.enter_context(nginx(folder, self.gateway.port)))]
        for front in self.fronts:
            stack.callback(front.stop)
        direct, proxied = (front.url + STREAM for front in self.fronts)
        self.direct = Chromium("Chromium", browser, direct)
        self.watched = Chromium("Chromium through nginx", browser, proxied, watches=True)
        node = NodeEventSource([direct, proxied])
        loops = [made(f"{made.__name__}{where}", url) for made in (Curl, HttpxSSE, SSEClientPy)
                 for where, url in (("", direct), (" through nginx", proxied))]
        for one in [self.direct, self.watched, node, *loops]:
            stack.callback(one.stop)
        self.clients = [self.direct, self.watched, *node.readers, *loops]
        self.count = 0

    def publish(self, count):
        """Each by itself, again with the same key until it is accepted."""
        with httpx.Client(timeout=30) as client:
            for number in range(self.count, self.count + count):
                event = {"type": "signal", "data": {"n": number}, "idempotencyKey": f"n-{number}"}
                wait_for(lambda: self._accepts(client, event), f"event {number} was not taken")
                self.count += 1

    def _accepts(self, client, event):
        with contextlib.suppress(httpx.HTTPError, ValueError):
            answer = client.post(f"{self.gateway.url}/2015-03-31/functions/Publisher/invocations", json=event)
            return answer.json().get("accepted") == 1

    @staticmethod
    def numbers(client):
        return [frame["data"]["n"] for frame in client.got if frame.get("type") == "signal"]

    def look(self):
        for chromium in (self.direct, self.watched):
            chromium.look()
        return self.clients

    def wait_for_all(self):
        wait_for(lambda: all(len(self.numbers(client)) >= self.count for client in self.look()), "not all events came", 40)
        for client in self.clients:
            assert self.numbers(client) == list(range(self.count)), client.name

    # What befalls it.

    def kill_function(self):
        killed = self.gateway.environments("StreamHandler")
        assert killed
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    def kill_gateway(self):
        self.gateway.stop(signal.SIGKILL)
        self.gateway.start()

    def cut_network(self):
        for front in self.fronts:
            front.reset()


@pytest.fixture(scope="module")
def world(browser, tmp_path_factory):  # noqa: F811
    with contextlib.ExitStack() as stack:
        made = World(tmp_path_factory.mktemp("sse"), browser, stack)
        # Nobody is shown what was before it came.
        wait_for(lambda: all(client.got for client in made.look()), "not all are connected")
        yield made
        print(made.gateway.log()[-20_000:])


@pytest.mark.parametrize("befalls", [World.kill_function, World.kill_gateway, World.cut_network], ids=lambda what: what.__name__)
def test_every_client_shows_each_event_once_and_in_order_through(world, befalls):
    for _ in range(2):
        enough = world.count + 5
        publisher = threading.Thread(target=world.publish, args=[15])
        publisher.start()
        # In the middle of what it publishes.
        wait_for(lambda: world.count >= enough, "five are published")
        befalls(world)
        publisher.join(60)
    world.wait_for_all()
    # 2 is CLOSED: it would never come back.
    assert 2 not in world.direct.states
    for client in world.clients:
        assert not [error for error in client.errors if isinstance(error, dict) and error["state"] == 2], client.name
