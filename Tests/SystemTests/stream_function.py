#!/usr/bin/env python3
"""A function that speaks the Runtime API by hand and streams what the query asks for: `count` lines, one each `every` milliseconds,
`padding` bytes more a line, `status`, `header=NAME:VALUE` (several), `echo` (the event as one line). It runs as many invocations at
once as AWS_LAMBDA_MAX_CONCURRENCY says, each with a socket of its own: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html."""

import http.client
import json
import os
import socket
import threading
import time
from urllib.parse import parse_qs

HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
ROOT = "/2018-06-01/runtime/invocation"


def parameters(event):
    """Of either payload format."""
    if "rawQueryString" in event:
        return parse_qs(event["rawQueryString"])
    return event.get("multiValueQueryStringParameters") or {}


def answer(request_id, event):
    query = parameters(event)
    first = {name: values[0] for name, values in query.items()}
    headers = dict(text.split(":", 1) for text in query.get("header", []))
    prelude = {"statusCode": int(first.get("status", 200)), "headers": {"content-type": "text/event-stream", **headers}}
    with socket.create_connection((HOST, int(PORT))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(
            f"POST {ROOT}/{request_id}/response HTTP/1.1\r\nHost: {HOST}\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n"
            "Content-Type: application/vnd.awslambda.http-integration-response\r\nTransfer-Encoding: chunked\r\n"
            "Connection: close\r\n\r\n".encode())

        def chunk(data):
            connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))

        chunk(json.dumps(prelude).encode() + bytes(8))
        chunk(b": hello\n\n")
        if "echo" in first:
            chunk(b"data: " + json.dumps(event).encode() + b"\n\n")
        for number in range(int(first.get("count", 3))):
            time.sleep(int(first.get("every", 0)) / 1000)
            chunk(b"data: %d%s\n\n" % (number, b"x" * int(first.get("padding", 0))))
        connection.sendall(b"0\r\n\r\n")
        connection.recv(4096)


def work():
    while True:
        connection = http.client.HTTPConnection(HOST, int(PORT))
        try:
            connection.request("GET", f"{ROOT}/next")
            got = connection.getresponse()
            event = json.loads(got.read())
        except (OSError, ValueError, http.client.HTTPException):
            os._exit(0)
        connection.close()
        try:
            answer(got.headers["Lambda-Runtime-Aws-Request-Id"], event)
        except OSError as error:
            print(f"not answered: {error}", flush=True)


threads = [threading.Thread(target=work) for _ in range(int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1")))]
threading.stack_size(256 << 10)
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
