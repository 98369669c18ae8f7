"""A real gateway against whoever means harm: forged tokens and cursors, other people's events, floods, smuggled requests."""

import asyncio
import hashlib
import hmac
import json
import socket
import time
import urllib.request

import pytest
import websockets
from websockets.asyncio.client import connect

from frames import until
from gateway_process import Gateway
from tokens import RSAKey, b64, claims, shared_token

SECRET = "a secret that is long enough: thirty-two bytes"
SETTINGS = {"JWT_SECRET": SECRET, "JWT_ISSUER": "https://login.test/", "JWT_AUDIENCE": "tickertape"}
REFUSED = {"error": "Unauthorized", "message": "a valid API key or token is required", "statusCode": 401}


@pytest.fixture
def guarded(tmp_path):
    """`guarded(NAME=…)` is a gateway that asks everybody for a credential and writes all it can into its log."""
    running = []

    def start(*options, **environment):
        running.append(Gateway(
            tmp_path, "--log-level", "trace", *options, access="required", environment={**SETTINGS, **environment}).start())
        return running[-1]

    yield start
    for gateway in running:
        gateway.stop()
        print(gateway.log()[-20_000:])


def token(user, role="viewer", **others):
    return shared_token(SECRET, claims(user=user, role=role, **others))


def signed(header, payload, key=SECRET.encode()):
    text = f"{b64(header)}.{b64(payload if isinstance(payload, bytes) else json.dumps(payload).encode())}"
    return f"{text}.{b64(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def publish(gateway, *events):
    request = urllib.request.Request(
        f"{gateway.url}/2015-03-31/functions/Publisher/invocations", json.dumps({"events": events}).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


async def refusal(gateway, query="", **options):
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with connect(gateway.socket_url(query), **options):
            pass
    return refused.value.response.status_code, json.loads(refused.value.response.body)


async def said(ws, frame):
    """What a frame is answered with, as far as `status` that comes after it: one environment keeps the order."""
    await ws.send(frame if isinstance(frame, str) else json.dumps(frame))
    await ws.send('{"type":"status"}')
    return (await until(ws, "status"))[:-1]


def raw(gateway, head, body=b""):
    """The answer's head to a request that no library would send."""
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as client:
        client.sendall(head.replace("\n", "\r\n").replace("HOST", f"127.0.0.1:{gateway.port}").encode() + b"\r\n\r\n" + body)
        answer = b""
        while b"\r\n\r\n" not in answer and (more := client.recv(65536)):
            answer += more
    return answer.split(b"\r\n\r\n")[0].decode()


UPGRADE = "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="


async def test_no_forged_token_opens_anything_and_none_stands_in_the_log(guarded, tmp_path):
    key = RSAKey(tmp_path, "one")
    gateway = guarded(JWT_PUBLIC_KEY=key.pem(), CONNECT_REFUSALS_PER_MINUTE="1000")
    now, good = int(time.time()), claims()
    header, text = b'{"alg":"HS256"}', json.dumps(good)
    unsigned = b64(text.encode())
    forged = [
        b64(b'{"alg":"none"}') + f".{unsigned}.", b64(b'{"alg":"None"}') + f".{unsigned}.AA", f"{b64(header)}.{unsigned}.",
        signed(header, good, key.pem().encode()), signed(header, good, key.pem().strip().encode()), signed(header, good, b""),
        signed(b'{"alg":"RS256"}', good), signed(b'{"alg":"HS512"}', good), key.token(good)[:-2],
        signed(header, {**good, "exp": now - 3600}), signed(header, {**good, "nbf": now + 3600}),
        signed(header, {**good, "iat": now + 3600}), signed(header, {k: v for k, v in good.items() if k != "exp"}),
        signed(header, text.replace(str(good["exp"]), "1e400").encode()), signed(header, {**good, "exp": "9999999999"}),
        signed(header, text.replace(str(good["exp"]), "9" * 30).encode()), signed(header, {**good, "x": "a" * 12_000}),
        signed(b'{"alg":"HS256","alg":"none"}', good), signed(header, text[:-1].encode() + b',"s\\u0075b":"root"}'),
        signed(b'{"alg":"HS256","crit":["b64"],"b64":false}', good), signed(header, good) + ".", signed(header, good) + "=",
        signed(header, b"[]"), signed(header, text[:-1].encode() + b',"x":' + b"[" * 3000 + b"]" * 3000 + b"}"),
        signed(header, {**good, "sub": ""}), signed(header, {**good, "aud": {"tickertape": 1}}),
        signed(header, {**good, "groups": [str(n) for n in range(33)]}), signed(header, {**good, "role": ["admin"]}),
    ]
    for one in forged:
        assert await refusal(gateway, f"token={one}") == (401, REFUSED), one
    opened = [signed(header, good), key.token(good), signed(header, {**good, "role": "Admin"})]
    for one in opened:
        async with connect(gateway.socket_url(f"auth={one}")) as ws:
            await ws.send('{"type":"status"}')
            status = (await until(ws, "status"))[-1]
            assert status["userId"] == "u-1" and status.get("role") in (None, "analyst")
    log = gateway.log()
    for one in [*forged, *opened]:
        assert not any(part in log for part in one.split(".") if len(part) > 20), one
    assert SECRET not in log and log.count('"status":401') >= len(forged)


async def test_a_credential_never_comes_back_in_the_answer(guarded):
    gateway, one = guarded(), token("u-1")
    for fields, chosen in [
        (f"Sec-WebSocket-Protocol: bearer, {one}", "bearer"),
        (f"Sec-WebSocket-Protocol: bearer\nSec-WebSocket-Protocol: {one}", "bearer"),
        (f"Sec-WebSocket-Protocol: {one}, bearer, {one}", "bearer"),
        (f"Sec-WebSocket-Protocol: {one}\nAuthorization: Bearer {one}", None),
        (f"Sec-WebSocket-Protocol: {one}\nCookie: session={one}", None),
    ]:
        head = raw(gateway, f"GET /dev HTTP/1.1\nHost: HOST\n{UPGRADE}\n{fields}")
        assert " 101 " in head and one not in head, head
        named = [line.split(": ")[1] for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Protocol")]
        assert named == ([chosen] if chosen else [])


def secrets(number):
    broadcast = [{"type": kind, "key": "k", "data": {"secret": f"{kind}-{number}"}} for kind in ["decision", "risk", "internal:x"]]
    personal = [{"type": "price:update", "key": "k", **who, "data": {"secret": number}} for who in [{"user": "bob"}, {"group": "desk-9"}]]
    return [*broadcast, *personal]


ATTEMPTS = [
    {"type": "hello", "n": 1, "eventTypes": ["*"], "accept": ["batch"]},
    {"type": "hello", "n": 2, "eventTypes": ["price:update"],
     "seen": {"user/bob": 0, "group/desk-9": 0, "all/decision": 0, "all/internal:x": 0}},
    {"type": "hello", "n": 3, "eventTypes": [
        "user/bob", "all/decision", "group/desk-9", "u:bob", "t:decision", "stream:user/bob", "decision*", "d*", "risk_alert",
        "risk.alert", "eval.completed", "internal:*", "internal:x"]},
    {"type": "hello", "n": 4, "eventTypes": ["*"], "userId": "bob", "user": "bob", "role": "admin", "groups": ["desk-9"],
     "connectionId": "R0oXAdfD0kwCH6w="},
    {"type": "subscribe", "channels": ["stream:market_data:*", "stream:*:*", "stream:decision:k", "internal:x:k"],
     "symbols": ["*", "k"], "data_types": ["*", "decision", "../all/decision"]},
    {"type": "subscribe", "data": {"eventTypes": ["price:update", "decision", "*"]}, "userId": "bob"},
    {"type": "subscribe", "subscription": "decision"},
    {"type": "subscribe", "eventTypes": ["price:update"], "keys": ["*", "k*", "k"], "user": "bob", "groups": ["desk-9"]},
    {"type": "ping", "userId": "bob"},
]


@pytest.mark.parametrize("dialect", ["typed", "flat", "message"])
async def test_nobody_sees_what_is_not_for_them_by_any_route(guarded, dialect):
    gateway = guarded("--environments", "1", CLIENT_FRAMES_BURST="100")
    publish(gateway, *secrets(0))
    # A cursor of somebody who may see all of it.
    async with connect(gateway.socket_url(f"token={token('bob', 'admin', groups=['desk-9'])}")) as ws:
        await ws.send(json.dumps({"type": "hello", "n": 1, "accept": ["batch"], "eventTypes": ["decision", "risk", "internal:x", "price:update"]}))
        frames = await until(ws, "ready")
        assert str(frames).count("'secret'") == 4, "three states, and the one event that waits for bob"
        cursor = frames[-1]["cursor"]
    query = f"dialect={dialect}&eventTypes=*,decision,risk&channels=stream:decision:k&symbols=k&data_types=internal"
    async with connect(gateway.socket_url(f"token={token('eve', groups=['desk-1'])}&{query}")) as ws:
        seen = []
        for attempt in [*ATTEMPTS, *[{**one, "n": 9, "cursor": cursor} for one in ATTEMPTS[:2]]]:
            seen += await said(ws, attempt)
        publish(gateway, *secrets(1))
        publish(gateway, {"type": "signal", "key": "k", "data": {"open": 1}}, {"type": "signal", "user": "eve", "data": {"own": 1}})
        while not ("'open'" in str(seen) and "'own'" in str(seen)):
            seen.append(json.loads(await asyncio.wait_for(ws.recv(), 30)))
        seen += await said(ws, {"type": "hello", "n": 10, "eventTypes": ["*"], "cursor": cursor})
    assert "secret" not in str(seen) and "bob" not in str([one for one in seen if one.get("type") != "connection" and "refused" not in one])
    assert "secret" not in gateway.log(), "what events hold stands in no log"


async def test_a_cursor_of_a_better_role_shows_nothing_to_a_worse_one(guarded):
    gateway = guarded()
    publish(gateway, *secrets(0))
    hello = {"type": "hello", "n": 1, "eventTypes": ["decision", "price:update"], "accept": ["batch"]}
    async with connect(gateway.socket_url(f"token={token('dan', 'analyst', groups=['desk-9'])}")) as ws:
        await ws.send(json.dumps(hello))
        frames = await until(ws, "ready")
        assert str(frames).count("'secret'") == 1
    publish(gateway, *secrets(1))
    seen = {"all/decision": 1, "group/desk-9": 1, "all/price:update": 0}
    async with connect(gateway.socket_url(f"token={token('dan')}")) as ws:
        for cursor in [frames[-1]["cursor"], frames[0].get("cursor", "")]:
            await ws.send(json.dumps({**hello, "cursor": cursor, "seen": seen}))
            assert "secret" not in str(await until(ws, "ready"))


async def test_no_cursor_however_forged_is_an_error_or_a_silence(guarded):
    gateway = guarded("--environments", "1", CLIENT_FRAMES_BURST="100")
    publish(gateway, {"type": "price:update", "key": "k", "data": 1})
    async with connect(gateway.socket_url(f"token={token('u-1')}")) as ws:
        hello = {"type": "hello", "n": 1, "eventTypes": ["price:update"], "accept": ["batch"]}
        await ws.send(json.dumps(hello))
        good = (await until(ws, "ready"))[-1]["cursor"]
        forged = [
            "", "A", good[:-1], good[:-3], good + "A", good[::-1], "!!!", "\u00e9", "A" * 1025, b64(b"\x02abc"),
            b64(b"\x01" + b"\xff" * 9 + b"\x7f"), b64(b"\x01" + bytes(6) + b"\xff" * 8 + b"\x7f"), b64(b"\x01" + bytes(6) + b"\x80\x00")]
        for number, cursor in enumerate(forged):
            await ws.send(json.dumps({**hello, "n": number + 2, "cursor": cursor}))
            frames = await until(ws, "ready")
            (resume,) = [one for one in frames if one["type"] == "resume"]
            assert (resume["recovered"], resume["missed"]) == ("none", None) and resume["reason"] in ("unknown", "epoch"), cursor
            assert any(one["type"] == "snapshot" and one["events"] for one in frames), cursor
        for seen in [{"all/price:update": 2**63 - 1}, {"all/price:update": -(2**63)}, {"x": 5}]:
            await ws.send(json.dumps({**hello, "n": 99, "seen": seen}))
            assert [one["type"] for one in await until(ws, "ready")].count("resume") == 1
        for seen in [{"all/price:update": 10**30}, [], 5]:
            (answer,) = await said(ws, {**hello, "n": 99, "seen": seen})
            assert answer["type"] == "error" and answer["code"] == "wrong_shape"


async def test_what_is_too_much_or_no_frame_is_answered_and_the_connection_stays(guarded):
    # One environment answers in the order of the questions.
    gateway = guarded("--environments", "1")
    many = [f"t{number}" for number in range(10_000)]
    async with connect(gateway.socket_url(f"token={token('a', 'admin')}")) as ws:
        for frame, code in [
            ({"type": "subscribe", "eventTypes": many}, "too_many_subscriptions"),
            ({"type": "hello", "eventTypes": many}, "too_many_subscriptions"),
            ({"type": "subscribe", "eventTypes": ["price:update"], "keys": many}, "too_many_subscriptions"),
            ({"type": "unsubscribe", "eventTypes": many}, "too_many_subscriptions"),
            ({"type": "subscribe", "eventTypes": ["error", "batch", "hello"]}, "invalid_name"),
            ({"type": "subscribe", "eventTypes": ["a\0"]}, "invalid_name"), ("[" * 30_000, "not_json"),
            ('{"type":"ping","x":' + "[" * 20_000 + "]" * 20_000 + "}", "not_json"), ('{"a":' * 5_000, "not_json"),
            ("\ufeff{}", "not_json"), ("", "not_json"), ('{"type":"ping"}x', "not_json"), ("null", "wrong_shape"),
            ('{"type":"ping","n":1e5}', "wrong_shape"), ({"type": "x" * 20_000}, "unknown_type"),
        ]:
            text = frame if isinstance(frame, str) else json.dumps(frame)
            # The gateway takes 32 KB a frame and 128 KB a message.
            await ws.send([text[start:start + 30_000] for start in range(0, len(text), 30_000)] or text)
            answer = json.loads(await asyncio.wait_for(ws.recv(), 30))
            assert (answer["type"], answer["code"]) == ("error", code) and len(str(answer)) < 2_000
        assert [one["type"] for one in await said(ws, '{"type":"ping"}')] == ["pong"]


async def test_of_many_connections_of_one_user_at_once_none_is_left_open_and_deaf(guarded):
    gateway = guarded(MAX_CONNECTIONS_PER_USER="3")
    query = f"token={token('u-1')}"

    async def attempt():
        try:
            return await connect(gateway.socket_url(query))
        except websockets.InvalidStatus as refused:
            assert refused.response.status_code == 429

    opened = [ws for ws in await asyncio.gather(*[attempt() for _ in range(60)]) if ws]
    # One more, after all of these: it closes those that were not to be had before.
    opened.append(await connect(gateway.socket_url(query)))

    async def heard(ws):
        """Until the event comes, or the end."""
        try:
            async with asyncio.timeout(20):
                while "'mine'" not in str(frame := json.loads(await ws.recv())):
                    assert frame["type"] == "error" and frame["code"] == "limit"
                return True
        except websockets.ConnectionClosed:
            return False

    listening = [asyncio.create_task(heard(ws)) for ws in opened]
    publish(gateway, {"type": "price:update", "user": "u-1", "data": {"mine": 1}})
    assert (await asyncio.gather(*listening)).count(True) == 3
    for ws in opened:
        await ws.close()


async def test_no_header_hides_whoever_tries_again_and_again(guarded):
    gateway = guarded()
    codes = []
    for number in range(12):
        headers = {name: f"10.0.0.{number}" for name in ["X-Forwarded-For", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP"]}
        codes.append((await refusal(gateway, "token=x" if number % 2 else "dialect=x", additional_headers=headers))[0])
    # The minute may have turned once meanwhile.
    assert 429 in codes and len([code for code in codes if code != 429]) <= 10


async def test_behind_a_proxy_with_the_secret_it_is_the_clients_own_address_that_is_counted(guarded):
    secret = 32 * "s"
    gateway = guarded(ORIGIN_SECRET=secret)

    async def attempts(count, forwarded, secret):
        return [(await refusal(gateway, "token=x", additional_headers={
            "x-tickertape-origin": secret, "X-Forwarded-For": forwarded.format(number)}))[0] for number in range(count)]

    # The minute may turn once meanwhile. What a client writes before the proxy's entry hides it no more than without a proxy.
    codes = await attempts(12, "10.0.0.{}, 203.0.113.7", secret)
    assert 429 in codes and len([code for code in codes if code != 429]) <= 10
    assert await attempts(1, "203.0.113.8", secret) == [401]
    codes = await attempts(12, "203.0.113.{}", "guess")
    assert 429 in codes and len([code for code in codes if code != 429]) <= 10
    assert secret not in gateway.log()


def masked(head, payload):
    """A client's frame with a mask of noughts; `payload` may be less than its length says."""
    length = len(payload)
    return bytes([head, *([0x80 | length] if length < 126 else [0xFE, length >> 8, length & 255]), 0, 0, 0, 0]) + payload


def opened_by_hand(gateway, query):
    client = socket.create_connection(("127.0.0.1", gateway.port), 10)
    client.sendall(f"GET /dev?{query} HTTP/1.1\nHost: 127.0.0.1:{gateway.port}\n{UPGRADE}\n\n".replace("\n", "\r\n").encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(1)
    assert head.startswith(b"HTTP/1.1 101 "), head
    return client


def close_code(client):
    """The code of the close frame that comes next, before the end."""
    with client:
        frame = b""
        while more := client.recv(65536):
            frame += more
    assert frame[0] == 0x88, frame
    return int.from_bytes(frame[2:4], "big")


REFUSED_FRAMES = [
    (masked(0x82, b"a" * 4_090), 1003), (masked(0x82, b"a" * 30_000), 1003), (masked(0x81, b"a" * 40_000), 1009),
    (bytes([0x81, 126, 0x23, 0x28]) + b"a" * 9_000, 1002), (masked(0x81, b"\xff" + b"a" * 9_000), 1007), (masked(0xC1, b"a" * 9_000), 1002),
]


async def test_a_refused_frame_ends_nobody_elses_connection(guarded):
    gateway = guarded("--environments", "1", CLIENT_FRAMES_BURST="100", MAX_CONNECTIONS_PER_USER="50")
    query = f"token={token('u-1')}&hello=1"
    async with connect(gateway.socket_url(query)) as ws:
        for frame, code in REFUSED_FRAMES:
            halfway = opened_by_hand(gateway, query)
            ping = masked(0x81, b'{"type":"ping","x":"' + b"a" * 9_000 + b'"}')
            halfway.sendall(ping[:5_000])
            offender = opened_by_hand(gateway, query)
            offender.sendall(frame)
            assert close_code(offender) == code
            # And one that leaves inside a frame, whose descriptor the next one gets.
            opened_by_hand(gateway, query).close()
            leaver = opened_by_hand(gateway, query)
            leaver.sendall(ping[:4_500])
            leaver.close()
            async with connect(gateway.socket_url(query)) as late:
                for one in (ws, late):
                    assert [said["type"] for said in await said(one, '{"type":"ping"}')] == ["pong"]
            halfway.sendall(ping[5_000:])
            assert b'"pong"' in halfway.recv(65536)
            halfway.close()


def test_a_handshake_is_read_as_the_rfcs_say(guarded):
    gateway = guarded(CONNECT_REFUSALS_PER_MINUTE="2")
    one = f"/dev?token={token('u-1')}"
    lines = "Sec-WebSocket-Protocol: v1\nSec-WebSocket-Protocol: v2, v3"
    for start, code, named in [
        (f"GET {one} HTTP/1.1\nHost: HOST\n{UPGRADE}\n{lines}", 101, "Sec-WebSocket-Protocol: v1"),
        (f"GET http://HOST{one} HTTP/1.1\nHost: elsewhere.test\n{UPGRADE}", 101, "Sec-WebSocket-Accept: "),
        (f"GET {one} HTTP/1.0\nHost: HOST\n{UPGRADE}", 400, ""), (f"GET {one} HTTP/1.1\n{UPGRADE}", 400, ""),
        (f"GET {one} HTTP/1.1\nHost: HOST\nHost: HOST\n{UPGRADE}", 400, ""),
        (f"GET {one} HTTP/1.1\nHost: HOST\n{UPGRADE.replace('13', '12')}", 426, "Sec-WebSocket-Version: 13"),
    ]:
        head = raw(gateway, start)
        assert head.startswith(f"HTTP/1.1 {code} ") and named in head, head
    while " 401 " in (head := raw(gateway, f"GET /dev?token=x HTTP/1.1\nHost: HOST\n{UPGRADE}")):
        pass
    assert " 429 " in head and any(line.startswith("Retry-After: ") and int(line[13:]) > 0 for line in head.split("\r\n"))


@pytest.mark.parametrize("head, code", [
    ("Content-Length: 2\nTransfer-Encoding: chunked", 400), ("Content-Length: 2\nContent-Length: 3", 400),
    ("Transfer-Encoding: xchunked", 501), ("Host: HOST\nContent-Length: 2", 400), ("X: a\n b\nContent-Length: 2", 400),
    ("Content-Length : 2", 400), ("Content-Length: -1", 400), ("Content-Length: 999999999999", 413), ("X: a\0b", 400),
    ("Origin: http://evil.test\nContent-Length: 2", 403), ("X: " + "a" * 40_000, 431),
])
def test_a_request_that_could_be_read_in_two_ways_is_refused(guarded, head, code):
    gateway = guarded()
    start = "POST /2015-03-31/functions/Publisher/invocations HTTP/1.1\nHost: HOST\n"
    assert raw(gateway, start + head, b"{}").startswith(f"HTTP/1.1 {code} ")
