"""The delivery proof: many clients that come and go, several publishers, every fault there is. In the end each client has
been shown each event that it may see and wants, to everyone, to its user, to its group or announced, once and in order, or a later one
of its key that stands for it; or, away for more than one answer holds, was told how many it missed and shown the state.

    python delivery_proof.py SEED [SEED …]      # or --soak 200
    python delivery_proof.py --soak 10 --jobs 3

The functions are the packaged ones where they have been built, else those of the debug build.
"""

import argparse
import asyncio
import collections
import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from event_stream_follower import EventStreamFollower, explained  # noqa: E402
from follower import Follower  # noqa: E402
from gateway_process import BIN, Gateway  # noqa: E402
from javascript_audience import JavaScriptAudience  # noqa: E402

ROLES = {
    "admin": None,
    "analyst": {"signal", "decision", "price:update", "announcement"},
    "approver": {"signal", "decision", "risk", "price:update", "announcement"},
    "viewer": {"signal", "price:update", "announcement"},
}
TYPES = ["price:update", "signal", "decision", "risk"]
# Sent to a user or a group: of a personal type, of one that no file knows, and two that are for some roles only.
ADDRESSED = ["order:update", "note", "risk", "signal"]
FOR_EVERY_ROLE = {"order:update", "note"}
SYMBOLS = [f"S{number}" for number in range(12)]
USERS = [f"u-{number}" for number in range(20)]
GROUPS = ["desk-1", "desk-2", "desk-3"]
FAULTS = [
    {"kind": "gone", "rate": 0.004},
    {"kind": "throttled", "rate": 0.01},
    {"kind": "throttled", "rate": 0.0005, "scope": "all", "milliseconds": 150},
    {"kind": "failed", "rate": 0.01, "status": 503},
    {"kind": "slow", "rate": 0.01, "milliseconds": 250},
    {"kind": "slow", "rate": 0.004, "milliseconds": 600, "delays": "effect"},
    {"kind": "lost", "rate": 0.01},
    {"kind": "duplicated", "rate": 0.02},
    {"kind": "duplicated", "rate": 0.1, "on": "invokes"},
    {"kind": "reordered", "rate": 0.05},
    {"kind": "lost-disconnect", "rate": 0.3},
    {"kind": "killed", "rate": 0.01, "within": 30},
    {"kind": "stopped", "rate": 0.004, "milliseconds": 1200, "limit": 6},
    {"kind": "table-throttled", "rate": 0.0005},
    # One process holds all event streams, so each of these is a fault of twenty clients.
    {"kind": "killed", "rate": 0.02, "within": 500, "function": "StreamHandler"},
    {"kind": "stopped", "rate": 0.01, "milliseconds": 1200, "limit": 3, "function": "StreamHandler"},
    {"kind": "stream-cut", "rate": 0.15, "within": 2000},
    {"kind": "first-chunk-held", "rate": 0.05},
    {"kind": "chunk-late", "rate": 0.05},
    {"kind": "chunks-held", "rate": 0.03, "bytes": 4096},
]
SETTINGS = {
    "MAX_CONNECTIONS_PER_USER": "100",
    "STREAM_SLICE_SECONDS": "2", "STREAM_KEEPALIVE_SECONDS": "1", "STREAM_RETRY_MILLISECONDS": "200", "STREAM_SECOND_CHUNK": "1",
}


class Publisher(threading.Thread):
    """Sends its events in batches; a batch whose answer is not heard, or not good, comes again with the same keys."""

    def __init__(self, gateway, number, count, seed):
        super().__init__(daemon=True)
        self.gateway, self.number, self.count = gateway, number, count
        self.random = random.Random(f"{seed}-publisher-{number}")
        self.accepted = 0
        self.attempts = 0
        self.error = None

    def event(self, number):
        data = {"n": number, "p": self.number}
        if self.random.random() < 0.01:
            data["text"] = "x" * self.random.randrange(1_000, 40_000)
        event = {"data": data, "idempotencyKey": f"{self.number}-{number}"}
        roll = self.random.random()
        if roll < 0.6:
            event |= {"type": "price:update", "key": self.random.choice(SYMBOLS)}
        elif roll < 0.7:
            event |= {"type": "signal"}
        elif roll < 0.8:
            event |= {"type": "decision", "key": self.random.choice(SYMBOLS[:3])}
        elif roll < 0.92:
            event |= {"type": "risk", "key": "all", "priority": self.random.choice(["high", "normal"])}
        elif roll < 0.98:
            event |= {"type": self.random.choice(ADDRESSED), "key": self.random.choice(SYMBOLS)}
            event |= {"user": self.random.choice(USERS)} if roll < 0.95 else {"group": self.random.choice(GROUPS)}
        else:
            event |= {"type": "announcement"}
        if event["type"] == "order:update":
            # The state of an order has no room for it: such an event is refused, however often it comes.
            data.pop("text", None)
        return event

    def run(self):
        try:
            sent = 0
            while sent < self.count:
                size = min(self.random.choice([1, 20, 100, 300, 500]), self.count - sent)
                self.send([self.event(sent + place) for place in range(size)])
                sent += size
        except Exception as error:  # noqa: BLE001 (told by whoever waits for this thread)
            self.error = error

    def send(self, events):
        body = json.dumps({"events": events})
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            self.attempts += 1
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=40)
                connection.request("POST", "/2015-03-31/functions/Publisher/invocations", body)
                response = connection.getresponse()
                answer = json.loads(response.read() or b"null")
                connection.close()
                if response.status == 200 and not response.getheader("X-Amz-Function-Error"):
                    if answer.get("accepted") == len(events):
                        self.accepted += len(events)
                        return
            except (OSError, http.client.HTTPException, ValueError):
                pass
            time.sleep(self.random.uniform(0.02, 0.2))
        raise AssertionError(f"publisher {self.number}: a batch was not accepted within two minutes")


