"""What the README promises of its example handler and its commands; its lines as they stand are in test_readme_lines.py."""

import json
import os
import re
import socket
import subprocess

import pytest
from gateway_process import ROOT, tickertape

README = (ROOT / "README.md").read_text()


def test_the_readme_shows_the_example_that_is_built():
    example = ROOT / "Examples" / "WhoAmI" / "Sources" / "WhoAmI"
    shown = re.findall(r"^```swift\n(.*?)^```$", README, re.M | re.S)
    assert shown == [(example / name).read_text() for name in ("WhoAmI.swift", "main.swift")]
    # The unit tests have the same, for they cannot import a package that depends on this one.
    assert shown[0] == (ROOT / "Tests" / "TickertapeHandlersTests" / "ReadmeExample.swift").read_text()


def test_the_cli_publishes_to_a_watcher_and_leaves_the_bytes_alone(gateway):
    watcher = subprocess.Popen(
        [gateway_program(), "watch", gateway.socket_url(), "--subscribe", "price:update", "--json", "--count", "1", "--for", "30"],
        stdout=subprocess.PIPE, text=True)
    lines = []
    for line in watcher.stdout:
        lines.append(line)
        if json.loads(line)["type"] == "ready":
            done = tickertape(
                "publish", "price:update", "--key", "AAPL", "--data", '{"price":152.50}', "--endpoint", gateway.url, "--json")
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["deliveries"] == 1
    assert watcher.wait(30) == 0
    assert '"data":{"price":152.50}' in lines[-1]


def test_every_command_explains_itself_and_refuses_what_it_does_not_know():
    for command in ("serve", "publish", "watch", "feed", "keys", "log", "stats", "doctor"):
        assert "usage:" in tickertape(command, "--help").stdout
        wrong = tickertape(command, "--colour-of-the-sky", "blue")
        assert wrong.returncode == 64 and "--colour-of-the-sky" in wrong.stderr


@pytest.mark.parametrize("name", ["ConnectHandler", "DisconnectHandler", "DefaultHandler", "Publisher"])
def test_every_function_says_what_it_is_and_what_it_lacks(name):
    asked = subprocess.run([gateway_program().parent / name, "--help"], capture_output=True, text=True, timeout=30, env={})
    assert asked.returncode == 0 and not asked.stderr
    assert asked.stdout.startswith(f"{name} ") and "CONNECTION_STORE" in asked.stdout and "AWS_LAMBDA_RUNTIME_API" in asked.stdout
    assert "STREAM_MESSAGES_TABLE_NAME" in asked.stdout and "eu-central-1" in asked.stdout
    lacking = subprocess.run([gateway_program().parent / name], capture_output=True, text=True, timeout=30, env={})
    assert lacking.returncode == 78 and not lacking.stdout
    assert "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001" in lacking.stderr


def test_a_port_in_use_is_told_with_the_way_out(gateway, tmp_path):
    second = tickertape("serve", "--port", gateway.port, "--store", f"sqlite:{tmp_path}/other.sqlite", timeout=30)
    assert second.returncode == 73 and str(gateway.port) in second.stderr and "--port" in second.stderr
    third = tickertape("serve", "--port", 0, "--echo", gateway.port, timeout=30)
    assert third.returncode == 73 and f"--echo {gateway.port + 1}" in third.stderr


@pytest.mark.parametrize("setting", ["PORT=0", "PORT=65536", "PORT=1x", "RATE=0", "RATE=0.0", "RATE=1.2.3", "RATE=.",
                                     "LOOP=2", "DATA=/nowhere"])
def test_make_run_refuses_a_setting_that_cannot_be_before_it_builds(setting):
    name, value = setting.split("=")
    done = subprocess.run([ROOT / "scripts" / "run.sh"], capture_output=True, text=True, timeout=30,
                          env={"PATH": os.environ["PATH"], "SWIFT": "false", name: value})
    assert done.returncode in (64, 66) and name in done.stderr and "Building" not in done.stdout


def test_make_run_feeds_nobody_else_who_has_its_port(tmp_path):
    swift = tmp_path / "swift"
    swift.write_text(f'#!/bin/sh\ncase "$*" in *--show-bin-path) echo "{gateway_program().parent}";; esac\n')
    swift.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = subprocess.run([ROOT / "scripts" / "run.sh"], capture_output=True, text=True, timeout=60,
                              env={"PATH": os.environ["PATH"], "SWIFT": str(swift), "PORT": port})
        other.settimeout(0)
        with pytest.raises(BlockingIOError):
            other.accept()
    assert done.returncode == 73 and port in done.stderr and "recorded bars" not in done.stdout, done.stderr


def gateway_program():
    from gateway_process import BIN
    return BIN / "tickertape"
