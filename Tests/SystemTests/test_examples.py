"""The packages in Examples: built, served and driven by the lines of their READMEs as they stand, and by clients of other makers."""

import json
import os
import re
import signal
import subprocess
import time

import httpx
import pytest
from httpx_sse import connect_sse
from websockets.sync.client import connect

from gateway_process import ROOT, free_port
from readme import Shell, checkout, shell_lines

# The first one builds the rooms that all of them depend on.
pytestmark = pytest.mark.timeout(700)


class Example:
    """An example in a checkout of its own, served by the line of its README."""

    def __init__(self, name, folder, programs, tmp_path):
        self.page, self.port, self.tmp_path = f"Examples/{name}/README.md", free_port(), tmp_path
        self.shell, self.started, self.typed = Shell(checkout(folder, programs)), {}, set()
        built = subprocess.run(["bash", "-c", self.line("swift build")], cwd=ROOT, capture_output=True, text=True, timeout=600)
        assert built.returncode == 0, built.stdout + built.stderr
        self.serve()

    def serve(self):
        served = self.start("tickertape serve", lambda line: f"{line} --port {self.port}")
        self.until(lambda: "Ctrl-C stops it" in served(), "serve does not start")

    def line(self, *words):
        """The one line of the README with these words, typed as it stands but for the port."""
        (found,) = [line for line in shell_lines(self.page) if all(word in line for word in words)]
        self.typed.add(found)
        return found.replace("127.0.0.1:8001", f"127.0.0.1:{self.port}")

    def run(self, *words):
        done = self.shell.run(self.line(*words))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, words, edit=lambda line: line):
        """Starts what goes on by itself; answers a function that reads what it has printed."""
        line = edit(self.line(words)).replace("ACCESS=open ", "ACCESS=open exec ")
        shown = self.tmp_path / f"shown-{len(list(self.tmp_path.iterdir()))}"
        self.started[words] = self.shell.start(line, shown)
        return shown.read_text

    def stop(self, words):
        process = self.started.pop(words)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(30)

    @staticmethod
    def until(condition, what, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, what
            time.sleep(0.05)

    def websocket(self, user):
        return connect(f"ws://127.0.0.1:{self.port}/dev?userId={user}&hello=1")


@pytest.fixture
def example(programs, tmp_path):
    examples = []

    def begin(name):
        folder = tmp_path / "checkout"
        folder.mkdir()
        examples.append(Example(name, folder, programs, tmp_path))
        return examples[-1]

    yield begin
    for running in examples:
        for words in [*running.started][::-1]:
            running.stop(words)
        for shown in sorted(tmp_path.glob("shown-*")):
            print(shown.read_text())


def test_each_example_says_how_it_is_built_run_and_tried_in_about_twenty_lines_and_is_pointed_at():
    guide = (ROOT / "Docs" / "extending.md").read_text()
    for name in ("Echo", "Chat", "Parcels"):
        page = (ROOT / "Examples" / name / "README.md").read_text()
        assert 15 <= len([line for line in page.splitlines() if line]) <= 30, name
        assert all(word in page for word in ("Build", "Run it", "Try it", "Next:")), name
        assert f"Examples/{name}" in guide
        for target in re.findall(r"\]\(([^)#]+)", page):
            assert (ROOT / "Examples" / name / target).exists(), target


def test_echo_answers_the_frame_it_was_sent(example):
    echo = example("Echo")
    assert '{"action":"echo","text":"hello"}' in echo.run("--send").splitlines()[-1]
    assert echo.typed == set(shell_lines(echo.page))
    with echo.websocket("ada") as ada:
        # Any text that selects the route, byte for byte.
        for frame in ('{"action":"echo"}', '{ "n": 1.50, "action" : "echo", "text": "\\u00e4 ä 💬" }'):
            ada.send(frame)
            assert ada.recv(20) == frame


def test_parcels_tells_the_customer_once_and_the_queue_what_failed(example):
    parcels = example("Parcels")
    watched = parcels.start("tickertape watch")
    parcels.until(lambda: "ready" in watched(), "the customer does not listen")
    failed = {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    assert json.loads(parcels.run("curl")) == failed
    parcels.until(lambda: "out for delivery" in watched(), "the update did not come")
    # SQS hands a message over at least once, perhaps to another process.
    parcels.stop("tickertape serve")
    parcels.serve()
    parcels.until(lambda: watched().count("ready") == 2, "the customer does not come back")
    assert json.loads(parcels.run("curl")) == failed
    assert parcels.typed == set(shell_lines(parcels.page))

    def send(**bodies):
        records = [
            {"messageId": message, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:1:q.fifo", "body": body}
            for message, body in bodies.items()]
        return httpx.post(
            f"http://127.0.0.1:{parcels.port}/2015-03-31/functions/Parcels/invocations", json={"Records": records}, timeout=30)

    def notice(status, customer="ada"):
        return json.dumps({"parcel": "P-1", "customer": customer, "status": status})

    # Of a FIFO queue nothing overtakes what failed; a customer whose name no user can have is refused by the Publisher.
    answer = send(a=notice("packed"), b=notice("lost", customer=300 * "x"), c=notice("late"))
    assert answer.json() == {"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "c"}]}
    # Nothing of a batch was handled: the invocation fails, with the reason.
    nothing = send(d="[]")
    assert nothing.headers["X-Amz-Function-Error"] == "Unhandled" and "DecodingError" in nothing.text
    assert send(e=notice('delivered "at" last')).json() == {"batchItemFailures": []}
    parcels.until(lambda: "last" in watched(), "the last update did not come")
    came = re.findall(r"parcel:update  P-1  (.*)", watched())
    assert [json.loads(data)["status"] for data in came] == ["out for delivery", "packed", 'delivered "at" last']


def test_chat_is_heard_over_both_transports_and_goes_on_where_it_was(example):
    chat = example("Chat")
    ada, ben = chat.start("--cursor ada.cursor"), chat.start("curl -N 'http://127.0.0.1:8001/rooms/lobby?userId=ben'")
    chat.until(lambda: "ready" in ada(), "Ada does not listen")
    chat.until(lambda: "event: connection" in ben(), "Ben does not listen")
    assert '"from":"cy"' in chat.run("--send")
    for heard in (ada, ben):
        chat.until(lambda: heard().count('"text":"hello"') == 1, f"it was not heard: {heard()}")
    cursor = re.search(r'ready .*"cursor":"([^"]+)"', ada()).group(1)
    chat.stop("--cursor ada.cursor")
    chat.run("--send")
    again = chat.start("--cursor ada.cursor")
    chat.until(lambda: "ready" in again(), "Ada does not come back")
    assert len(re.findall(r"chat:said  lobby", again())) == 1, "what was said while she was away, once"
    assert len(json.loads(chat.run("/history"))["events"]) == 2
    over_http = chat.start("CURSOR", lambda line: line.replace("CURSOR", cursor))
    chat.until(lambda: over_http().count("event: chat:said") == 2, f"it does not go on over HTTP: {over_http()}")
    assert "event: resume" not in over_http()
    assert chat.typed == set(shell_lines(chat.page))


def say(ws, text, room="lobby", **more):
    ws.send(json.dumps({"action": "say", "room": room, "text": text, **more}))


def hello(ws, cursor=None):
    """Answers what was said while this client was away, and where it is now."""
    ws.send(json.dumps({
        "type": "hello", "n": 1, "eventTypes": ["chat:said"], "keys": ["lobby"], **({"cursor": cursor} if cursor else {})}))
    missed = []
    while True:
        frame = json.loads(ws.recv(20))
        if frame["type"] == "ready":
            return missed, frame["cursor"]
        if frame["type"] == "chat:said":
            missed.append(frame["data"]["text"])
        assert frame["type"] != "resume" or frame["missed"] == 0, frame


def hear(ws):
    frame = json.loads(ws.recv(20))
    assert frame["type"] == "chat:said", frame
    return frame["data"]


def listen(client, chat, count, cursor=None):
    """What the room's stream shows, up to so many sayings, and where that client is then."""
    query = {"userId": "ada", **({"cursor": cursor} if cursor else {})}
    with connect_sse(client, "GET", f"http://127.0.0.1:{chat.port}/rooms/lobby", params=query) as source:
        heard = []
        for event in source.iter_sse():
            assert event.event in ("connection", "chat:said"), event
            if event.event == "chat:said":
                heard.append(event.json()["text"])
            if len(heard) == count:
                return heard, event.id.split(".")[1]


def test_one_cursor_serves_both_transports_of_a_chat(example):
    chat = example("Chat")
    with chat.websocket("ben") as ben, httpx.Client(timeout=30) as client:
        hello(ben)
        with chat.websocket("ada") as ada:
            assert hello(ada)[0] == []
            # Whoever says it is whom the connection was let in as; another room is not heard here.
            say(ben, "elsewhere", room="attic")
            say(ben, 'a "1"\r\n\r\ndata: x', **{"from": "ada", "user": "ada"})
            assert hear(ada) == hear(ben) == {"from": "ben", "text": 'a "1"\r\n\r\ndata: x'}
            # A pong's cursor is what everybody has by then, which may be less than what was just heard; a hello's is the log's end.
            cursor = hello(ada)[1]
        # Two frames are two invocations, which nobody holds in order: the second one is said when the first is heard.
        for text in ("2", "3"):
            say(ben, text)
            assert hear(ben)["text"] == text
        heard, cursor = listen(client, chat, 2, cursor)
        assert heard == ["2", "3"]
        say(ben, "4")
        assert hear(ben)["text"] == "4"
        with chat.websocket("ada") as ada:
            missed, cursor = hello(ada, cursor)
            assert missed == ["4"]
        say(ben, "5")
        assert listen(client, chat, 1, cursor)[0] == ["5"]
        assert hear(ben)["text"] == "5"
        for wrong in ('{"action":"say"}', '{"action":"say","room":"lobby","text":""}', '{"action":"say","room":"","text":"x"}',
                      json.dumps({"action": "say", "room": 300 * "r", "text": "x"}), '{"action":"say","room":1,"text":"x"}'):
            ben.send(wrong)
            assert json.loads(ben.recv(20))["type"] == "error", wrong
