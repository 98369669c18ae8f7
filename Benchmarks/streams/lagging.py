#!/usr/bin/env python3
"""Whether a client that is slow or gone slows the others: 20 healthy clients of one stream alone, and beside others.

    Benchmarks/streams/lagging.py [--stores sqlite,dynamodb] [--kinds throttled,young,...] [--counts 1,50] [--seconds 20]
                                  [--alone each|once] [--control] [--programs FOLDER] [--json FILE]

Ten events of high priority a second go through real Publisher processes, which post to a management API of this program. The
others are, by kind:

    throttled     each post is answered 429
    young         each post is answered 410, by a connection that was opened a moment ago
    old           200 connections that are older than 30 s answer 410; with 50: and 50 more, one every 200 ms
    hangs         each post is answered after five seconds
    alternating   429 and 200 by turns

An event's time is from the moment it was due to be published to its post's arrival here. What holds:

    median <= 1.5 x alone + 3 ms;  p99 <= 60 ms;  p99 of the publish answer <= alone + 50 ms;
    a client that always answers 429 gets at most 12 posts in a minute (the first cell of it goes on for one)

Each cell prints its figures beside those of `alone`, measured right before it with the same store (`--alone once`: before the first
one only; other programs on the machine disturb), with a verdict; where alone itself is above 60 ms, the
p99 is held against 1.5 x alone + 3 ms, and that is said. Exit code 1: something does not hold.

`dynamodb` is MiniStack on loopback, one Python process, which needs the environment that `make python` makes. It answers one call after
the other (1.3 ms for one item, 8 for a query that answers 50 rows, 31 for 200, 10 for a transaction of 16 updates), and what it does
for one stands in everybody's p99. So over it both p99 are told, and this holds:

    median <= 1.5 x alone + 3 ms, or <= 1.5 x control + 3 ms where there is one (below);
    the lag senders of a cell ask at most 60 times a second and write at most 150 items a second

Of each cell over it is said how many calls a second are there for the others, by whom and of what, and how much of a processor the
emulator took. `--control`: where a cell over it does not hold by the first limits, the same calls are made again, each at its moment, to
another table of the same emulator by a program of a few lines (`table_calls.py`), while no client lags; the lag rows of those that are
slow stand there for the rounds to read, and nobody serves them. How slow the healthy clients are *then* is the emulator's doing.
"""

import argparse
import asyncio
import functools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import uuid

import table_calls

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEALTHY = 20
KINDS = ["throttled", "young", "old", "hangs", "alternating"]
STREAM = "all/price:update"


def milliseconds():
    return time.time() * 1000


def at(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


async def serve(handle):
    """A small HTTP/1.1 server on loopback; `handle` gets method, path, headers and body, and answers status, headers, body."""

    async def connection(reader, writer):
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ", 2)
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, more, answer = await handle(method, path, headers, body)
                lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(answer)}"] + [f"{n}: {v}" for n, v in more.items()]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=512)
    return server, server.sockets[0].getsockname()[1]