def read_log(gateway, stream):
    """Everything the log of a stream holds, by sequence number."""
    done = subprocess.run(
        [BIN / "tickertape", "log", stream, "--store", f"sqlite:{gateway.folder / 'table.sqlite'}"],
        capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        return []
    return [json.loads(line) for line in done.stdout.splitlines()]


def read_epochs(gateway, streams):
    """Of each stream that has a log the name that it has in cursors, from the rows of the heads (Docs/data-model.md)."""
    epochs = {}
    with sqlite3.connect(f"file:{gateway.folder / 'table.sqlite'}?mode=ro", uri=True) as table:
        for stream in streams:
            key = f"s#{urllib.parse.quote(stream, safe='-._~')}".encode()
            row = table.execute("SELECT attributes FROM items WHERE partition = ? AND sort = ?", (key, b"!")).fetchone()
            epochs[stream] = re.search(rb"\d{13}-[0-9a-f]+", row[0])[0].decode() if row else ""
    return epochs


def wants(follower, stream, event):
    """By the rules alone: whether an event of a stream that a client follows is for it."""
    kind = event["type"]
    sees = ROLES[follower.role] is None or kind in ROLES[follower.role]
    asked = kind in follower.types and (not follower.keys or event.get("key") in follower.keys)
    if stream.startswith("all/"):
        return sees and (asked or kind == "announcement")
    return (sees or kind in FOR_EVERY_ROLE) and (asked or not follower.types)


def judge(follower, streams, logs, epochs):
    """What is wrong with what a client was shown."""
    everything, faults = explained(follower, epochs)
    places, covered, announced, hellos = {}, collections.defaultdict(set), {}, {}
    whole, torn = {}, collections.defaultdict(list)
    for shown in everything:
        if shown[0] == "whole":
            whole = dict(places)
            continue
        if shown[0] == "cut":
            # Of what was written together a part may have come, without the events that stand for earlier ones.
            for stream, place in places.items():
                if whole.get(stream, 0) < place:
                    torn[stream].append((whole.get(stream, 0), place))
            continue
        if shown[0] == "gap":
            # Whoever was away for more than one answer holds is told how much is gone, and gets the state.
            for lost in shown[1].get("streams", []):
                if lost["reason"] != "trimmed":
                    faults.append(f"a gap was told: {lost}")
                announced[lost["stream"]] = lost["missed"]
            continue
        kind, stream, seq, content = shown[:4]
        log = logs.get(stream, [])
        if stream not in streams:
            faults.append(f"{kind} of {stream}, which is not for it")
            continue
        if kind == "snapshot":
            isSameHello = hellos.get(stream) == shown[4]
            hellos[stream] = shown[4]
            # An event stream is told how much it missed since its cursor, and may have more by a WebSocket.
            most = seq - places.get(stream, 0) if isinstance(shown[4], int) else seq
            if stream in places and not isSameHello and not 0 < (announced.pop(stream, None) or 0) <= most:
                faults.append(f"a second state of {stream} at {seq} after {places[stream]}")
            places[stream] = max(seq, places.get(stream, 0))
            covered[stream].update(range(1, seq + 1))
            for event in content:
                if not wants(follower, stream, event) or log[event["seq"] - 1]["id"] != event["id"]:
                    faults.append(f"a state of {stream} shows {event['seq']}")
            continue
        if stream not in places:
            faults.append(f"{stream} {seq} before its state")
        if seq <= places.get(stream, 0):
            faults.append(f"{stream} {seq} after {places[stream]}")
            continue
        places[stream] = seq
        if seq > len(log) or log[seq - 1]["id"] != content["id"] or log[seq - 1]["data"] != content["data"]:
            faults.append(f"{stream} {seq} is not what the log holds")
            continue
        # Before its hello a connection has not asked for anything, and gets whatever is addressed to it.
        wasHeld = shown[4] and not stream.startswith("all/")
        if not wants(follower, stream, content) and not (wasHeld and wants(follower.unasked(), stream, content)):
            faults.append(f"{stream} {seq} was not asked for")
        covered[stream].add(seq)
        left, place = content.get("folded", 0), seq - 1
        while left and place:
            place -= 1
            other = log[place]
            if (other.get("key") == content.get("key") is not None and other["type"] == content["type"]
                    and other.get("priority") != "high"):
                covered[stream].add(other["seq"])
                left -= 1
        if left:
            faults.append(f"{stream} {seq} stands for {left} too many")
    for stream in streams:
        for event in logs[stream]:
            if wants(follower, stream, event) and event["seq"] not in covered[stream]:
                if not is_folded_in_a_cut(event, torn[stream], covered[stream], logs[stream]):
                    faults.append(f"never got {stream} {event['seq']} of {len(logs[stream])}")
    return faults


def is_folded_in_a_cut(event, torn, covered, log):
    """Whether what stood for an event was cut off, and a later one of its key came instead."""
    if event["type"] != "price:update" or event.get("priority") == "high":
        return False
    if not any(start < event["seq"] < end for start, end in torn):
        return False
    return any(other["seq"] in covered and other.get("key") == event.get("key") for other in log[event["seq"]:])


async def follow(gateway, seed, events, publishers, clients, report):
    dice = random.Random(f"{seed}-clients")
    followers, javascript = [], JavaScriptAudience()
    for number in range(clients):
        role = dice.choice(list(ROLES))
        user = dice.choice(USERS)
        groups = dice.sample(GROUPS, dice.randint(0, 2))
        # Some ask for nothing, and get all that is addressed to them.
        types = dice.sample(TYPES, dice.randint(1, len(TYPES))) if dice.random() < 0.85 else []
        types += dice.sample(["order:update", "note"], dice.randint(0, 2)) if types else []
        keys = dice.sample(SYMBOLS, 3) if types and set(types) <= {"price:update", "order:update"} and dice.random() < 0.8 else []
        who = f"userId={user}&role={role}" + f"&groups={','.join(groups)}" * bool(groups)
        client = (
            f"client {number} ({role}, {user}, {groups}, {types}, {keys})", gateway.socket_url(who), role, types, keys,
            random.Random(f"{seed}-client-{number}"))
        # Three of ten are those that browsers run, two read event streams alone, two change between those and WebSockets.
        if number % 10 < 3:
            follower = javascript.join(*client)
        elif number % 10 < 7 and types:
            follower = EventStreamFollower(*client, who, ["SSE"] if number % 10 < 5 else ["SSE", "WebSocket"])
        else:
            follower = Follower(*client)
        allowed = ROLES[role]
        follower.streams = [f"all/{kind}" for kind in types if allowed is None or kind in allowed]
        follower.streams += [f"user/{user}", "all/announcement"] + [f"group/{group}" for group in groups]
        followers.append(follower)
    tasks = [asyncio.create_task(follower.run()) for follower in followers]
    threads = [Publisher(gateway, number, events // publishers, seed) for number in range(publishers)]
    started = time.monotonic()
    # Most clients are there before the first event.
    await asyncio.sleep(0.5)
    for thread in threads:
        thread.start()
    # In every other seed the gateway dies once, and with it all connections and functions.
    dies_at = dice.uniform(0.2, 0.8) if seed % 2 else 2
    while any(thread.is_alive() for thread in threads):
        await asyncio.sleep(0.1)
        if sum(thread.accepted for thread in threads) >= dies_at * events:
            dies_at = 2
            count_faults(gateway, report)
            await asyncio.to_thread(lambda: (gateway.process.kill(), gateway.process.wait(), gateway.start()))
            report["gateway killed"] = 1
    for thread in threads:
        if thread.error:
            # A task that is cancelled at the wrong moment does not hear of it, and would go on for ever.
            for follower in followers:
                follower.isStopped = True
            await asyncio.gather(*tasks, return_exceptions=True)
            raise thread.error
    report["published"] = round(time.monotonic() - started, 1)
    # What is left: clients stay now, until each has what it lacks.
    for follower in followers:
        follower.isCalm = True
    streams = [f"all/{kind}" for kind in TYPES + ["announcement"] + ADDRESSED] + [f"user/{user}" for user in USERS]
    streams += [f"group/{group}" for group in GROUPS]
    logs = await asyncio.to_thread(lambda: {stream: read_log(gateway, stream) for stream in streams})
    needed = []
    for follower in followers:
        for stream in follower.streams:
            last = max((event["seq"] for event in logs[stream] if wants(follower, stream, event)), default=0)
            needed.append((follower, stream, last))
    deadline = time.monotonic() + 90
    while needed and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
        needed = [one for one in needed if one[0].places.get(one[1], 0) < one[2]]
    report["settled"] = round(time.monotonic() - started, 1)
    for follower in followers:
        follower.isStopped = True
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    javascript.close()
    for error in ended:
        if isinstance(error, AssertionError):
            raise error
    report["javascript"] = len(javascript.members)
    report["streams"] = sum(getattr(follower, "opened", 0) for follower in followers)
    report["connects"] = sum(follower.connects for follower in followers)
    report["shown"] = sum(1 for follower in followers for shown in follower.shown if shown[0] == "event")
    report["folded"] = sum(
        shown[3].get("folded", 0) for follower in followers for shown in follower.shown if shown[0] == "event")
    report["trimmed"] = sum(1 for follower in followers for shown in follower.shown if shown[0] == "gap")
    report["attempts"] = sum(thread.attempts for thread in threads)
    return followers, logs, await asyncio.to_thread(read_epochs, gateway, streams)


def count_faults(gateway, report):
    """Adds what was injected since the gateway was started."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request("GET", "/_tickertape/faults")
    for fault in json.loads(connection.getresponse().read())["faults"]:
        report.setdefault("faults", collections.Counter())[fault["kind"]] += fault["injected"]


def judge_log(logs, events):
    faults = []
    names = collections.Counter()
    for stream, log in logs.items():
        if [event["seq"] for event in log] != list(range(1, len(log) + 1)):
            faults.append(f"the log of {stream} has holes")
        names.update((event["data"]["p"], event["data"]["n"]) for event in log)
    faults += [f"event {name} stands {count} times in the log" for name, count in names.items() if count > 1]
    if len(names) != events:
        faults.append(f"{events} events were accepted, the log holds {len(names)}")
    return faults


def packaged():
    """The very files that are deployed, if they are there."""
    found = sorted((BIN.parent / "package").glob("*/bootstrap"))
    return [word for path in found for word in ("--function", f"{path.parent.name}={path}")]


def prove(seed, folder, events=20_000, publishers=4, clients=50, faults=FAULTS):
    """Runs one seed; returns what is wrong, and figures."""
    folder = pathlib.Path(folder)
    plan = folder / "faults.json"
    plan.write_text(json.dumps({"seed": seed, "faults": faults}))
    gateway = Gateway(
        # Each stream that has slow connections keeps a Publisher busy for seconds, and there are thirty streams.
        folder, "--environments", "40", "--faults", str(plan), "--sweep", "3", "--log-level", os.environ.get("PROOF_LOG_LEVEL", "error"), *packaged(),
        environment=SETTINGS).start()
    report = {"seed": seed}
    try:
        followers, logs, epochs = asyncio.run(follow(gateway, seed, events, publishers, clients, report))
        count_faults(gateway, report)
    finally:
        gateway.stop()
    wrong = judge_log(logs, events)
    for follower in followers:
        found = judge(follower, follower.streams, logs, epochs)
        if found:
            wrong.append(f"{follower.name}: {len(found)} faults, the first: {found[:3]}")
            trace = folder / f"{follower.name.split(' (')[0].replace(' ', '-')}.txt"
            trace.write_text("\n".join(map(str, found + follower.trace)))
    return wrong, report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", nargs="*", type=int)
    parser.add_argument("--soak", type=int, metavar="N", help="seeds 1 to N")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--keep", action="store_true", help="keep table and log of a seed that fails")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="so many seeds side by side")
    options = parser.parse_args()
    seeds = options.seeds + list(range(1, (options.soak or 0) + 1))
    if options.jobs > 1:
        return side_by_side(seeds, options)
    failed = [seed for seed in seeds if not run(seed, options)]
    if failed:
        sys.exit(f"failed: {failed}")


def run(seed, options):
    folder = tempfile.mkdtemp(prefix="proof-")
    wrong, report = prove(seed, folder, events=options.events)
    print(json.dumps(report), "ok" if not wrong else "FAILED", flush=True)
    for line in wrong[:5]:
        print("  ", line[:600], flush=True)
    if wrong and options.keep:
        print("  ", folder, flush=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return not wrong


def side_by_side(seeds, options):
    """Each seed in a process of its own."""
    def one(seed):
        command = [sys.executable, __file__, str(seed), "--events", str(options.events)]
        done = subprocess.run(command + (["--keep"] if options.keep else []), capture_output=True, text=True)
        # Without a verdict it broke off.
        print(done.stdout or f"seed {seed} broke off: {done.stderr}", end="", flush=True)
        return done.returncode == 0

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(one, seeds))
    failed = [seed for seed, isGood in zip(seeds, results) if not isGood]
    if failed:
        sys.exit(f"failed: {failed}")


if __name__ == "__main__":
    main()
