"""The JavaScript client of Clients/js: its own tests, its types, its size, and its way through the real gateway."""

import gzip
import json
import random
import re
import shutil
import signal
import subprocess
import threading

import pytest

from gateway_process import ROOT, Gateway, tickertape

CLIENT = ROOT / "Clients" / "js"
NODE = shutil.which("node")
CORE = ["index.js", "client.js", "follower.js", "frames.js", "iterate.js", "places.js", "unpacking.js"]


def run(*arguments, timeout=120):
    return subprocess.run(arguments, cwd=CLIENT, capture_output=True, text=True, timeout=timeout)


def test_its_own_tests_pass_and_none_is_skipped():
    """All shared vectors, the transport, hostile servers, and a model server that breaks off by chance."""
    tests = sorted(str(path) for path in (CLIENT / "test").glob("*.test.js"))
    done = run(NODE, "--test", *tests)
    counts = {name: int(count) for name, count in re.findall(r"^(?:#|ℹ) (\w+) (\d+)$", done.stdout, re.M)}
    failed = [line for line in done.stdout.splitlines() if not re.match(r"\s*(ok|---|duration_ms|\.\.\.)", line)]
    assert done.returncode == 0, "\n".join(failed)[-6000:] + done.stderr
    assert counts["fail"] == counts["skipped"] == counts["todo"] == counts["cancelled"] == 0
    vectors = (ROOT / "Tests" / "StreamClientTests" / "Vectors").glob("*.json")
    assert counts["pass"] > sum(len(json.loads(path.read_text())) for path in vectors)


@pytest.mark.parametrize("project", ["tsconfig.json", "test/tsconfig.json"])
def test_its_types_are_those_of_its_code_and_refuse_what_they_should(project):
    done = run(shutil.which("tsc"), "--project", project)
    assert done.returncode == 0, done.stdout


def test_it_is_at_most_6_kilobytes():
    """As the sizes of such clients are compared: one file, minified by Debian's esbuild, then `gzip -9`."""
    bundle = ["--bundle", "--minify", "--format=esm", "--target=es2020", "src/index.js"]
    done = subprocess.run([shutil.which("esbuild"), *bundle], cwd=CLIENT, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    size = len(gzip.compress(done.stdout, 9))
    assert 3_000 < size <= 6 * 1024, f"{size} bytes"


def test_it_is_at_most_10_kilobytes_as_it_stands_comments_and_all():
    """The files that a page loads, joined, as `gzip -9` leaves them."""
    assert sorted(path.name for path in (CLIENT / "src").glob("*.js")) == sorted(CORE)
    size = len(gzip.compress(b"".join((CLIENT / "src" / name).read_bytes() for name in CORE), 9))
    assert size <= 10 * 1024, f"{size} bytes"


def test_the_package_holds_what_its_description_names():
    package = json.loads((CLIENT / "package.json").read_text())
    assert package["name"] == "tickertape" and package["type"] == "module"
    assert package["license"] == (ROOT / "LICENSE").read_text().split()[0]
    assert (CLIENT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    for path in [package["types"], *package["exports"]["."].values(), *package["files"]]:
        assert (CLIENT / path).exists(), path
    assert not {"dependencies", "devDependencies", "scripts"} & package.keys()


class Program:
    """A running `javascript_follower.mjs`; its lines are read one by one."""

    def __init__(self, gateway, position=None):
        arguments = [gateway.socket_url(), "signal", *([json.dumps(position)] if position else [])]
        self.process = subprocess.Popen(
            [NODE, ROOT / "Tests" / "SystemTests" / "javascript_follower.mjs", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = []
        self.alarm = threading.Timer(60, self.process.kill)
        self.alarm.start()

    def until(self, wanted):
        for line in self.process.stdout:
            self.lines.append(json.loads(line))
            if wanted(self.lines[-1]):
                return self.lines[-1]
        raise AssertionError(f"it ended after {self.lines}")

    def end(self):
        """Closes the client: the program has to end by itself."""
        self.process.stdin.close()
        self.lines += [json.loads(line) for line in self.process.stdout]
        assert self.process.wait(20) == 0
        self.alarm.cancel()
        return self.lines[-1]["position"]

    def events(self):
        return [line["event"] for line in self.lines if "event" in line]


def publish(gateway, *numbers):
    for number in numbers:
        done = tickertape("publish", "signal", "--data", str(number), "--endpoint", gateway.url, "--json")
        assert done.returncode == 0, done.stderr


def is_live(line):
    return line.get("state") == "live"


def is_waiting(line):
    return line.get("state") == "waiting"


def test_over_a_killed_gateway_each_event_comes_once_and_in_order(tmp_path):
    gateway = Gateway(tmp_path).start()
    try:
        program = Program(gateway)
        program.until(is_live)
        publish(gateway, 1, 2, 3)
        program.until(lambda line: line.get("event") == 3)
        for number in (4, 6):
            gateway.stop(signal.SIGKILL)
            program.until(is_waiting)
            gateway.start()
            # Before the client is back, as far as it can be had: it comes by the log.
            publish(gateway, number)
            program.until(is_live)
            publish(gateway, number + 1)
            program.until(lambda line: line.get("event") == number + 1)
        position = program.end()
        assert program.events() == [1, 2, 3, 4, 5, 6, 7]
        assert not [line for line in program.lines if {"gap", "folded", "diagnostic"} & line.keys()]
        assert [line["resume"] for line in program.lines if "resume" in line] == ["all", "all"]
        assert position["seen"]["all/signal"] == 7

        publish(gateway, 8, 9)
        later = Program(gateway, position)
        later.until(is_live)
        publish(gateway, 10)
        later.until(lambda line: line.get("event") == 10)
        later.end()
        assert later.events() == [8, 9, 10]
    finally:
        gateway.stop()
        print(gateway.log())


def test_large_events_arrive_whole_compressed_or_in_parts(gateway):
    """Over 32 KB a frame is compressed where that helps, else cut; the state of a stream is as large as its events."""
    plain, dense = {"text": "x" * 60_000}, {"text": random.Random(7).randbytes(45_000).hex()}
    publish(gateway, json.dumps(plain))
    program = Program(gateway)
    program.until(is_live)
    publish(gateway, json.dumps(dense), 3)
    program.until(lambda line: line.get("event") == 3)
    position = program.end()
    later = Program(gateway, {**position, "seen": {}, "cursor": None})
    later.until(is_live)
    later.end()
    assert program.events() == [dense, 3]
    assert position["seen"]["all/signal"] == 3
    assert not [line for line in program.lines + later.lines if {"gap", "diagnostic"} & line.keys()]
