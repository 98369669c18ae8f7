"""Requests that no library would send, byte by byte, and whatever comes back for them."""

import json
import socket
import time


class Answer:
    """The first response on a connection; `rest` is what came behind its body, another response perhaps."""

    def __init__(self, data):
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.head, self.status = head, int(lines[0].split(" ")[1]) if lines[0].startswith("HTTP/1.") else 0
        self.fields = [line.partition(": ")[::2] for line in lines[1:]]
        if self["transfer-encoding"] == "chunked":
            self.body, self.rest = unchunked(body)
        elif self["content-length"] is None:
            self.body, self.rest = body, b""
        else:
            length = int(self["content-length"])
            self.body, self.rest = body[:length], body[length:]

    def __getitem__(self, name):
        found = [value for field, value in self.fields if field.lower() == name]
        return found[0] if found else None

    def json(self):
        return json.loads(self.body)

    def frames(self):
        """As the specification reads them, https://html.spec.whatwg.org/multipage/server-sent-events.html: the fields of each frame."""
        text = self.body.decode().replace("\r\n", "\n").replace("\r", "\n")
        return [[tuple(line.partition(":")[::2]) for line in frame.split("\n")] for frame in text.split("\n\n")[:-1]]

    def events(self):
        """The name of each event and its data; the default is `message`."""
        found = []
        for frame in self.frames():
            data = [value.removeprefix(" ") for name, value in frame if name == "data"]
            name = [value.removeprefix(" ") for name, value in frame if name == "event"]
            if data:
                found.append((name[-1] if name else "message", "\n".join(data)))
        return found

    def named(self, name):
        return [json.loads(data) for event, data in self.events() if event == name]

    def ids(self):
        return [value.strip() for frame in self.frames() for name, value in frame if name == "id"]


def unchunked(data):
    body = b""
    while b"\r\n" in data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        if len(rest) < length + 2:
            return body + rest[:length], b""
        body, data = body + rest[:length], rest[length + 2:]
        if length == 0:
            return body, data
    return body, b""


def send(port, head, body=b"", until=None, seconds=10):
    """The answer to a request; lines of `head` end as they are to end, `HOST` is the server. Of a stream as much as is there when
    `until` is, or half a second without a byte."""
    if isinstance(head, str):
        head = head.replace("HOST", f"127.0.0.1:{port}").encode("latin-1")
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(head + body)
        return receive(client, until, seconds)


def receive(client, until=None, seconds=10):
    data, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline and (until is None or until not in data):
        answer = Answer(data) if b"\r\n\r\n" in data else None
        is_stream = answer and answer["content-type"] == "text/event-stream"
        if answer and not is_stream and is_whole(answer, data):
            break
        # Of a stream nobody knows when it says no more.
        client.settimeout(0.3 if is_stream and until is None else max(0.1, deadline - time.monotonic()))
        try:
            more = client.recv(65536)
        except (TimeoutError, ConnectionError):
            break
        if not more:
            break
        data += more
    return Answer(data) if data else None


def is_whole(answer, data):
    if answer.status in (204, 304):
        return True
    if answer["transfer-encoding"] == "chunked":
        return data.endswith(b"0\r\n\r\n")
    return answer["content-length"] is not None and len(answer.body) >= int(answer["content-length"])


def get(port, target, *fields, method="GET", body=b"", **options):
    """A request that is well formed but for what it says."""
    length = [f"Content-Length: {len(body)}"] if body else []
    head = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: HOST", *fields, *length, "", ""])
    return send(port, head, body, **options)
