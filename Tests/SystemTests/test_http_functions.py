"""Functions over HTTP behind the local gateway, with clients of other makers: curl, httpx, Python's own, bare sockets, and nginx between.

`HTTP_STREAMS` says how many streams are opened and cut (300; the soak takes 10,000)."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from httpx_sse import connect_sse

from gateway_process import BIN, Gateway, free_port

FUNCTION = Path(__file__).with_name("stream_function.py")
STREAMS = int(os.environ.get("HTTP_STREAMS", "300"))
# Invocations that the function runs at once, where many streams are cut.
SLOTS = 64


@pytest.fixture
def serve(tmp_path):
    """`serve(*options)` is a gateway with the function at /s/*; `program` is another function's executable."""
    running = []

    def start(*options, program=FUNCTION, concurrency=16):
        folder = tmp_path / str(len(running))
        folder.mkdir()
        running.append(Gateway(
            folder, "--function", f"Streams={program}", "--http-function", "Streams=/s/*",
            "--concurrency", f"Streams={concurrency}", *options).start())
        return running[-1]

    yield start
    for gateway in running:
        gateway.stop()
        print(gateway.log())


def state(gateway):
    with httpx.Client() as client:
        return client.get(f"{gateway.url}/_tickertape/http").json()


def wait_for(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def descriptors(gateway):
    return len(os.listdir(f"/proc/{gateway.process.pid}/fd"))


@contextlib.contextmanager
def nginx(tmp_path, port):
    """nginx as Debian ships it but for where its files lie: buffering, HTTP/1.0 to the upstream."""
    own = free_port()
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/nginx.log warn; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p; fastcgi_temp_path {tmp_path}/f;"
        f" uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
        f"server {{ listen 127.0.0.1:{own}; location / {{ proxy_pass http://127.0.0.1:{port}; }} }} }}\n")
    process = subprocess.Popen(["/usr/sbin/nginx", "-c", tmp_path / "nginx.conf", "-e", tmp_path / "nginx.log"])
    try:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", own)) == 0, "nginx listens")
        yield own
    finally:
        process.terminate()
        process.wait(10)


def test_curl_shows_each_line_as_it_is_written(serve):
    gateway = serve()
    curl = subprocess.Popen(
        ["curl", "-sN", f"{gateway.url}/s/a?count=1000000&every=20"], stdout=subprocess.PIPE)
    # The function is far from its end.
    for line in (b": hello\n", b"\n", b"data: 0\n", b"\n", b"data: 1\n"):
        assert curl.stdout.readline() == line
    curl.kill()
    curl.wait()
    wait_for(lambda: state(gateway)["streams"] == 0, "the stream is closed")
    assert state(gateway) == {"front": "url", "streams": 0, "invocations": 1}, "the function is not told that its client has gone"


def test_an_sse_client_reads_a_stream_of_a_swift_function_too(serve):
    gateway = serve(program=BIN / "StreamBootstrap", concurrency=4)
    with httpx.Client() as client:
        for _ in range(2):
            with connect_sse(client, "GET", f"{gateway.url}/s/a?count=3") as source:
                assert [event.data for event in source.iter_sse()] == ["1", "2", "3"]
        failed = client.get(f"{gateway.url}/s/a?fail=at")
        assert (failed.status_code, failed.json()) == (502, {"Message": "Internal Server Error"})
        answer = client.get(f"{gateway.url}/s/a?fail=middle&count=4", headers={"X-Correlation-ID": "c-1"})
        assert answer.text.endswith("data: 1\n\ndata: 2\n\n"), "late: the body is whole"
    wait_for(lambda: "Error in the middle of the answer: Function.AskedTo" in gateway.log(), "the late error is logged")


@pytest.mark.parametrize("front", ["url", "rest", "buffered"])
def test_each_front_passes_on_what_its_function_says(serve, front):
    gateway = serve("--http-front", front, "--log-level", "debug")
    with httpx.Client() as client:
        answer = client.post(
            f"{gateway.url}/s/a%2Fb?echo=1&count=1&status=201&header=x-a:b&q=1&q=2", content=b"body",
            headers={"X-Correlation-ID": "c-7", "Cookie": "a=1; b=2", "Content-Type": "text/plain"})
    assert (answer.status_code, answer.headers["x-a"]) == (201, "b")
    if front == "buffered":
        assert answer.text == "", "what is streamed behind a front that does not stream"
        return
    event = json.loads(answer.text.split("data: ")[1])
    assert event["body"] == "body"
    assert event.get("rawPath", event.get("path")) == "/s/a%2Fb"
    assert event.get("cookies", ["a=1", "b=2"]) == ["a=1", "b=2"]
    line = next(line for line in gateway.log().splitlines() if '"http request"' in line)
    assert '"correlationId":"c-7"' in line and '"end":"complete"' in line and event["requestContext"]["requestId"] in line


def test_nginx_at_its_defaults_passes_a_stream_that_says_so(serve, tmp_path):
    gateway = serve()
    with nginx(tmp_path, gateway.port) as port:
        curl = subprocess.Popen(
            ["curl", "-sN", f"http://127.0.0.1:{port}/s/a?count=1000000&every=20&header=X-Accel-Buffering:no"], stdout=subprocess.PIPE)
        for line in (b": hello\n", b"\n", b"data: 0\n", b"\n", b"data: 1\n"):
            assert curl.stdout.readline() == line
        curl.kill()
        curl.wait()
        wait_for(lambda: state(gateway)["streams"] == 0, "nginx lets the gateway know")
        with httpx.Client() as client:
            assert client.get(f"http://127.0.0.1:{port}/s/a?count=3").text.endswith("data: 2\n\n"), "buffered, and whole"


def test_a_client_of_http_1_0_reads_to_the_end_of_the_connection(serve):
    gateway = serve()
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(f"GET /s/a?count=2 HTTP/1.0\r\nHost: 127.0.0.1:{gateway.port}\r\nConnection: keep-alive\r\n\r\n".encode())
        data = b""
        while got := client.recv(65536):
            data += got
    head, body = data.split(b"\r\n\r\n", 1)
    assert body == b": hello\n\ndata: 0\n\ndata: 1\n\n"
    assert b"transfer-encoding" not in head.lower()


def test_one_connection_carries_one_stream_after_the_other(serve):
    gateway = serve()
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    for number in range(3):
        connection.request("GET", f"/s/{number}?count=2")
        answer = connection.getresponse()
        assert answer.headers["transfer-encoding"] == "chunked" and answer.read().endswith(b"data: 1\n\n")
    sock = connection.sock
    connection.request("HEAD", "/s/a")
    assert connection.getresponse().read() == b"" and connection.sock is sock


def test_a_client_that_never_reads_costs_the_gateway_little(serve):
    gateway = serve("--stream-rate", "0")
    def resident():
        return int(Path(f"/proc/{gateway.process.pid}/statm").read_text().split()[1]) * 4096
    before = resident()
    sleepers = []
    for _ in range(8):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", gateway.port))
        client.sendall(f"GET /s/a?count=2000&padding=100000 HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n\r\n".encode())
        sleepers.append(client)
    wait_for(lambda: state(gateway)["streams"] == 8, "all have begun")
    previous = -1
    while (now := resident()) != previous:
        previous = now
        time.sleep(0.5)
    # 200 MB each are on their way.
    assert now - before < 8 * (1 << 20)
    with httpx.Client() as client:
        assert client.get(f"{gateway.url}/s/a?count=1").text.endswith("data: 0\n\n"), "others are served"
    for client in sleepers:
        client.close()
    wait_for(lambda: state(gateway)["streams"] == 0, "all are closed")


def test_streams_fill_one_process_before_another_is_started(serve):
    gateway = serve(concurrency=8)
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(12):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
            client.sendall(f"GET /s/a?count=1000&every=100 HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n\r\n".encode())
            clients.append(client)
        for client in clients:
            assert client.recv(9) == b"HTTP/1.1 "
        found = [pid for pid in gateway.children() if b"stream_function" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert len(found) == 2


def test_of_streams_that_were_opened_and_cut_nothing_is_left(serve):
    gateway = serve("--environments", "1", concurrency=SLOTS)
    before, cut = descriptors(gateway), 0
    with httpx.Client() as client:
        client.get(f"{gateway.url}/s/a")
    while cut < STREAMS:
        clients = []
        for _ in range(min(50, STREAMS - cut)):
            client = socket.create_connection(("127.0.0.1", gateway.port))
            client.sendall(f"GET /s/a?count=20&every=5 HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n\r\n".encode())
            clients.append(client)
        for index, client in enumerate(clients):
            # Some in the middle, some before they had an answer.
            if index % 4:
                client.recv(10)
            client.close()
        cut += len(clients)
    wait_for(lambda: state(gateway) == {"front": "url", "streams": 0, "invocations": 0}, "all have ended")
    # Each slot of the function waits on a connection of its own; its process has a port and pipes.
    wait_for(lambda: descriptors(gateway) <= before + SLOTS + 12, "descriptors are given back")


def test_a_front_cuts_a_silent_stream_where_it_is_told_to(serve):
    gateway = serve("--http-front", "rest", "--http-idle", "0.4")
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(f"GET /s/a?count=2&every=60000 HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n\r\n".encode())
        data = b""
        while got := client.recv(65536):
            data += got
    assert b": hello" in data and not data.endswith(b"0\r\n\r\n"), "the body is not whole"


def test_beyond_its_reserved_concurrency_a_function_is_429(serve):
    gateway = serve("--reserved", "Streams=1")
    with httpx.Client() as client, client.stream("GET", f"{gateway.url}/s/a?count=100000&every=20") as held:
        next(held.iter_lines())
        refused = httpx.get(f"{gateway.url}/s/a")
        assert (refused.status_code, refused.json()) == (429, {"Message": "Rate Exceeded."})


def test_a_fault_plan_cuts_and_holds_streams_and_says_so(serve, tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"seed": 3, "faults": [
        {"kind": "stream-cut", "rate": 1, "within": 50, "limit": 1}, {"kind": "chunk-late", "rate": 1, "function": "Streams"}]}))
    gateway = serve("--faults", plan)
    with pytest.raises(httpx.RemoteProtocolError), httpx.Client() as client:
        client.get(f"{gateway.url}/s/a?count=1000&every=10")
    report = httpx.get(f"{gateway.url}/_tickertape/faults").json()["faults"]
    assert {fault["kind"]: fault["injected"] for fault in report} == {"stream-cut": 1, "chunk-late": 1}


def test_the_page_the_health_and_the_websocket_api_keep_their_paths(serve):
    gateway = serve("--http-function", "Streams=*")
    with httpx.Client() as client:
        assert client.get(f"{gateway.url}/").json()["status"] == "ok"
        assert client.get(f"{gateway.url}/dev").status_code == 426
        assert client.get(f"{gateway.url}/dev/@connections/abcdefghijklmno=").status_code == 410
        assert client.get(f"{gateway.url}/elsewhere?count=1").text.endswith("data: 0\n\n")
