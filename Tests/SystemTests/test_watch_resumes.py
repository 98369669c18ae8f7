"""`tickertape watch` over the real gateway and functions: what comes while it is away comes when it is back, once."""

import json
import subprocess

import boto3
import botocore.config
import pytest

from gateway_process import BIN, tickertape

CREDENTIALS = dict(
    region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="example",
    config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=60))


class Watcher:
    """A running `tickertape watch --json`; its lines are read one by one."""

    def __init__(self, gateway, *options):
        self.process = subprocess.Popen(
            [BIN / "tickertape", "watch", gateway.socket_url(), "--subscribe", "signal", "--json", "--for", "60", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def until(self, wanted):
        """The frames up to and with the first of which `wanted` is true."""
        frames = []
        for line in self.process.stdout:
            frames.append(json.loads(line))
            if wanted(frames[-1]):
                return frames
        raise AssertionError(f"it ended after {frames}: {self.process.stderr.read()}")

    def rest(self):
        frames = [json.loads(line) for line in self.process.stdout]
        assert self.process.wait(30) == 0, self.process.stderr.read()
        return frames


def publish(gateway, *numbers):
    for number in numbers:
        done = tickertape("publish", "signal", "--data", str(number), "--endpoint", gateway.url, "--json")
        assert done.returncode == 0, done.stderr


def numbers(frames):
    return [frame["data"] for frame in frames if frame["type"] == "signal"]


def is_ready(frame):
    return frame["type"] == "ready"


def test_the_next_run_goes_on_where_the_last_one_ended(gateway, tmp_path):
    place = tmp_path / "place"
    first = Watcher(gateway, "--count", "2", "--cursor", str(place))
    first.until(is_ready)
    publish(gateway, 1, 2)
    assert numbers(first.rest()) == [1, 2]
    assert json.loads(place.read_text())["seen"]["all/signal"] == 2

    publish(gateway, 3, 4, 5)
    second = Watcher(gateway, "--count", "4", "--cursor", str(place))
    frames = second.until(is_ready)
    publish(gateway, 6)
    frames += second.rest()
    assert numbers(frames) == [3, 4, 5, 6]
    assert [frame["recovered"] for frame in frames if frame["type"] == "resume"] == ["all"]
    assert not [frame for frame in frames if frame["type"] == "gap"]


def test_a_watch_that_was_killed_shows_no_more_than_the_last_second_again_and_lacks_nothing(gateway, tmp_path):
    """What `watch --help` says: once; after kill -9 the last second may come again, each event with the seq it had."""
    place = tmp_path / "place"
    shown, kept = [], None
    for run in range(3):
        watcher = Watcher(gateway, "--cursor", str(place), *(["--count", "9"] if run == 2 else []))
        # An event that came again may come before `ready`.
        frames = watcher.until(is_ready)
        if run == 2:
            publish(gateway, 7, 8, 9)
            frames += watcher.rest()
        else:
            publish(gateway, *range(3 * run + 1, 3 * run + 4))
            frames += watcher.until(lambda frame: frame.get("data") == 3 * run + 3)
            watcher.process.kill()
            watcher.process.wait()
        events = [(frame["seq"], frame["data"]) for frame in frames if frame["type"] == "signal"]
        assert [number for _, number in events] == list(range(events[0][1], events[-1][1] + 1)), "in order, none lacking"
        # Nothing that the file held when the watch was killed is shown again.
        assert kept is None or events[0][0] == kept + 1
        shown += events
        kept = json.loads(place.read_text())["seen"].get("all/signal", 0) if place.exists() else 0
    assert {number for _, number in shown} == set(range(1, 10))
    assert len(set(shown)) == 9, "what is shown again has the seq it had"


def test_a_connection_that_is_closed_under_it_costs_nothing(gateway):
    management = boto3.client("apigatewaymanagementapi", endpoint_url=gateway.management_url, **CREDENTIALS)
    watcher = Watcher(gateway, "--count", "9")
    frames = []
    for round in range(3):
        frames += watcher.until(is_ready)
        publish(gateway, 3 * round + 1)
        frames += watcher.until(lambda frame: frame["type"] == "signal")
        connection = [frame for frame in frames if frame["type"] == "connection"][-1]["connectionId"]
        if round < 2:
            management.delete_connection(ConnectionId=connection)
            publish(gateway, 3 * round + 2, 3 * round + 3)
    publish(gateway, 8, 9)
    frames += watcher.rest()
    assert numbers(frames) == list(range(1, 10))


# What cannot be read; the first event of a stream that nobody knows; nothing at all.
@pytest.mark.parametrize("word, reason", [("nonsense", "unknown"), ("AQAAAAAAAAE", "epoch"), ("AQ", None)])
def test_a_place_that_the_server_cannot_use_is_told_and_the_state_comes_instead(gateway, tmp_path, word, reason):
    publish(gateway, 1, 2)
    place = tmp_path / "place"
    place.write_text(json.dumps({"cursor": word, "seen": {}}))
    watcher = Watcher(gateway, "--count", "1", "--cursor", str(place))
    frames = watcher.until(is_ready)
    publish(gateway, 3)
    frames += watcher.rest()
    assert numbers(frames) == [3]
    assert [frame["reason"] for frame in frames if frame["type"] == "resume"] == [reason]
    assert [frame["reason"] for frame in frames if frame["type"] == "gap"] == ([reason] if reason else [])
    assert [frame["seq"] for frame in frames if frame["type"] == "snapshot" and frame["stream"] == "all/signal"] == [2]
