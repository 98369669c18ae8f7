#!/usr/bin/env python3
"""Which calls a cell of `lagging.py` makes to the table, and the same calls again from a program that is none of ours.

    table_calls.py emulator                        MiniStack, which tells at /_calls what it was asked since the last time
    table_calls.py replay FILE ENDPOINT TABLE      the calls of FILE, each when it came then, to another table

Called by `lagging.py`. Written down of a call are its moment, who signed it, over which connection it came, operation, body, status and
how long it took: nothing that would slow the emulator by more than some microseconds of the milliseconds that a call takes it.
"""

import asyncio
import json
import pathlib
import re
import sys
import time
import urllib.parse
import uuid
from collections import Counter

TARGET = "DynamoDB_20120810."
# The first key of a call tells what it is about.
PARTITION = re.compile(r'"S":"([a-z]+)#')
ABOUT = {
    "c": "connection", "l": "listener", "s": "log", "m": "checkpoint", "b": "lag row", "o": "active streams", "k": "claim", "v": "last value"}


class Recorder:
    """An ASGI application before another."""

    def __init__(self, application):
        self.application = application
        self.calls = []

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.application(scope, receive, send)
        if scope["path"] == "/_calls":
            return await self.tell(send)
        headers = dict(scope["headers"])
        target = headers.get(b"x-amz-target", b"").decode()
        if not target.startswith(TARGET):
            return await self.application(scope, receive, send)
        who = re.search(r"Credential=([^/]+)/", headers.get(b"authorization", b"").decode("latin-1"))
        call = {"at": time.time(), "who": who[1] if who else "", "lane": scope["client"][1], "operation": target[len(TARGET):], "body": ""}
        self.calls.append(call)

        async def received():
            message = await receive()
            call["body"] += message.get("body", b"").decode()
            return message

        async def sent(message):
            if message["type"] == "http.response.start":
                call["status"] = message["status"]
                call["took"] = time.time() - call["at"]
            await send(message)

        await self.application(scope, received, sent)

    async def tell(self, send):
        calls, self.calls = self.calls, []
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(calls).encode()})


def emulator():
    import ministack.app
    ministack.app.app = Recorder(ministack.app.app)
    sys.argv = ["ministack"]
    ministack.app.main()


# What a cell asked


def about(call):
    found = PARTITION.findall(call["body"])
    if not found:
        return "other"
    if found[0] == "m" and '"lag"' in call["body"]:
        return "lag lease"
    # A lag row is deleted on the condition of a checkpoint.
    first = "b" if "b" in found else found[0]
    return ABOUT.get(first, first)


def items(call):
    """How many items it writes, or asks for by their keys."""
    body = json.loads(call["body"])
    if call["operation"] == "TransactWriteItems":
        return len(body["TransactItems"])
    if call["operation"] == "BatchWriteItem":
        return sum(len(writes) for writes in body["RequestItems"].values())
    if call["operation"] == "BatchGetItem":
        return sum(len(one["Keys"]) for one in body["RequestItems"].values())
    return 1


def added(calls, spans, kind):
    """The calls that are there for clients of a kind: all those of lag senders, of rounds those that write who lags, read what they
    are, or look once more who lags after a lease was given up, and what it takes to connect them. `spans`: when which process had
    an invocation of a lag sender."""
    others, chosen, before = re.compile(rf'["#]{kind}-\d'), [], {}
    for call in calls:
        is_last_look = (call["operation"], about(call)) == ("Query", "lag row") and before.get(call["who"]) == ("UpdateItem", "checkpoint")
        before[call["who"]] = (call["operation"], about(call))
        if any(who == call["who"] and start <= call["at"] <= end for who, start, end in spans):
            chosen.append({**call, "role": "lag sender"})
        elif kind != "alone" and (is_last_look or others.search(call["body"])):
            chosen.append({**call, "role": "connect" if call["who"].startswith("connect") else "round"})
    return chosen


def counted(calls, start, seconds):
    """Calls and items a second from a moment on, by role, operation and what they are about."""
    count, rows = Counter(), Counter()
    for call in calls:
        if call["at"] < start:
            continue
        name = f"{call['role']}: {call['operation']} {about(call)}"
        count[name] += 1
        rows[name] += items(call)
    return {name: [round(count[name] / seconds, 2), round(rows[name] / seconds, 2)] for name in sorted(count)}


def standing(calls):
    """The lag rows that rounds wrote, the first of each connection, as rows that nobody serves for an hour."""
    rows = {}
    for call in calls:
        if call["role"] != "round" or call["operation"] not in ("PutItem", "TransactWriteItems"):
            continue
        body = json.loads(call["body"])
        for item in [body["Item"]] if "Item" in body else [one["Put"]["Item"] for one in body["TransactItems"] if "Put" in one]:
            if item["pk"]["S"].startswith("b#") and "slow" in item and "gone" not in item:
                hour = {"N": str(int(time.time() * 1000) + 3_600_000)}
                rows.setdefault(item["sk"]["S"], {**item, "due": hour, "epoch": {"S": ""}})
    return list(rows.values())


# The same again


def elsewhere(call, table, other):
    """The call for another table. What it checks of a row that only the rounds write cannot be checked there."""
    body = call["body"].replace(f'"{table}"', f'"{other}"')
    if call["operation"] != "TransactWriteItems":
        return body
    body = json.loads(body)
    body["ClientRequestToken"] = uuid.uuid4().hex
    body["TransactItems"] = [one for one in body["TransactItems"] if "ConditionCheck" not in one]
    return json.dumps(body) if body["TransactItems"] else None


async def ask(reader, writer, port, operation, body):
    head = (f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Amz-Target: {TARGET}{operation}\r\n"
            "Content-Type: application/x-amz-json-1.0\r\nAuthorization: AWS4-HMAC-SHA256 Credential=control/20260101/us-east-1/dynamodb/"
            f"aws4_request, SignedHeaders=host, Signature=0\r\nContent-Length: {len(body)}\r\n\r\n")
    writer.write(head.encode() + body.encode())
    answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = re.search(r"(?i)content-length: *(\d+)", answer)
    await reader.readexactly(int(length[1]))
    return int(answer.split(" ", 2)[1])


async def lane(calls, port, start, statuses):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    for call in calls:
        await asyncio.sleep(max(0, start + call["offset"] - time.time()))
        statuses[await ask(reader, writer, port, call["operation"], call["body"])] += 1
    writer.close()


async def replay(path, endpoint, table):
    """First what stood there before, as fast as it goes; then a line from the starter, and everything at its time."""
    recording = json.loads(pathlib.Path(path).read_text())
    port = urllib.parse.urlsplit(endpoint).port
    statuses = Counter()
    before, lanes = [], {}
    for call in recording["calls"]:
        body = elsewhere(call, recording["table"], table)
        if body is None:
            continue
        one = {"operation": call["operation"], "body": body, "offset": call["at"] - recording["start"]}
        if one["offset"] < 0:
            before.append(one)
        else:
            lanes.setdefault((call["who"], call["lane"]), []).append(one)
    await lane([{**one, "offset": 0} for one in before], port, 0, Counter())
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.time()
    await asyncio.gather(*(lane(calls, port, start, statuses) for calls in lanes.values()))
    print(json.dumps({"sent": sum(statuses.values()), "refused": sum(n for status, n in statuses.items() if status != 200)}), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["emulator"]:
        emulator()
    elif sys.argv[1:2] == ["replay"] and len(sys.argv) == 5:
        asyncio.run(replay(*sys.argv[2:]))
    else:
        sys.exit(__doc__)
