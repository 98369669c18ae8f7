"""Clients and a publisher at the local gateway for some seconds: how late events are, how many come, who stays connected.

    streaming_load.py [--clients 50] [--rate 8] [--seconds 5] [--most-milliseconds 100]

Prints one line and ends with 1 where a bound is missed: the 99th percentile of the time from the call that publishes an event to a
client's hands (`--most-milliseconds`; 0: not judged), 99.9 % of all deliveries, 99 % of the connections without a second one.
"""

import argparse
import asyncio
import http.client
import json
import random
import sys
import tempfile
import time

from follower import Follower
from gateway_process import Gateway

LEAST_DELIVERED = 0.999
LEAST_STABLE = 0.99
WARM_UP = 4


class Watcher(Follower):
    """Notes how late each event is. The clock is one for all, since all is on this machine."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.isCalm = True
        self.isReady = asyncio.Event()
        self.late = []

    def note(self, what, *more):
        if what == "ready":
            self.isReady.set()

    def _show(self, event, held=False):
        known = len(self.shown)
        super()._show(event, held)
        if len(self.shown) > known and event["data"]["n"] >= 0:
            self.late.append(time.monotonic() - event["data"]["sent"])


def publish(connection, number):
    event = {"type": "signal", "data": {"n": number, "sent": time.monotonic()}, "idempotencyKey": str(number)}
    connection.request("POST", "/2015-03-31/functions/Publisher/invocations", json.dumps(event))
    answer = json.loads(connection.getresponse().read())
    assert answer.get("accepted") == 1, answer


async def measure(gateway, clients, rate, seconds):
    """The delays of all deliveries in ascending order, how many there had to be, and how many clients connected once only."""
    watchers = [Watcher(f"c-{number}", gateway.socket_url(f"userId=u-{number}"), "admin", ["signal"], None, random.Random(number))
                for number in range(clients)]
    running = [asyncio.create_task(watcher.run()) for watcher in watchers]
    await asyncio.wait_for(asyncio.gather(*(watcher.isReady.wait() for watcher in watchers)), 60)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=40)
    # Not counted: the function's process starts with them.
    for number in range(-WARM_UP, 0):
        await asyncio.to_thread(publish, connection, number)
        await asyncio.sleep(1 / rate)
    count, start = int(rate * seconds), time.monotonic()
    for number in range(count):
        await asyncio.sleep(max(0, start + number / rate - time.monotonic()))
        await asyncio.to_thread(publish, connection, number)
    deadline = time.monotonic() + 10
    while any(len(watcher.late) < count for watcher in watchers) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    for watcher in watchers:
        watcher.isStopped = True
    await asyncio.gather(*running)
    stable = sum(watcher.connects == 1 for watcher in watchers)
    return sorted(delay for watcher in watchers for delay in watcher.late), count * clients, stable


def judged(delays, expected, stable, options):
    """The line to print, and what of it is not good enough."""
    p50, p99 = (1000 * delays[int(share * (len(delays) - 1))] if delays else float("inf") for share in (0.5, 0.99))
    wrong = []
    if options.most_milliseconds and p99 > options.most_milliseconds:
        wrong.append(f"p99 is above {options.most_milliseconds} ms")
    if len(delays) < LEAST_DELIVERED * expected:
        wrong.append(f"less than {LEAST_DELIVERED:.1%} was delivered")
    if stable < LEAST_STABLE * options.clients:
        wrong.append(f"less than {LEAST_STABLE:.0%} of the connections stayed")
    return (f"{options.clients} clients, {options.rate:g} events a second for {options.seconds:g} s: p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
            f"{len(delays)} of {expected} delivered, {stable} of {options.clients} connections stayed"), wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rate", type=float, default=8, help="events a second")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--most-milliseconds", type=float, default=100, help="what the 99th percentile may be; 0: not judged")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(folder, "--env", f"MAX_CONNECTIONS_PER_USER={options.clients}").start()
        try:
            line, wrong = judged(*asyncio.run(measure(gateway, options.clients, options.rate, options.seconds)), options)
        finally:
            gateway.stop()
    print(line)
    for what in wrong:
        print(f"streaming_load: {what}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
