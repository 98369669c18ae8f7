"""`tickertape` as a process: what it says when it is stopped, when what it reads, writes or calls is not as it should be."""

import http.server
import json
import os
import signal
import socket
import subprocess
import threading

import pytest

from gateway_process import BIN, tickertape

TOOL = BIN / "tickertape"


class Publisher:
    """An Invoke API whose function accepts everything, but for the calls that `answers` has another answer for: a
    status, `None` for a connection that is closed without an answer, or an event that is waited for instead."""

    def __init__(self, **answers):
        self.answers = {int(number.lstrip("n")): answer for number, answer in answers.items()}
        self.payloads = []
        self.arrived = threading.Semaphore(0)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.payloads.append(payload["events"])
                answer = outer.answers.get(len(outer.payloads), 200)
                outer.arrived.release()
                if isinstance(answer, threading.Event):
                    answer.wait(60)
                    answer = None
                if answer is None:
                    self.close_connection = True
                    return
                body = json.dumps({"accepted": len(payload["events"]), "rejected": 0}).encode()
                self.send_response(answer)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for answer in self.answers.values():
            if isinstance(answer, threading.Event):
                answer.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def data(self):
        return [event["data"] for events in self.payloads for event in events]


def lines(first, last):
    return "".join(f'{{"type":"signal","data":{number}}}\n' for number in range(first, last + 1))


def publishing(publisher, *options, **more):
    # A run that was begun with nohup hands on that SIGHUP is ignored.
    return subprocess.Popen(
        [TOOL, "publish", "-", "--endpoint", publisher.endpoint, *options], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL), **more)


def summary(output):
    return json.loads(output.splitlines()[-1])["summary"]


# MARK: publish


def test_a_lost_answer_names_its_lines_and_the_run_goes_on_from_there_with_the_same_keys():
    with Publisher(n2=None) as publisher:
        options = ["publish", "-", "--endpoint", publisher.endpoint, "--batch", "2", "--run", "import-7", "--json"]
        stopped = tickertape(*options, input=lines(1, 5))
        assert stopped.returncode == 69
        assert "lines 1 to 2 are published\nlines 3 to 4 were sent and not answered" in stopped.stderr
        assert summary(stopped.stdout) == {
            "accepted": 2, "rejected": 0, "complete": False, "rejectedLines": [], "unknownLines": [3, 4],
            "notSentFrom": 5, "resumeFrom": 3}
        resumed = tickertape(*options, "--resume-from", "3", input=lines(1, 5))
        assert resumed.returncode == 0 and summary(resumed.stdout)["complete"]
        assert publisher.data == [1, 2, 3, 4, 3, 4, 5]
        first, again = publisher.payloads[1], publisher.payloads[2]
        assert first == again and [event["idempotencyKey"] for event in again] == ["import-7#3", "import-7#4"]


def test_an_endpoint_that_is_gone_has_taken_nothing():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = tickertape("publish", "-", "--endpoint", endpoint, input=lines(1, 3))
    assert done.returncode == 69
    assert "line 1 and what follows was not sent\n--resume-from 1 goes on there\n" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_pipe_is_silent_ends_it_with_what_is_published(number):
    with Publisher() as publisher:
        process = publishing(publisher)
        process.stdin.write(lines(1, 3) + '{"type":"sig')
        process.stdin.flush()
        publisher.arrived.acquire()
        # The pipe stays open, in the middle of a line.
        process.send_signal(number)
        assert process.wait(20) == 130
        error = process.stderr.read()
        assert "lines 1 to 3 are published\nline 4 and what follows was not sent\n--resume-from 4" in error
        assert "3 accepted" in process.stdout.read()
        process.stdin.close()


def test_a_signal_while_an_answer_is_waited_for_names_the_lines_that_may_be_published():
    with Publisher(n2=threading.Event()) as publisher:
        process = publishing(publisher, "--batch", "2")
        process.stdin.write(lines(1, 6))
        process.stdin.flush()
        publisher.arrived.acquire()
        publisher.arrived.acquire()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 130
        error = process.stderr.read()
        assert "lines 1 to 2 are published\nlines 3 to 4 were sent and not answered" in error
        assert "line 5 and what follows was not sent\n--resume-from 3 goes on there" in error
        process.stdin.close()


