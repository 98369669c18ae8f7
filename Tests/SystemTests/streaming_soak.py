"""Many clients of both transports at the local gateway for a long time, under faults: who is connected, and whether each got each event.

    streaming_soak.py [--clients 1000] [--seconds 3600] [--rate 1] [--seed 14] [--least-connected 0.99]

Half of the clients hold a WebSocket, half a stream over HTTP, each of a user of its own; all come back as clients do. The connected share
is the time for which clients were connected of the time for which they wanted to be. The clean end of a stream, which tells its client
when to come back, is no disconnection while that time lasts; what the share is without this is told too ("strictly").

Prints a line each minute and one at the end, and ends with 1 where the share is too small, or a client lacks an event or got one twice.
"""

import argparse
import asyncio
import http.client
import json
import pathlib
import random
import sys
import tempfile
import time

from delivery_proof import FAULTS, packaged
from follower import Follower
from gateway_process import Gateway

# A StreamHandler that is killed cuts 250 streams, which come back as as many invocations: at the rate of the other functions each kill would
# bring two more, for ever.
PLAN = [fault for fault in FAULTS if fault["kind"] not in ("killed", "stopped")]
PLAN += [{"kind": kind, "function": function, **more} for function in ("ConnectHandler", "DisconnectHandler", "DefaultHandler", "Publisher")
         for kind, more in (("killed", {"rate": 0.01, "within": 30}), ("stopped", {"rate": 0.004, "milliseconds": 1200}))]
PLAN += [
    {"kind": "killed", "rate": 0.001, "within": 30, "function": "StreamHandler"},
    {"kind": "stopped", "rate": 0.0005, "milliseconds": 1200, "function": "StreamHandler"},
    {"kind": "stream-cut", "rate": 0.05, "within": 60_000, "function": "StreamHandler"},
]
SETTLING_SECONDS = 60


class Presence:
    """How long a client was connected, of the time since it began to count; and what it got."""

    def __init__(self, events):
        self.isUp, self.isExcused, self.since, self.down, self.excused = False, False, None, 0.0, 0.0
        self.seen, self.repeated, self.losses, self.hasBegun = bytearray(events), 0, 0, False

    def begin(self):
        self.since, self.down, self.excused = time.monotonic(), 0.0, 0.0

    def change(self, isUp, isExcused=False):
        self.settle()
        if self.isUp and not isUp and not isExcused:
            self.losses += 1
        self.isUp, self.isExcused = isUp, isExcused
        self.hasBegun = self.hasBegun or isUp

    def settle(self):
        now = time.monotonic()
        if self.since is not None and not self.isUp:
            if self.isExcused:
                self.excused += now - self.since
            else:
                self.down += now - self.since
        if self.since is not None:
            self.since = now

    def got(self, number):
        if not 0 <= number < len(self.seen):
            return
        self.repeated += self.seen[number]
        self.seen[number] = 1


class SocketClient(Follower):
    """Over a WebSocket."""

    def __init__(self, number, gateway, events):
        super().__init__(f"s-{number}", gateway.socket_url(f"userId=s-{number}"), "admin", ["signal"], None, random.Random(number))
        self.isCalm, self.presence = True, Presence(events)

    def note(self, what, *more):
        if what in ("ready", "unconnected"):
            self.presence.change(what == "ready")

    def _show(self, event, held=False):
        stream, seq = event.get("stream"), event.get("seq")
        if stream is None or seq <= self.places.get(stream, 0):
            return
        self.places[stream] = seq
        if event["type"] == "signal":
            self.presence.got(event["data"]["n"])