class Function:
    """Processes of one function, and the Runtime API that they ask."""

    def __init__(self):
        self.queue = asyncio.Queue()
        self.waiting = {}
        self.processes = []
        self.servers = []
        # Which process had an invocation of a lag sender, from when to when, in seconds since the epoch.
        self.lag_spans = []

    async def start(self, program, environment, count, log, name):
        for number in range(count):
            key = f"{name}{number}"
            server, port = await serve(functools.partial(self.handle, key))
            self.servers.append(server)
            one = {**environment, "PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
                   "AWS_LAMBDA_FUNCTION_NAME": program.name, "AWS_REGION": "us-east-1", "AWS_LAMBDA_LOG_LEVEL": "WARN",
                   "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "secret"}
            self.processes.append(subprocess.Popen([program], env=one, stdout=log, stderr=log))

    async def handle(self, key, method, path, headers, body):
        if path.endswith("/invocation/next"):
            while True:
                name, payload, seconds = await self.queue.get()
                if name in self.waiting:
                    break
            if payload.startswith(b'{"lag"'):
                self.lag_spans.append([key, time.time(), float("inf"), name])
            return 200, {"Lambda-Runtime-Aws-Request-Id": name,
                         "Lambda-Runtime-Deadline-Ms": str(int(milliseconds() + seconds * 1000))}, payload
        name, what = path.split("/")[-2:]
        for span in self.lag_spans:
            if span[3] == name:
                span[2] = time.time()
        if name in self.waiting:
            self.waiting.pop(name).set_result((what, body))
        return 202, {}, b"{}"

    def invoke(self, payload, seconds=30):
        name = str(uuid.uuid4())
        self.waiting[name] = asyncio.get_running_loop().create_future()
        self.queue.put_nowait((name, payload, seconds))
        return self.waiting[name]

    def stop(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for server in self.servers:
            server.close()


class Cell:
    """One table, one set of clients, some seconds of events."""

    def __init__(self, options, store, kind, count, seconds, recording=None):
        """`recording`: what another program asks of the store meanwhile."""
        self.options, self.store, self.kind, self.count, self.seconds = options, store, kind, count, seconds
        self.recording = recording
        self.due = {}
        self.times = []
        self.answers = []
        self.posts = {}
        self.invoked = {"lag": 0, "sendPending": 0}
        self.closed = set()
        self.turns = {}
        self.connections = 0
        self.control = None
        self.calls, self.replayed, self.busy, self.every_second = [], {}, 0, 0

    # The management API

    async def manage(self, method, path, headers, body):
        connection = urllib.parse.unquote(path.rsplit("/", 1)[1])
        if method == "DELETE":
            self.closed.add(connection)
            return 204, {}, b""
        kind = connection.split("-")[0]
        self.posts[connection] = self.posts.get(connection, 0) + 1
        if kind == "healthy":
            now = milliseconds()
            number = json.loads(body)["data"]["n"]
            if number in self.due:
                self.times.append((connection, number, now - self.due[number]))
            return 200, {}, b""
        if kind == "throttled":
            return 429, {"x-amzn-ErrorType": "LimitExceededException"}, b"{}"
        if kind in ("young", "old"):
            return 410, {"x-amzn-ErrorType": "GoneException"}, b"{}"
        if kind == "hangs":
            await asyncio.sleep(5)
            return 200, {}, b""
        self.turns[connection] = not self.turns.get(connection, False)
        return (429, {"x-amzn-ErrorType": "LimitExceededException"}, b"{}") if self.turns[connection] else (200, {}, b"")

    async def invoke_api(self, method, path, headers, body):
        for name in self.invoked:
            self.invoked[name] += f'"{name}"'.encode() in body
        self.publisher.invoke(body)
        return 202, {}, b""

    # Clients

    async def connect(self, kind, count, age):
        """Through ConnectHandler, as in life."""
        calls = []
        for _ in range(count):
            self.connections += 1
            now = int(milliseconds()) - age * 1000
            calls.append(self.connector.invoke(json.dumps({
                "headers": {"Host": "local"}, "queryStringParameters": {"eventTypes": "price:update"},
                "requestContext": {
                    "routeKey": "$connect", "eventType": "CONNECT", "connectionId": f"{kind}-{self.connections:04d}=",
                    "connectedAt": now, "requestTimeEpoch": now, "requestTime": "02/Nov/2026:10:00:00 +0000",
                    "requestId": str(uuid.uuid4()), "extendedRequestId": "e", "messageDirection": "IN", "stage": "prod",
                    "domainName": "local", "apiId": "a", "identity": {"sourceIp": "127.0.0.1"}},
                "isBase64Encoded": False}).encode()))
        for what, body in await asyncio.gather(*calls):
            assert what == "response" and b"200" in body, body

    async def connect_others(self):
        if self.kind in ("throttled", "hangs", "alternating"):
            await self.connect(self.kind, self.count, age=60)
        elif self.kind == "young":
            await self.connect("young", self.count, age=0)
        elif self.kind == "old":
            await self.connect("old", 200, age=60)

    async def more_old(self):
        for _ in range(self.count):
            await asyncio.sleep(0.2)
            await self.connect("old", 1, age=60)

    # Events

    async def publish(self, number):
        payload = json.dumps({"type": "price:update", "key": f"k{number}", "priority": "high", "data": {"n": number}}).encode()
        started = milliseconds()
        await self.publisher.invoke(payload)
        self.answers.append(milliseconds() - started)

    async def events(self):
        start, calls = time.monotonic() + 0.1, []
        self.start = time.time() + 0.1
        if self.control:
            self.control.stdin.write(b"\n")
            await self.control.stdin.drain()
        for number in range(1, self.seconds * 10 + 1):
            await asyncio.sleep(max(0, start + number / 10 - time.monotonic()))
            self.due[number] = milliseconds()
            calls.append(asyncio.create_task(self.publish(number)))
        await asyncio.wait(calls, timeout=30)
        # What was queued is sent by another.
        await asyncio.sleep(1.5)

    async def sweep(self):
        while True:
            await asyncio.sleep(60)
            self.publisher.invoke(b'{"sweep":{}}')

    async def run(self, folder):
        self.publisher, self.connector = Function(), Function()
        management, management_port = await serve(self.manage)
        invoke, invoke_port = await serve(self.invoke_api)
        environment = {
            **self.store.environment(folder), "API_GATEWAY_ENDPOINT": f"http://127.0.0.1:{management_port}/prod",
            "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{invoke_port}", "ACCESS": "open", "METRICS": "off"}
        programs = pathlib.Path(self.options.programs)
        with open(folder / "log", "wb") as log:
            try:
                await self.connector.start(programs / "ConnectHandler", environment, 2, log, "connect")
                await self.publisher.start(programs / "Publisher", environment, 6, log, "publisher")
                await self.connect("healthy", HEALTHY, age=60)
                # Each process has opened its table and its first connection.
                for number in range(-6, 0):
                    await self.publish(number)
                self.answers = []
                if self.recording:
                    self.store.put(self.recording["rows"])
                self.store.calls()
                await self.connect_others()
                if self.recording:
                    self.control = await self.store.replay(self.recording, folder)
                busy, began = self.store.processor_seconds(), time.monotonic()
                tasks = [asyncio.create_task(self.sweep())]
                if self.kind == "old" and self.count > 1:
                    tasks.append(asyncio.create_task(self.more_old()))
                await self.events()
                self.busy = (self.store.processor_seconds() - busy) / (time.monotonic() - began)
                for task in tasks:
                    task.cancel()
                calls = self.store.calls()
                self.every_second = sum(call["at"] >= self.start and call["who"] != "control" for call in calls) / self.seconds
                self.calls = table_calls.added(
                    calls, [span[:3] for span in self.publisher.lag_spans], self.kind)
                if self.control:
                    self.replayed = json.loads((await self.control.communicate())[0])
            finally:
                if self.control and self.control.returncode is None:
                    self.control.kill()
                self.publisher.stop()
                self.connector.stop()
                management.close()
                invoke.close()
                # Their connections end before the loop does.
                await asyncio.sleep(0.2)
        return self.figures()

    def figures(self):
        first = {}
        for connection, number, took in self.times:
            first.setdefault((connection, number), took)
        times = list(first.values())
        others = [count for name, count in self.posts.items() if not name.startswith("healthy")]
        return {
            "store": self.store.name, "kind": self.kind, "count": self.count, "seconds": self.seconds,
            "events": self.seconds * 10, "came": len(times) / (self.seconds * 10 * HEALTHY),
            "repeated": len(self.times) - len(times), "p50": at(times, 0.5), "p99": at(times, 0.99), "max": max(times, default=0),
            "answer_p50": at(self.answers, 0.5), "answer_p99": at(self.answers, 0.99),
            "posts_each_other": max(others, default=0), "closed": len(self.closed), **self.invoked,
            "calls": table_calls.counted(self.calls, self.start, self.seconds), "every_second": self.every_second, "busy": self.busy, "replayed": self.replayed}


class SQLite:
    name = "sqlite"

    def environment(self, folder):
        return {"CONNECTION_STORE": f"sqlite:{folder}/table.sqlite"}

    def calls(self):
        return []

    def processor_seconds(self):
        return 0

    def anew(self):
        return self

    def stop(self):
        pass


class DynamoDB:
    """MiniStack on a port of its own; each cell has a table of its own."""

    name = "dynamodb"

    def __init__(self, folder):
        sys.path.insert(0, str(ROOT / "Tests" / "SystemTests"))
        from aws_emulator import AWSEmulator
        self.folder = folder
        self.emulator = AWSEmulator(
            pathlib.Path(tempfile.mkdtemp(dir=folder)), checks=False, command=[sys.executable, table_calls.__file__, "emulator"])

    def environment(self, folder):
        self.table = self.make_table()
        return {"CONNECTION_STORE": f"dynamodb:{self.table}", "AWS_ENDPOINT_URL_DYNAMODB": self.emulator.endpoint}

    def put(self, rows):
        for row in rows:
            self.emulator.root.client("dynamodb").put_item(TableName=self.table, Item=row)

    def make_table(self):
        table = f"t-{uuid.uuid4().hex[:12]}"
        self.emulator.root.client("dynamodb").create_table(
            TableName=table, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}])
        return table

    def calls(self):
        """Since the last time."""
        return json.loads(urllib.request.urlopen(f"{self.emulator.endpoint}/_calls").read())

    def processor_seconds(self):
        fields = pathlib.Path(f"/proc/{self.emulator.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def anew(self):
        """One without the tables of other cells: the more an emulator holds, the longer it stands still to look for garbage."""
        self.stop()
        return DynamoDB(self.folder)

    async def replay(self, recording, folder):
        """A program that makes the calls of a recording once it is told to."""
        path = folder / "recording.json"
        path.write_text(json.dumps(recording))
        program = await asyncio.create_subprocess_exec(
            sys.executable, table_calls.__file__, "replay", path, self.emulator.endpoint, self.make_table(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert await program.stdout.readline() == b"ready\n"
        return program

    def stop(self):
        self.emulator.stop()


def judge(row, alone):
    """What does not hold of a cell, beside the healthy clients alone."""
    faults = []
    most = 1.5 * alone["p50"] + 3
    if row["p50"] > most:
        faults.append(f"median {row['p50']:.1f} > {most:.1f}")
    # Where the store itself takes longer than that, it is held against the store.
    most = 60 if alone["p99"] <= 60 else 1.5 * alone["p99"] + 3
    if row["p99"] > most:
        faults.append(f"p99 {row['p99']:.0f} > {most:.0f}")
    if row["answer_p99"] > alone["answer_p99"] + 50:
        faults.append(f"answer p99 {row['answer_p99']:.0f} > {alone['answer_p99'] + 50:.0f}")
    if row["kind"] == "throttled" and row["posts_each_other"] > 12 * max(1, row["seconds"] / 60):
        faults.append(f"{row['posts_each_other']} posts to a client that always answers 429")
    if row["came"] < 1:
        faults.append(f"{100 * (1 - row['came']):.2f} % had not come")
    return faults


CALLS_A_SECOND = 60
ITEMS_A_SECOND = 150


def judge_over_emulator(row, faults):
    """What does not hold of a cell over the emulator; `faults`: by the limits of a store that takes no time."""
    faults = [fault for fault in faults if "p99" not in fault]
    sender = [(name.split(" ")[2], rates) for name, rates in row["calls"].items() if name.startswith("lag sender: ")]
    calls = sum(count for _, (count, _) in sender)
    written = sum(items for operation, (_, items) in sender if operation not in ("GetItem", "BatchGetItem", "Query"))
    if calls > CALLS_A_SECOND:
        faults.append(f"{calls:.0f} calls of lag senders a second > {CALLS_A_SECOND}")
    if written > ITEMS_A_SECOND:
        faults.append(f"{written:.0f} items written by lag senders a second > {ITEMS_A_SECOND}")
    return faults


def say(row, alone, verdict):
    ratio = row["p50"] / alone["p50"] if alone["p50"] else float("nan")
    limit = "" if alone["p99"] <= 60 or row is alone else f" (p99 beside alone's {alone['p99']:.0f}, the store's own)"
    print(f"{row['store']:9}{row['kind']:12}{row['count']:4}  p50 {row['p50']:7.1f} ms ({ratio:5.2f} x)  p99 {row['p99']:7.1f}  "
          f"max {row['max']:7.1f}  answer p50 {row['answer_p50']:7.1f} p99 {row['answer_p99']:7.1f}  posts to each {row['posts_each_other']:3}  "
          f"twice {row['repeated']:3}  lag {row['lag']:3}  {verdict}{limit}", flush=True)
    if row["calls"] or row["busy"]:
        print(f"{'':25}emulator {100 * row['busy']:.0f} % of a processor; {row['every_second']:.0f} calls a second, for the others: "
              + (call_rates(row["calls"]) or "none") + (f"; replayed {row['replayed']}" if row["replayed"] else ""), flush=True)


def call_rates(calls):
    """`lag sender 12.5 (40.0 items): 5.0 Query lag row, ...`, the most frequent first."""
    roles = {}
    for name, (count, items) in sorted(calls.items(), key=lambda one: -one[1][0]):
        role, what = name.split(": ")
        roles.setdefault(role, []).append((count, items, what))
    return "; ".join(
        f"{role} {sum(one[0] for one in parts):.1f} ({sum(one[1] for one in parts):.1f} items): "
        + ", ".join(f"{count:.1f} {what}" for count, _, what in parts) for role, parts in roles.items())


class Comparison:
    """The cells of one store, each beside the healthy clients alone and, where it does not hold, beside the same calls of another."""

    def __init__(self, options, store, work):
        self.options, self.store, self.work = options, store, work
        self.alone = None
        self.rows = []

    def run(self, kind, count):
        seconds = max(60, self.options.seconds) if kind == "throttled" and count == 1 else self.options.seconds
        if self.alone is not None and self.options.alone == "each":
            self.store = self.store.anew()
        if self.alone is None or self.options.alone == "each":
            # As long as the cell where the store is an emulator, which takes the longer for a log the more stands in it.
            self.alone, _ = self.cell("alone", 0, seconds if self.store.name == "dynamodb" else self.options.seconds)
            say(self.alone, self.alone, "alone")
        row, cell = self.cell(kind, count, seconds)
        faults = judge(row, self.alone)
        is_emulator = self.store.name == "dynamodb"
        row["faults"] = judge_over_emulator(row, faults) if is_emulator else faults
        row["told"] = [fault for fault in faults if fault not in row["faults"]]
        verdict = "NOT HELD: " + "; ".join(row["faults"]) if row["faults"] else "held"
        say(row, self.alone, verdict + (f"; told: {'; '.join(row['told'])}" if row["told"] else ""))
        if faults and is_emulator and self.options.control:
            self.control(row, {"table": self.store.table, "start": cell.start, "calls": cell.calls})

    def control(self, row, recording):
        recording["rows"] = table_calls.standing(recording["calls"])
        if recording["rows"]:
            # The rounds make these themselves.
            recording["calls"] = [call for call in recording["calls"] if call["role"] != "round" or call["operation"] != "Query"]
        control, _ = self.cell("alone", 0, row["seconds"], recording)
        control.update(kind=f"={row['kind']}", count=row["count"])
        beside = judge(row, control)
        row["faults_beside_control"] = beside
        if not any(fault.startswith("median") for fault in beside):
            row["told"] += [fault for fault in row["faults"] if fault.startswith("median")]
            row["faults"] = [fault for fault in row["faults"] if not fault.startswith("median")]
        say(control, self.alone, "the same calls of another program, nobody lags; beside this the cell " + (
            "does not hold: " + "; ".join(beside) if beside else "holds"))

    def cell(self, kind, count, seconds, recording=None):
        folder = self.work / f"{self.store.name}-{len(self.rows)}"
        folder.mkdir()
        cell = Cell(self.options, self.store, kind, count, seconds, recording)
        row = asyncio.run(cell.run(folder))
        self.rows.append(row)
        if os.environ.get("KEEP_LOGS"):
            shutil.copy(folder / "log", f"{os.environ['KEEP_LOGS']}/{self.store.name}-{len(self.rows)}-{kind}-{count}.log")
        return row, cell


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", default="sqlite,dynamodb")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--counts", default="1,50")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--alone", choices=["each", "once"], default="each")
    parser.add_argument("--control", action="store_true", help="the calls of cells that do not hold, made again by another program")
    parser.add_argument("--programs", default=None, help="where Publisher and ConnectHandler are; else they are built for release")
    parser.add_argument("--json", default=None)
    options = parser.parse_args()
    if options.programs is None:
        subprocess.run(["swift", "build", "-c", "release"], cwd=ROOT, check=True, stdout=sys.stderr)
        options.programs = subprocess.run(
            ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    rows = []
    work = pathlib.Path(tempfile.mkdtemp())
    try:
        for name in options.stores.split(","):
            store = SQLite() if name == "sqlite" else DynamoDB(work)
            comparison = Comparison(options, store, work)
            try:
                for kind in options.kinds.split(","):
                    for count in options.counts.split(","):
                        comparison.run(kind, int(count))
            finally:
                comparison.store.stop()
                rows += comparison.rows
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if options.json:
            pathlib.Path(options.json).write_text(json.dumps(rows))
    held = not any(row.get("faults") for row in rows)
    print("all held" if held else "NOT all held")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