def test_a_feed_that_is_stopped_in_the_middle_of_a_record_sends_no_half_of_it():
    with Publisher() as publisher:
        process = subprocess.Popen(
            [TOOL, "feed", "-", "--endpoint", publisher.endpoint, "--rate", "max", "--batch", "1"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdin.write("symbol,close\nAAPL,152.50\nMSFT,9")
        process.stdin.flush()
        publisher.arrived.acquire()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130, process.stderr.read()
        assert publisher.data == [{"price": 152.5, "symbol": "AAPL"}]
        assert "fed 1 event" in process.stdout.read()
        process.stdin.close()


def test_a_silent_port_is_given_up_with_what_may_have_happened():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = tickertape("publish", "signal", "--endpoint", endpoint, "--timeout", "0.2")
    assert done.returncode == 69
    assert "no answer came within 0.2 s; --timeout SECONDS waits longer" in done.stderr
    assert "the event may be published all the same" in done.stderr


def test_a_byte_order_mark_is_passed_over_by_publish_and_by_the_settings_of_serve(tmp_path):
    events = tmp_path / "events.ndjson"
    events.write_text(lines(1, 2), encoding="utf-8-sig")
    with Publisher() as publisher:
        done = tickertape("publish", "--file", events, "--endpoint", publisher.endpoint)
        assert (done.returncode, publisher.data) == (0, [1, 2]), done.stderr
    settings = tmp_path / "tickertape.json"
    settings.write_text('{"port":"no"}', encoding="utf-8-sig")
    done = tickertape("serve", cwd=tmp_path)
    assert done.returncode == 64 and "port takes a whole number" in done.stderr


# MARK: Descriptors


def shell(command, **options):
    return subprocess.run(
        ["/bin/sh", "-c", command, "sh", str(TOOL)], capture_output=True, text=True, timeout=60, **options)


@pytest.mark.parametrize("command", ["publish -", "publish --file -", "feed -"])
def test_a_closed_standard_input_is_told(command):
    with Publisher() as publisher:
        done = shell(f'"$1" {command} --endpoint {publisher.endpoint} <&-')
        assert done.returncode == 74
        assert "cannot read standard input: it is closed" in done.stderr
        assert publisher.payloads == []


@pytest.mark.parametrize("redirection, reason", [(">&-", "it is closed"), (">/dev/full", "No space left on device")])
@pytest.mark.parametrize("command", ["--version", "--help", "publish signal", "publish - --json", "doctor --json"])
def test_a_standard_output_that_takes_nothing_is_told(tmp_path, command, redirection, reason):
    with Publisher() as publisher:
        if command.startswith("publish"):
            command += f" --endpoint {publisher.endpoint}"
        done = shell(f'"$1" {command} {redirection}', input=lines(1, 1), cwd=tmp_path)
    assert done.returncode == 74
    assert f"cannot write to standard output: {reason}" in done.stderr


def test_a_reader_that_went_away_is_no_message_and_a_closed_standard_error_no_failure(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([TOOL, "--help"], stdout=writing, stderr=subprocess.PIPE, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (74, b"")
    with Publisher() as publisher:
        done = shell(f'"$1" publish - --endpoint {publisher.endpoint} 2>&-', input="bad\n" + lines(1, 1))
    assert (done.returncode, done.stdout) == (1, "1 accepted, 1 rejected\n")


@pytest.mark.parametrize("words", [
    ["publish", "--file"], ["feed"], ["serve", "--config"], ["serve", "--faults"], ["watch", "--cursor"]])
def test_a_directory_instead_of_a_file_is_told(tmp_path, words):
    done = tickertape(*words, tmp_path, cwd=tmp_path)
    assert done.returncode in (73, 74) and str(tmp_path) in done.stderr and "directory" in done.stderr.lower()
