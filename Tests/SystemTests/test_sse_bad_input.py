"""What streams of events answer whoever means harm, byte by byte over real sockets; and that meanwhile the stream of another client,
in the same process, goes on: after each test it is shown an event, on the connection that it had."""

import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from gateway_process import ROOT, Gateway
from raw_http import get, send
from sse_clients import HttpxSSE
from test_http_functions import wait_for
from tokens import claims, shared_token

SECRET = "a secret that is long enough: thirty-two bytes"
SETTINGS = {"JWT_SECRET": SECRET, "JWT_ISSUER": "https://login.test/", "JWT_AUDIENCE": "tickertape",
            "CONNECT_REFUSALS_PER_MINUTE": "100000", "ACCESS_ORIGINS": "http://app.test"}
PRICES, ORDERS, SIGNALS = "/api/stream/prices", "/api/stream/orders", "/stream/sse?subscriptions=signal"
SUBSCRIBE = "/streaming/subscribe/sse"


def bearer(user, role="viewer"):
    return f"Authorization: Bearer {shared_token(SECRET, claims(user=user, role=role))}"


def publish(gateway, body):
    """What the Publisher answers; `body` is bytes as they are, or one event."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{gateway.url}/2015-03-31/functions/Publisher/invocations", content=content, timeout=30)


def ticket(gateway, user):
    answer = get(gateway.port, "/ticket", bearer(user), method="POST")
    assert answer["cache-control"] == "no-cache, no-store, private"
    return answer.json()["ticket"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    gateway = Gateway(
        tmp_path_factory.mktemp("hostile"), "--pages", str(ROOT / "Pages"), "--log-level", "debug", "--environments", "1",
        "--allow-origin", "http://app.test", access="required", environment=SETTINGS).start()
    gateway.late = (ticket(gateway, "late"), time.monotonic())
    yield gateway
    gateway.stop()
    print(gateway.log()[-20_000:])


@pytest.fixture(scope="module")
def neighbour(world):
    token = shared_token(SECRET, claims(user="neighbour"))
    reader = HttpxSSE("neighbour", f"{world.url}/api/stream/alerts?token={token}")
    wait_for(lambda: reader.got, "the neighbour is connected")
    yield reader
    reader.stop()


@pytest.fixture
def gateway(world, neighbour):
    yield world
    seen = len(neighbour.got)
    assert publish(world, {"type": "alert:new", "user": "neighbour", "data": {"seen": seen}}).status_code == 200
    wait_for(lambda: len(neighbour.got) > seen, "the neighbour's stream goes on")
    assert neighbour.got[-1]["seen"] == seen and neighbour.opens == 1


def stream(gateway, user, target=ORDERS, *fields):
    answer = get(gateway.port, target, bearer(user), *fields)
    assert answer.status == 200, answer.body
    return answer


# Cursors and ids


def test_no_cursor_however_forged_is_an_error_or_a_silence(gateway):
    publish(gateway, {"type": "order:update", "user": "u-1", "key": "o-1", "data": {"orderId": "o-1"}})
    good = stream(gateway, "u-1").ids()[-1]
    forged = ["x", "A", "123-abc", "1-1.", "1-1.!!!", good[:-1], good[:-5], good + "A", good[::-1], "A" * 1025, "A" * 9000, "\xff\xfe",
              "1 2", "1%0aevent: x", ".", "..", good.replace(".", ".."), "-1", "9" * 400]
    # An update of u-1's is a state and an event that waits.
    names = ["connection", "resume", "order:update"]
    with ThreadPoolExecutor(6) as several:
        # At most ten of one user are open, and none takes from another.
        for answer in several.map(lambda id: stream(gateway, "u-1", ORDERS, f"Last-Event-ID: {id}"), forged):
            (resume,) = answer.named("resume")
            assert (resume["recovered"], resume["missed"], resume["from"]) == ("none", None, None)
            assert resume["reason"] in ("unknown", "epoch") and [name for name, _ in answer.events()[:3]] == names
    # The query says it too, and there anything may stand.
    for id in ["%0aevent:%20evil%0a%0a", "%00", "%ff", "%zz", "a" * 5000]:
        answer = stream(gateway, "u-1", f"{ORDERS}?lastEventId={id}")
        assert len(answer.named("resume")) == 1 and {name for name, _ in answer.events()} == set(names)


def test_a_foreign_cursor_shows_nothing_of_its_user(gateway):
    for user in ("u-3", "u-4"):
        publish(gateway, {"type": "order:update", "user": user, "key": "o", "data": {"orderId": f"secret of {user}"}})
    foreign = stream(gateway, "u-4").ids()
    publish(gateway, {"type": "order:update", "user": "u-4", "key": "o", "data": {"orderId": "another secret of u-4"}})
    for id in [*foreign, foreign[-1].split(".")[0]]:
        answer = stream(gateway, "u-3", ORDERS, f"Last-Event-ID: {id}")
        assert b"of u-4" not in answer.body and b"secret of u-3" in answer.body


# What is asked for


@pytest.mark.parametrize("target, status, says", [
    (f"{PRICES}?symbols=" + "A," * 10_000, 400, "10000 subscriptions are too many: one stream may hold 4000"),
    (f"{PRICES}?symbols=" + ",".join(f"S{n}" for n in range(1_000)), 400, "1000 subscriptions are too many: one stream may hold 128"),
    (f"{PRICES}?symbols=" + ",".join(f"S{n}" for n in range(10_000)), 431, "HTTP head larger than 32768 bytes"),
    (f"{PRICES}?symbols=%0Aevent:%20evil%0A", 400, "'\nevent: evil\n' cannot be subscribed to"),
    (f"{PRICES}?symbols=A%0d", 400, "cannot be subscribed to"), (f"{PRICES}?symbols=A%00", 400, "cannot be subscribed to"),
    ("/stream/sse?subscriptions=a%0adata:%20x", 400, "cannot be subscribed to"),
    (f"{ORDERS}?userId=u%0a", 400, "without control characters"), (f"{ORDERS}?groups=a%0d%0ab", 400, "without control characters"),
    (f"{ORDERS}?userId=u-2", 403, "not allowed"), (f"{ORDERS}?role=admin", 403, "not allowed"),
    ("/api/stream/strategies/a%0adata:%20x", 400, "the path cannot be read"), ("/api/stream/strategies/%00", 400, "the path cannot be read"),
    ("/api/stream/strategies/%2e%2e", 400, "the path cannot be read"), ("/%2e%2e/%2e%2e/etc/passwd", 400, "the path cannot be read"),
    ("/api/stream/%2e%2e/%2e%2e/history", 400, "the path cannot be read"), ("/./api/stream/prices", 400, "the path cannot be read"),
    ("/api%2fstream%2fprices", 400, "the path cannot be read"), ("/api//stream/prices", 404, "nothing at this path"),
    ("/API/stream/prices", 404, "nothing at this path"), ("/api/stream/prices;x", 404, "nothing at this path"),
    ("/a/b/api/stream/prices", 404, "nothing at this path"), ("/streaming/latest/%0a", 400, "the path cannot be read"),
    ("/history?limit=1e9", 400, "limit must be a number"), ("/history?limit=-1", 400, "limit must be a number"),
    ("/api/stream/pri ces", 400, "malformed HTTP start line"), ("/\xff", 400, "malformed HTTP start line"),
], ids=lambda value: str(value)[:40])
def test_what_cannot_be_shown_is_refused_in_words(gateway, target, status, says):
    answer = get(gateway.port, target, bearer("u-5"))
    assert answer.status == status and says in answer.json()["message"] and not answer.rest


@pytest.mark.parametrize("target", [f"{PRICES}?symbols=NOPE", f"{PRICES}?symbols=%zz", f"{PRICES}?symbols=%ff"])
def test_an_unknown_symbol_is_a_stream_without_a_state(gateway, target):
    publish(gateway, {"type": "price:update", "key": "AAPL", "data": {"price": 1}})
    answer = get(gateway.port, target)
    assert answer.status == 200 and [name for name, _ in answer.events()] == ["connection"]


@pytest.mark.parametrize("body, status, says", [
    (json.dumps({"symbols": [f"S{n}" for n in range(10_000)]}).encode(), 413, "too large; at most 65536 are read"),
    (json.dumps({"symbols": [f"{n}" for n in range(6_000)]}).encode(), 400, "6000 subscriptions are too many"),
    (b"", 400, "the body is an object"), (b"[]", 400, "the body is an object"), (b"{", 400, "the body is an object"),
    (b"\xff", 400, "the body is an object"), (b'{"channels":5}', 400, "the body is an object"), (b"[" * 50_000, 400, "the body is an object"),
    (b'{"channels":[]}', 400, "names nothing"), (b'{"channels":["a\\n\\nevent: evil"]}', 400, "cannot be subscribed to"),
    (b'{"channels":["a\\u0000"]}', 400, "cannot be subscribed to"), (b"{}" + b" " * 70_000, 413, "at most 65536 are read"),
], ids=lambda value: str(value)[:30])
def test_a_subscription_that_is_none_is_refused(gateway, body, status, says):
    answer = get(gateway.port, SUBSCRIBE, bearer("u-6"), method="POST", body=body)
    assert answer.status == status and says in answer.json()["message"]


@pytest.mark.parametrize("target", [PRICES, "/api/stream/metrics", "/history", "/streaming/channels"])
def test_a_get_has_no_body(gateway, target):
    answer = get(gateway.port, target, bearer("u-7"), body=b"{}")
    assert (answer.status, answer.json()["message"]) == (400, "a GET has no body here")


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH", "POST", "TRACE", "CONNECT", "FOO", "get", "Get"])
def test_other_methods_are_405_with_those_that_are_allowed(gateway, method):
    # The next request on the same connection is read where this one ends.
    then = "GET /elsewhere HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"
    head = (f"{method} {PRICES} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n" + then).replace("HOST", f"127.0.0.1:{gateway.port}")
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as client:
        client.sendall(head.encode())
        data = b""
        while more := client.recv(65536):
            data += more
    assert [int(status) for status in re.findall(rb"HTTP/1.1 (\d+) ", data)] == [405, 404]
    assert b"\r\nAllow: " in data and b"GET" in data.split(b"Allow: ")[1].split(b"\r\n")[0]
    assert data.split(b"\r\n\r\n", 1)[1].startswith(b"HTTP/1.1 404") == (method == "HEAD")


def test_a_preflight_is_200_and_names_no_origin_that_is_not_allowed(gateway):
    fields = ["Access-Control-Request-Method: GET", "Access-Control-Request-Headers: X-Evil, Last-Event-ID"]
    answer = get(gateway.port, PRICES, "Origin: http://app.test", *fields, method="OPTIONS")
    assert (answer.status, answer["access-control-allow-origin"]) == (200, "http://app.test")
    assert "X-Evil" not in answer["access-control-allow-headers"] and "Last-Event-ID" in answer["access-control-allow-headers"]
    for origin in ["http://evil.test", "http://app.test.evil.test", "http://app.test/", "http://app.test evil", "null", ""]:
        for method in ("OPTIONS", "GET"):
            answer = get(gateway.port, PRICES, f"Origin: {origin}", *fields, method=method)
            assert answer.status == 403 and answer["access-control-allow-origin"] is None, origin
    assert get(gateway.port, PRICES, "Host: evil.test").status == 400, "two hosts"


# Injection


PUBLISHED = [
    (rb'{"type":"signal","data":"a\nevent: evil\ndata: x\r\n\r\nid: 9\r\n\r\n"}', True),
    (b'{"type":"signal",\n"data":{"a":\r\n\r\n"event: evil",\n\n"c":\r\r1}}', True), (rb'{"type":"signal","data":"\u0000\u2028\u0085\ufeff"}', True),
    ('{"type":"signal","data":"\u2028event: evil\u0085\u2029\ufeff"}'.encode(), True), (rb'{"type":"signal","key":"id: 1","data":6}', True),
    (b'{"type":"signal","data":"\n"}', False), (b'{"type":"signal","data":"\x00"}', False), (b'{"type":"signal","data":"\xff"}', False),
    (rb'{"type":"sig\n\nevent: evil","data":1}', False), (rb'{"type":"sig\u0000","data":1}', False),
    (rb'{"type":"signal","key":"k\n\nevent: evil","data":1}', False), (rb'{"type":"signal","key":"k\u0000","data":1}', False),
    (rb'{"type":"signal","user":"u\r","data":1}', False), (rb'{"type":"signal","group":"g\r","data":1}', False),
    (rb'{"type":"signal","correlationId":"c\n\nevent: evil","data":1}', False), (rb'{"type":"signal","idempotencyKey":"c\n","data":1}', False),
    (rb'{"type":"signal","timestamp":"1\n\nevent: evil","data":1}', False), (rb'{"type":"signal","id":"1\n","data":1}', False),
]


def test_nothing_that_is_published_begins_a_field_or_a_frame(gateway):
    publish(gateway, {"type": "signal", "data": "first"})
    since = stream(gateway, "u-8", SIGNALS).ids()[-1]
    for body, isTaken in PUBLISHED:
        answer = publish(gateway, body)
        assert answer.json().get("accepted") == (1 if isTaken else None), body
    wanted = [json.loads(body)["data"] for body, isTaken in PUBLISHED if isTaken]
    for target, name in [(SIGNALS, "message"), ("/stream?eventTypes=signal", "signal")]:
        answer = stream(gateway, "u-8", target, f"Last-Event-ID: {since}")
        assert [one["data"] for one in answer.named(name) if one.get("type") == "signal"] == wanted
        assert {field for frame in answer.frames() for field, _ in frame} <= {"event", "data", "id", "retry"}
        assert {event for event, _ in answer.events()} <= {"connection", "message", "signal"}
        assert all(re.fullmatch(r"\d+-[0-9a-f]+\.[\w-]+", id) for id in answer.ids())
        # A reader of another maker has the same.
        reader = HttpxSSE("strict", f"{gateway.url}{target}&lastEventId={since}&token={bearer('u-8').split()[-1]}")
        wait_for(lambda: [one["data"] for one in reader.got if one.get("type") == "signal"][:len(wanted)] == wanted
                 or len(reader.got) > 2 * len(wanted), "httpx-sse reads them")
        reader.stop()


@pytest.mark.parametrize("value, kept", [
    ("ok-1", True), ("<b>", True), ("a\tb", False), ("\xe9", False), ("a" * 5_000, False), ("a%0d%0aSet-Cookie: x=1", False),
    ("a\rX-Evil: 1", None), ("a\nX-Evil: 1", None), ("a\0b", None),
], ids=repr)
def test_a_correlation_id_forges_no_header_and_no_line_of_the_log(gateway, value, kept):
    answer = get(gateway.port, PRICES, f"X-Correlation-ID: {value}")
    if kept is None:
        assert answer.status == 400
        return
    assert answer.status == 200 and not {"set-cookie", "x-evil"} & {name.lower() for name, _ in answer.fields}
    said = answer["x-correlation-id"]
    assert said == value if kept else re.fullmatch("[0-9a-f]{32}", said)
    assert answer.named("connection")[0]["correlationId"] == said
    assert "\nX-Evil" not in gateway.log() and "\nSet-Cookie" not in gateway.log()


def test_a_client_id_forges_no_line(gateway):
    answer = stream(gateway, "u-9", f"{ORDERS}?client_id=a%0aevent:%20evil%0a%0a&role=viewer")
    assert {name for name, _ in answer.events()} == {"connection", "order:update"}


# Smuggling

POST = f"POST {SUBSCRIBE} HTTP/1.1\r\nHost: HOST\r\n"
GET = f"GET {PRICES} HTTP/1.1\r\nHost: HOST\r\n"
NEXT = b"GET /api/stream/metrics HTTP/1.1\r\nHost: HOST\r\n\r\n"


@pytest.mark.parametrize("head, body, status", [
    (POST + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n", b"{}" + NEXT, 400), (POST + "Content-Length: 2, 2\r\n\r\n", b"{}" + NEXT, 400),
    (POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n" + NEXT, 400),
    (POST + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", b"0\r\n\r\n" + NEXT, 400),
    (POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n" + NEXT, 501),
    (POST + "Transfer-Encoding: chunked, identity\r\n\r\n", b"0\r\n\r\n" + NEXT, 501), (POST + "Transfer-Encoding: xchunked\r\n\r\n", NEXT, 501),
    (POST + "Transfer-Encoding: \x0bchunked\r\n\r\n", b"0\r\n\r\n" + NEXT, 400),
    (POST.replace("1.1", "1.0") + "Transfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n" + NEXT, 501),
    (GET + "X-A: 1\r\n folded\r\n\r\n", NEXT, 400), (GET.replace("Host", " Host") + "\r\n", NEXT, 400),
    (GET.replace("\r\n", "\n") + "\n", NEXT, 400), (GET.replace("HOST\r", "HOST") + "\r\n", NEXT, 400), (GET + "A: b\rC: d\r\n\r\n", NEXT, 400),
    (GET + "Host: HOST\r\n\r\n", NEXT, 400), (GET.replace("Host: HOST\r\n", "") + "\r\n", NEXT, 400), (GET.replace("Host:", "Host :") + "\r\n", NEXT, 400),
    (GET + ": x\r\n\r\n", NEXT, 400), (GET + "X\r\n\r\n", NEXT, 400), (GET + "Content-Length: +2\r\n\r\n", b"{}" + NEXT, 400),
    (GET + "Content-Length: 0x2\r\n\r\n", b"{}" + NEXT, 400), (GET + "Content-Length: -1\r\n\r\n", NEXT, 400),
    (GET + "Content-Length: 18446744073709551618\r\n\r\n", b"{}" + NEXT, 400), (GET.replace("GET ", "GET  ") + "\r\n", NEXT, 400),
    (GET.replace("1.1", "2.0") + "\r\n", NEXT, 505), (f"GET {PRICES}\r\n\r\n", b"", 400), (GET.replace(" HTTP", "\0 HTTP") + "\r\n", NEXT, 400),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"", 505),
    *[(POST + "Transfer-Encoding: chunked\r\n\r\n", chunks + NEXT, 400) for chunks in [
        b"FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n", b"7fffffffffffffff\r\n{}", b"-2\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n", b" 2\r\n{}\r\n0\r\n\r\n",
        b"2\n{}\n0\n\n", b'2;a="\n"\r\n{}\r\n0\r\n\r\n', b"2\r\n{}x\r\n0\r\n\r\n", b"2;" + b"a" * 70_000 + b"\r\n{}\r\n0\r\n\r\n", b"\r\n"]],
], ids=lambda value: repr(value)[-60:] if isinstance(value, (str, bytes)) else None)
def test_a_request_that_could_be_read_in_two_ways_is_refused_and_ends_its_connection(gateway, head, body, status):
    answer = send(gateway.port, head, body.replace(b"HOST", b"127.0.0.1:%d" % gateway.port))
    assert (answer.status, answer["connection"]) == (status, "close")
    assert answer.rest == b"" and b"totalClients" not in answer.body, "what comes behind it is no request"


def test_sixteen_kilobytes_of_cookies_are_431(gateway):
    answer = get(gateway.port, PRICES, "Cookie: " + "a=b; " * 3_277)
    assert answer.status == 431 and answer.json() == {"Message": "Request header fields too large"}


def test_what_pretends_to_be_a_front_is_not_believed(gateway):
    # The address is that of the socket, and not what a client writes.
    for name in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP"]:
        get(gateway.port, PRICES, f"{name}: 203.0.113.77", f"X-Correlation-ID: forged-{name}")
    opened = [line for line in gateway.log().splitlines() if '"stream opened"' in line and "forged-" in line]
    assert len(opened) == 4 and all('"address":"127.0.0.1"' in line for line in opened)


# Those who take too much, or nothing


def resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_a_client_that_opens_and_never_reads_costs_little_and_nobody_else_waits(gateway):
    (function,) = gateway.environments("StreamHandler")
    target = f"{SIGNALS}&token={bearer('u-10').split()[-1]}"
    reader = HttpxSSE("reader", gateway.url + target)
    wait_for(lambda: reader.got, "the reader is connected")
    sleepers = []
    for _ in range(8):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", gateway.port))
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n\r\n".encode())
        sleepers.append(client)
    before = resident(function) + resident(gateway.process.pid)
    for number in range(10):
        events = [{"type": "signal", "data": {"n": number, "x": "x" * 25_000}} for _ in range(20)]
        assert publish(gateway, {"events": events}).json()["accepted"] == 20
    # 5 MB for each.
    wait_for(lambda: len([one for one in reader.got if one["type"] == "signal"]) >= 200, "the reader gets all")
    assert reader.opens == 1
    assert resident(function) + resident(gateway.process.pid) - before < 32 << 20
    reader.stop()
    for client in sleepers:
        client.close()


def test_who_opens_streams_as_fast_as_it_can_is_told_when_to_come_back(gateway):
    def attempt(fields):
        return get(gateway.port, f"{ORDERS}?token={token}", *fields, until=b"\r\n\r\n")

    token = bearer("u-11").split()[-1]
    refused, answers = [], 0
    with ThreadPoolExecutor(8) as several:
        while len(refused) < 12 and answers < 600:
            for answer in several.map(attempt, [[]] * 40):
                answers += 1
                if answer.status == 429:
                    refused.append(answer)
        waits = [int(answer["retry-after"]) for answer in refused]
        assert len(refused) >= 12 and all(2 <= wait <= 10 for wait in waits) and len(set(waits)) > 1, "with jitter"
        # Whoever was let in before: its EventSource would never come back from a 429. Of a strategy that is not there, since ten a
        # second are none too many, and nothing is opened so fast on a slow machine.
        target, told, answers = f"/api/stream/strategies/none?token={token}", [], 0
        while not told and answers < 2_000:
            for answer in several.map(lambda _: get(gateway.port, target, "Last-Event-ID: 1-1.AQ", until=b"retry: "), range(40)):
                assert answer.status == 200
                answers += 1
                told += [error for error in answer.named("error") if error["code"] == "too_many"]
    assert told and told[0]["statusCode"] == 429


# Tickets


def test_a_ticket_opens_once_and_again_only_for_its_own_ids(gateway):
    one, other = ticket(gateway, "u-12"), ticket(gateway, "u-13")
    mine = get(gateway.port, f"{ORDERS}?ticket={one}").ids()[-1]
    theirs = get(gateway.port, f"{ORDERS}?ticket={other}").ids()[-1]

    def status(ticket, *fields, more="", target=ORDERS):
        answer = get(gateway.port, f"{target}?ticket={ticket}{more}", *fields)
        assert answer.status != 200 or answer.named("connection")[0]["userId"] == "u-12"
        return answer.status

    assert status(one) == 401, "used twice"
    assert status(one, f"Last-Event-ID: {mine}") == 200
    # 204: an EventSource that comes with it is to stop.
    mixed = theirs.rsplit(".", 1)[0] + "." + mine.rsplit(".", 1)[1]
    for foreign in [theirs, mixed, mine[:-1], "1-1.AQ", mine.rsplit(".", 1)[0]]:
        assert status(one, f"Last-Event-ID: {foreign}") == 204, foreign
    assert status("tk_" + "A" * 43) == 401 and status("tk_" + "A" * 43, f"Last-Event-ID: {mine}") == 204
    assert status("x%0a") == 401 and status(f"{one}&ticket={other}") == 401
    assert status(ticket(gateway, "u-12"), bearer("u-12")) == 401, "beside another credential"
    assert status(ticket(gateway, "u-12"), more="&userId=u-13") == 403
    assert status(ticket(gateway, "u-12"), target="/history") == 401
    assert get(gateway.port, f"/ticket?ticket={ticket(gateway, 'u-12')}", method="POST").status == 401
    assert get(gateway.port, "/ticket", method="POST").status == 401
    assert one not in gateway.log() and other not in gateway.log()


def test_a_ticket_that_comes_late_opens_nothing(gateway):
    late, issued = gateway.late
    time.sleep(max(0, issued + 31.5 - time.monotonic()))
    assert get(gateway.port, f"{ORDERS}?ticket={late}").status == 401
    assert get(gateway.port, f"{ORDERS}?ticket={late}", "Last-Event-ID: 1-1.AQ").status == 204