class StreamClient:
    """Over HTTP: comes back with the newest id after the time it was told."""

    def __init__(self, number, gateway, events):
        self.port, self.path = gateway.port, f"/stream/sse?subscriptions=signal&userId=h-{number}"
        self.random, self.presence, self.isStopped = random.Random(number), Presence(events), False
        self.last, self.retry, self.connects, self.name = None, 5.0, 0, f"h-{number}"

    async def run(self):
        pause = 0.05
        while not self.isStopped:
            isClean = False
            try:
                isClean = await self._read()
                pause = 0.05
            except (OSError, EOFError, asyncio.TimeoutError, ValueError):
                pause = min(1, pause * 2)
            self.presence.change(False, isExcused=isClean)
            # Whoever is told to wait does so, as a browser does; whoever is cut comes back as the other client does.
            wait = self.retry if isClean else self.random.uniform(0, pause)
            for _ in range(int(wait / 0.5) + 1):
                if not self.isStopped:
                    await asyncio.sleep(min(0.5, wait))
            self.presence.change(False)

    async def _read(self):
        """True: the server ended the stream, and said so."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            again = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
            writer.write(f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{again}\r\n".encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            if head.split(b" ", 2)[1] != b"200":
                return False
            self.connects += 1
            self.presence.change(True)
            text = b""
            while not self.isStopped:
                size = int(await asyncio.wait_for(reader.readline(), 60), 16)
                text += (await reader.readexactly(size + 2))[:-2]
                if size == 0:
                    return True
                *frames, text = text.split(b"\n\n")
                for frame in frames:
                    self._take(frame.decode())
            return True
        finally:
            writer.close()

    def _take(self, frame):
        data = None
        for line in frame.split("\n"):
            field, _, value = line.partition(": ")
            if field == "data":
                data = json.loads(value)
            elif field == "id":
                self.last = value
            elif field == "retry":
                self.retry = int(value) / 1000
        if data and data.get("type") == "signal":
            self.presence.got(data["data"]["n"])


def publish(port, number):
    """Again until it is accepted, with the same key: answers are lost on purpose."""
    body = json.dumps({"type": "signal", "data": {"n": number}, "idempotencyKey": f"soak-{number}"})
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
            connection.request("POST", "/2015-03-31/functions/Publisher/invocations", body)
            response = connection.getresponse()
            answer = json.loads(response.read() or b"null")
            connection.close()
            if response.status == 200 and isinstance(answer, dict) and answer.get("accepted") == 1:
                return
        except (OSError, http.client.HTTPException, ValueError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"event {number} was not accepted within two minutes")


def shares(clients, seconds):
    """Of a transport's clients: the connected share, and the strict one, in which a clean end is a disconnection."""
    for client in clients:
        client.presence.settle()
    wanted = max(seconds * len(clients), 1e-9)
    down, excused = (sum(getattr(client.presence, name) for client in clients) for name in ("down", "excused"))
    return 1 - down / wanted, 1 - (down + excused) / wanted


def line(sockets, streams, seconds):
    told = []
    for name, clients in (("WebSocket", sockets), ("HTTP", streams)):
        share, strict = shares(clients, seconds)
        told.append(f"{name} {share:.3%} (strictly {strict:.3%}; {sum(client.presence.losses for client in clients)} cut)")
    return f"{seconds:.0f} s, {len(sockets) + len(streams)} clients connected: {', '.join(told)}"


async def soak(gateway, options):
    events = int(options.rate * options.seconds)
    sockets = [SocketClient(number, gateway, events) for number in range(options.clients // 2)]
    streams = [StreamClient(number, gateway, events) for number in range(options.clients - len(sockets))]
    clients, running = sockets + streams, []
    for client in clients:
        running.append(asyncio.create_task(client.run()))
        await asyncio.sleep(0.01)
    deadline = time.monotonic() + 120
    # Whoever comes after the first event has no place to go on from, and does not get it.
    while not all(client.presence.hasBegun for client in clients):
        assert time.monotonic() < deadline, f"only {sum(client.presence.hasBegun for client in clients)} clients have connected"
        await asyncio.sleep(0.1)
    for client in clients:
        client.presence.begin()
    start = time.monotonic()
    for number in range(events):
        await asyncio.sleep(max(0, start + number / options.rate - time.monotonic()))
        await asyncio.to_thread(publish, gateway.port, number)
        if number and number % int(60 * options.rate) == 0:
            print(line(sockets, streams, time.monotonic() - start), flush=True)
    seconds = time.monotonic() - start
    told, share = line(sockets, streams, seconds), shares(clients, seconds)[0]
    deadline = time.monotonic() + SETTLING_SECONDS
    while any(0 in client.presence.seen for client in clients) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    for client in clients:
        client.isStopped = True
    await asyncio.wait(running, timeout=60)
    lacking = sum(client.presence.seen.count(0) for client in clients)
    repeated = sum(client.presence.repeated for client in clients)
    for client in clients:
        if 0 in client.presence.seen:
            print(f"{client.name} lacks event {client.presence.seen.index(0)} and {client.presence.seen.count(0) - 1} more")
    return f"{told}; {events} events, {lacking} lacking, {repeated} twice", share, lacking + repeated


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--rate", type=float, default=1, help="events a second")
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--least-connected", type=float, default=0.99)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plan = pathlib.Path(folder) / "faults.json"
        plan.write_text(json.dumps({"seed": options.seed, "faults": PLAN}))
        gateway = Gateway(
            folder, "--environments", "40", "--faults", str(plan), "--sweep", "3", "--log-level", "error", *packaged(),
            environment={"STREAM_RETRY_MILLISECONDS": "1000"}).start()
        try:
            told, share, wrong = asyncio.run(soak(gateway, options))
            connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
            connection.request("GET", "/_tickertape/faults")
            faults = json.loads(connection.getresponse().read())["faults"]
        finally:
            gateway.stop()
    print(told)
    print("faults:", ", ".join(f"{fault['injected']} {fault['kind']} {fault.get('function', '')}".strip() for fault in faults))
    if share < options.least_connected:
        print(f"streaming_soak: less than {options.least_connected:.0%} connected", file=sys.stderr)
    return 1 if wrong or share < options.least_connected else 0


if __name__ == "__main__":
    sys.exit(main())
