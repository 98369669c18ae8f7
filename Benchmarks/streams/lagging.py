#!/usr/bin/env python3
"""Whether a client that is slow or gone slows the others: 20 healthy clients of one stream alone, and beside others.

    Benchmarks/streams/lagging.py [--stores sqlite,dynamodb] [--kinds throttled,young,...] [--counts 1,50] [--seconds 20]
                                  [--alone each|once] [--programs FOLDER] [--json FILE]

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
p99 is held against 1.5 x alone + 3 ms, and that is said. Exit code 1: something does not hold. `dynamodb` is MiniStack on
loopback, which needs the environment that `make python` makes; about 40 ms of each call are its own.
"""

import argparse
import asyncio
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

    async def start(self, program, environment, count, log):
        self.server, port = await serve(self.handle)
        environment = {**environment, "PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
                       "AWS_LAMBDA_FUNCTION_NAME": program.name, "AWS_REGION": "us-east-1", "AWS_LAMBDA_LOG_LEVEL": "WARN"}
        for _ in range(count):
            self.processes.append(subprocess.Popen([program], env=environment, stdout=log, stderr=log))

    async def handle(self, method, path, headers, body):
        if path.endswith("/invocation/next"):
            while True:
                name, payload, seconds = await self.queue.get()
                if name in self.waiting:
                    break
            return 200, {"Lambda-Runtime-Aws-Request-Id": name,
                         "Lambda-Runtime-Deadline-Ms": str(int(milliseconds() + seconds * 1000))}, payload
        name, what = path.split("/")[-2:]
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
        self.server.close()


class Cell:
    """One table, one set of clients, some seconds of events."""

    def __init__(self, options, store, kind, count, seconds):
        self.options, self.store, self.kind, self.count, self.seconds = options, store, kind, count, seconds
        self.due = {}
        self.times = []
        self.answers = []
        self.posts = {}
        self.invoked = {"lag": 0, "sendPending": 0}
        self.closed = set()
        self.turns = {}
        self.connections = 0

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
                await self.connector.start(programs / "ConnectHandler", environment, 2, log)
                await self.publisher.start(programs / "Publisher", environment, 6, log)
                await self.connect("healthy", HEALTHY, age=60)
                # Each process has opened its table and its first connection.
                for number in range(-6, 0):
                    await self.publish(number)
                self.answers = []
                await self.connect_others()
                tasks = [asyncio.create_task(self.sweep())]
                if self.kind == "old" and self.count > 1:
                    tasks.append(asyncio.create_task(self.more_old()))
                await self.events()
                for task in tasks:
                    task.cancel()
            finally:
                self.publisher.stop()
                self.connector.stop()
                management.close()
                invoke.close()
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
            "posts_each_other": max(others, default=0), "closed": len(self.closed), **self.invoked}


class SQLite:
    name = "sqlite"

    def environment(self, folder):
        return {"CONNECTION_STORE": f"sqlite:{folder}/table.sqlite"}

    def stop(self):
        pass


class DynamoDB:
    """MiniStack on a port of its own; each cell has a table of its own."""

    name = "dynamodb"

    def __init__(self, folder):
        sys.path.insert(0, str(ROOT / "Tests" / "SystemTests"))
        from aws_emulator import AWSEmulator
        self.emulator = AWSEmulator(folder / "ministack", checks=False)

    def environment(self, folder):
        table = f"t-{uuid.uuid4().hex[:12]}"
        self.emulator.root.client("dynamodb").create_table(
            TableName=table, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}])
        return {
            "CONNECTION_STORE": f"dynamodb:{table}", "AWS_ENDPOINT_URL_DYNAMODB": self.emulator.endpoint,
            "AWS_ACCESS_KEY_ID": "rootkey", "AWS_SECRET_ACCESS_KEY": "rootsecret"}

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


def say(row, alone, faults):
    ratio = row["p50"] / alone["p50"] if alone["p50"] else float("nan")
    verdict = "alone" if row is alone else "NOT HELD: " + "; ".join(faults) if faults else "held"
    limit = "" if alone["p99"] <= 60 or row is alone else f" (p99 beside alone's {alone['p99']:.0f}, the store's own)"
    print(f"{row['store']:9}{row['kind']:12}{row['count']:4}  p50 {row['p50']:7.1f} ms ({ratio:5.2f} x)  p99 {row['p99']:7.1f}  "
          f"max {row['max']:7.1f}  answer p50 {row['answer_p50']:7.1f} p99 {row['answer_p99']:7.1f}  posts to each {row['posts_each_other']:3}  "
          f"twice {row['repeated']:3}  lag {row['lag']:3}  {verdict}{limit}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", default="sqlite,dynamodb")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--counts", default="1,50")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--alone", choices=["each", "once"], default="each")
    parser.add_argument("--programs", default=None, help="where Publisher and ConnectHandler are; else they are built for release")
    parser.add_argument("--json", default=None)
    options = parser.parse_args()
    if options.programs is None:
        subprocess.run(["swift", "build", "-c", "release"], cwd=ROOT, check=True, stdout=sys.stderr)
        options.programs = subprocess.run(
            ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    cells = [(kind, int(count)) for kind in options.kinds.split(",") for count in options.counts.split(",")]
    rows, held = [], True
    work = pathlib.Path(tempfile.mkdtemp())
    try:
        for name in options.stores.split(","):
            store = SQLite() if name == "sqlite" else DynamoDB(work)
            alone = None
            try:
                for kind, count in [cell for one in cells for cell in (("alone", 0), one)]:
                    if kind == "alone":
                        if alone and options.alone == "once":
                            continue
                        alone = None
                    seconds = max(60, options.seconds) if kind == "throttled" and count == 1 else options.seconds
                    folder = work / f"{name}-{len(rows)}"
                    folder.mkdir()
                    row = asyncio.run(Cell(options, store, kind, count, seconds).run(folder))
                    alone = alone or row
                    row["faults"] = [] if row is alone else judge(row, alone)
                    held = held and not row["faults"]
                    rows.append(row)
                    say(row, alone, row["faults"])
                    if os.environ.get("KEEP_LOGS"):
                        shutil.copy(folder / "log", f"{os.environ['KEEP_LOGS']}/{name}-{kind}-{count}.log")
            finally:
                store.stop()
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if options.json:
            pathlib.Path(options.json).write_text(json.dumps(rows))
    print("all held" if held else "NOT all held")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
