"""Starts functions as Lambda does at 128 MB, and tells what would be billed. run.sh starts it; see there."""

import argparse
import http.server
import json
import os
import queue
import statistics
import subprocess
import threading
import time
import uuid
from pathlib import Path

# At 128 MB Lambda gives 128/1769 of a processor.
QUOTA = 0.07
PERIOD_MICROSECONDS = 20_000
GROUP = Path("/sys/fs/cgroup/cpu/tickertape-billed")


class RuntimeAPI(http.server.ThreadingHTTPServer):
    """One environment's Runtime API: `events` go out, `ended` tells when an answer was there."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.events, self.asked, self.ended = queue.Queue(), queue.Queue(), queue.Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.asked.put(time.monotonic())
        event = self.server.events.get()
        if event is None:
            return
        self.send_response(200)
        for name, value in {
                "Content-Type": "application/json", "Content-Length": str(len(event)),
                "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
                "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 60_000),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
                "Lambda-Runtime-Trace-Id": "Root=1-0-0"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(event)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.ended.put((time.monotonic(), self.path, body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Environment:
    def __init__(self, command, variables, inside: bool, limited: bool = True):
        self.api = RuntimeAPI()
        variables = dict(variables, AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{self.api.server_address[1]}", PATH=os.environ["PATH"])
        enter = (lambda: (GROUP / "cgroup.procs").write_text(str(os.getpid()))) if inside and limited else None
        begin = time.monotonic()
        self.process = subprocess.Popen(
            command, env=variables, preexec_fn=enter, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.start_ms = (self.api.asked.get(timeout=120) - begin) * 1000
        if limited and not inside:
            (GROUP / "cgroup.procs").write_text(str(self.process.pid))

    def invoke(self, event) -> tuple[float, bytes]:
        begin = time.monotonic()
        self.api.events.put(json.dumps(event).encode())
        end, path, body = self.api.ended.get(timeout=120)
        assert path.endswith("/response"), body
        self.api.asked.get(timeout=60)
        return (end - begin) * 1000, body

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.api.events.put(None)
        self.api.shutdown()


def context(connection: str, kind: str, route: str) -> dict:
    now = int(time.time() * 1000)
    return {
        "requestContext": {
            "routeKey": route, "eventType": kind, "extendedRequestId": "e", "requestTime": "21/Nov/2026:12:00:00 +0000",
            "messageDirection": "IN", "messageId": f"m{now}", "stage": "prod", "connectedAt": now, "requestTimeEpoch": now,
            "identity": {"sourceIp": "203.0.113.57"}, "requestId": uuid.uuid4().hex[:15] + "=",
            "domainName": "abc.execute-api.us-east-1.amazonaws.com", "connectionId": connection, "apiId": "abc"},
        "isBase64Encoded": False}


def connect_event(connection: str, types: str) -> dict:
    return dict(
        context(connection, "CONNECT", "$connect"), headers={"Host": "abc", "X-Forwarded-For": "203.0.113.57"},
        queryStringParameters={"userId": f"u-{connection}", "eventTypes": types})


def message_event(connection: str) -> dict:
    return dict(context(connection, "MESSAGE", "$default"), body='{"type":"subscribe","eventTypes":["signal"]}')


PUBLISH = {"type": "price:update", "key": "AAPL", "data": {"price": 152.5, "bid": 152.48, "ask": 152.52}}


def new_connection() -> str:
    return uuid.uuid4().hex[:15] + "="


def main():
    parser = argparse.ArgumentParser()
    for name in ("package", "python", "functions", "variables"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--listeners", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    variables = json.loads(options.variables)

    GROUP.mkdir(exist_ok=True)
    (GROUP / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS))
    (GROUP / "cpu.cfs_quota_us").write_text(str(int(PERIOD_MICROSECONDS * QUOTA)))

    def ours(name):
        folder = f"{options.package}/{name}"
        return [f"{folder}/bootstrap"], dict(variables, LAMBDA_TASK_ROOT=folder)

    def theirs(name):
        return ([options.python, "-m", "awslambdaric", f"reference_functions.{name}"],
                dict(variables, LAMBDA_TASK_ROOT=options.functions, PYTHONPATH=options.functions, _HANDLER=f"reference_functions.{name}"))

    # The listeners come into the table as in life: through ConnectHandler, here without a quota.
    command, environment = ours("ConnectHandler")
    filler = Environment(command, environment, inside=False, limited=False)
    for _ in range(options.listeners):
        filler.invoke(connect_event(new_connection(), "price:update"))
    filler.stop()

    rows = []
    cases = [("$connect", "ConnectHandler", "connect"), ("$default: subscribe", "DefaultHandler", "message"),
             (f"fan-out, {options.listeners:,} deliveries", "Publisher", "publish")]
    for title, name, function in cases:
        for label, (command, environment) in (("Tickertape", ours(name)), ("Python, boto3", theirs(function))):
            for inside in (False, True):
                starts, firsts, warm = [], [], []
                for _ in range(options.rounds):
                    connection = new_connection()
                    if function == "message":
                        register(*(ours("ConnectHandler") if label == "Tickertape" else theirs("connect")), connection)
                    one = Environment(command, environment, inside)
                    starts.append(one.start_ms)
                    for attempt in range(4 if function != "publish" else 2):
                        event = {"connect": lambda: connect_event(new_connection(), "signal"),
                                 "message": lambda: message_event(connection), "publish": lambda: PUBLISH}[function]()
                        milliseconds, body = one.invoke(event)
                        check(function, body, options.listeners)
                        (firsts if attempt == 0 else warm).append(milliseconds)
                    one.stop()
                rows.append({
                    "what": title, "who": label, "start": "inside" if inside else "outside",
                    "start_ms": round(statistics.median(starts), 1), "first_ms": round(statistics.median(firsts), 1),
                    "warm_ms": round(statistics.median(warm), 1)})
                if options.json:
                    print(json.dumps(rows[-1]), flush=True)
    if not options.json:
        print("| what | function | start-up and the quota | start, ms | first invocation, ms | warm, ms |")
        print("|---|---|---|---|---|---|")
        for row in rows:
            print(f"| {row['what']} | {row['who']} | {row['start']} | {row['start_ms']} | {row['first_ms']} | {row['warm_ms']} |")


def register(command, environment, connection):
    one = Environment(command, environment, inside=False, limited=False)
    one.invoke(connect_event(connection, "risk"))
    one.stop()


def check(function: str, body: bytes, listeners: int):
    answer = json.loads(body)
    if function == "publish":
        assert answer["deliveries"] == listeners, answer
    else:
        assert answer["statusCode"] == 200, answer
    if function == "message":
        assert "subscribed" in answer["body"], answer


if __name__ == "__main__":
    main()
