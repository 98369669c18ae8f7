"""Streams of events over some time: a browser's EventSource with a ticket, streams whose readers are gone, what is left of them.

`SSE_TICKET_SECONDS` is how long the browser stays (20; the soak takes 180), `HTTP_STREAMS` how many streams are opened and cut (300;
the soak takes 10,000)."""

import os
import signal
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from browsing import browser  # noqa: F401 (a fixture)
from gateway_process import ROOT, Gateway
from sse_clients import Chromium
from test_http_functions import descriptors, state, wait_for
from tokens import claims, shared_token

SECONDS = float(os.environ.get("SSE_TICKET_SECONDS", "20"))
STREAMS = int(os.environ.get("HTTP_STREAMS", "300"))
SLICE = 5
SECRET = "a secret that is long enough: thirty-two bytes"


@pytest.fixture
def serve(tmp_path):
    running = []

    def start(*options, access="open", **environment):
        running.append(Gateway(
            tmp_path, "--pages", str(ROOT / "Pages"), *options, access=access,
            environment={"STREAM_RETRY_MILLISECONDS": "200", **environment}).start())
        return running[-1]

    yield start
    for gateway in running:
        gateway.stop()
        print(gateway.log()[-20_000:])


def publish(gateway, **event):
    answer = httpx.post(f"{gateway.url}/2015-03-31/functions/Publisher/invocations", json=event, timeout=30)
    assert answer.json().get("accepted") == 1, answer.text


def kill_function(gateway):
    for pid in gateway.environments("StreamHandler"):
        os.kill(pid, signal.SIGKILL)


def test_a_browsers_event_source_with_a_ticket_is_never_closed(serve, browser):  # noqa: F811
    gateway = serve(
        access="required", STREAM_SLICE_SECONDS=str(SLICE), JWT_SECRET=SECRET, JWT_ISSUER="https://login.test/",
        JWT_AUDIENCE="tickertape")
    headers = {"Authorization": f"Bearer {shared_token(SECRET, claims(user='u-1', seconds=3600))}"}
    ticket = httpx.post(f"{gateway.url}/ticket", headers=headers).json()["ticket"]
    started, count = time.monotonic(), 0
    source = Chromium("Chromium", browser, f"{gateway.url}/api/stream/orders?ticket={ticket}")

    def shown():
        source.look()
        return [data["n"] for data in source.got if "n" in data]

    def publish_next():
        nonlocal count
        publish(gateway, type="order:update", user="u-1", key=f"o-{count}", data={"n": count})
        count += 1

    for kill in range(1, 4):
        # In the middle of a fourth of the time; between them slices end.
        while time.monotonic() < started + SECONDS * kill / 4:
            time.sleep(0.2)
        publish_next()
        kill_function(gateway)
        publish_next()
        wait_for(lambda: len(shown()) >= count, f"after kill {kill}")
    while time.monotonic() < started + SECONDS:
        time.sleep(0.2)
    publish_next()
    wait_for(lambda: len(shown()) >= count, "the last")
    assert shown() == list(range(count))
    # 2 is CLOSED: it would never come back.
    assert source.states and 2 not in source.states
    # A slice is five seconds and up to a tenth, and each event begins another.
    assert source.opens >= 4 + int(SECONDS / 4 / (1.1 * SLICE + 1.5))
    source.stop()


def test_a_hundred_curls_aborted_in_the_middle_leave_no_invocation_after_a_slice(serve):
    slice_seconds = 4
    gateway = serve(STREAM_SLICE_SECONDS=str(slice_seconds))
    curls = []
    for number in range(100):
        if number % 10 == 0:
            # No slice ends before all are open, however slow the machine.
            publish(gateway, type="signal", data={"n": 0})
        curls.append(subprocess.Popen(
            ["curl", "-sN", f"{gateway.url}/stream/sse?subscriptions=signal&userId=u-{number}"], stdout=subprocess.PIPE))
        assert curls[-1].stdout.readline().startswith(b"data: ")
    publish(gateway, type="signal", data={"n": 1})
    for curl in curls:
        assert any(b'"n":1' in line for line in curl.stdout)
    for curl in curls:
        curl.kill()
        curl.wait()
    assert state(gateway)["invocations"] == 100, "the functions are not told"
    # A slice, a tenth of it, and five seconds.
    wait_for(lambda: state(gateway) == {"front": "url", "streams": 0, "invocations": 0}, "all have ended", 1.1 * slice_seconds + 5)
    metrics = httpx.get(f"{gateway.url}/api/stream/metrics").json()
    assert (metrics["totalClients"], metrics["totalUsers"]) == (0, 0)


def rows(gateway):
    """How many rows there are of each partition of the table, but of when each user left, of which there is one row with an end, and
    of the sweep's count, which is one row."""
    with sqlite3.connect(f"file:{gateway.folder / 'table.sqlite'}?mode=ro", uri=True) as table:
        return {name: count for name, count, ends in table.execute(
            "SELECT CAST(partition AS TEXT), count(*), count(expires) FROM items GROUP BY 1")
            if not (name.startswith("p#") and count == ends == 1 or name == "totals" and count == 1)}


def function_descriptors(gateway):
    return [len(os.listdir(f"/proc/{pid}/fd")) for pid in gateway.environments("StreamHandler")]


def ticks(pid):
    """Of the processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_of_event_streams_opened_and_cut_nothing_is_left(serve):
    slots = 128
    gateway = serve("--concurrency", f"StreamHandler={slots}", "--environments", "4", STREAM_SLICE_SECONDS="1")
    httpx.get(f"{gateway.url}/api/stream/metrics")
    before, cut = rows(gateway), 0
    while cut < STREAMS:
        clients = []
        for number in range(cut, min(cut + 50, STREAMS)):
            # Some of users of their own, with a row each, some of nobody.
            target = f"/api/stream/orders?userId=u-{number}" if number % 5 else "/api/stream/prices"
            client = socket.create_connection(("127.0.0.1", gateway.port))
            client.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n\r\n".encode())
            clients.append(client)
        for index, client in enumerate(clients):
            # Some in the middle, some before they had an answer.
            if index % 4:
                client.recv(10)
            client.close()
        cut += len(clients)
    assert rows(gateway) != before, "those of the last have a row"
    wait_for(lambda: state(gateway) == {"front": "url", "streams": 0, "invocations": 0}, "all have ended", 60)
    environments = len(gateway.environments("StreamHandler"))
    # Each slot has one connection, at both its ends; beside them stand the table, pipes and a port.
    assert descriptors(gateway) <= environments * (slots + 12) + 40
    assert all(count <= slots + 16 for count in function_descriptors(gateway)), function_descriptors(gateway)
    assert rows(gateway) == before
    # What still had timers would be woken by them.
    processes = [gateway.process.pid, *gateway.environments("StreamHandler")]
    had = sum(map(ticks, processes))
    time.sleep(1)
    assert sum(map(ticks, processes)) - had <= 5
