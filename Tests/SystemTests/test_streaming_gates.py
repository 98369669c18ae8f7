"""The eight gates `scripts/test:streaming:…`: what they say of themselves, what they name, and that what is broken fails them.

The tests that they select run with the whole suite; here stand-ins take the place of the toolchain, so that a gate is a second.
"""

import os
import re
import shutil
import subprocess
import sys

import pytest

from aws_emulator import ROOT
from coverage_page import swift_suites, system_functions

GATES = ["connections", "reconnect", "events", "batching", "performance", "load", "integration", "e2e"]
SCRIPTS = ROOT / "scripts"


def gate(name, *arguments, folder=ROOT, **environment):
    return subprocess.run(
        [folder / "scripts" / f"test:streaming:{name}", *arguments], capture_output=True, text=True, timeout=100,
        env={**os.environ, **environment})


def named(help_text, what):
    line = re.search(rf"^{what}: (.*)$", help_text, re.M).group(1)
    return [] if line == "none" else re.split(r"[| ]", line)


@pytest.mark.parametrize("name", GATES)
def test_each_gate_explains_itself_and_names_tests_that_there_are(name):
    done = gate(name, "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"usage: scripts/test:streaming:{name} ") and not done.stderr
    suites, systems = named(done.stdout, "Swift suites"), named(done.stdout, "System tests")
    assert suites or systems
    assert set(suites) <= swift_suites()
    assert {part for one in systems for part in one.split("::")} <= system_functions()


def test_there_are_eight_and_no_others():
    assert {path.name.removeprefix("test:streaming:") for path in SCRIPTS.glob("test:*")} == set(GATES)


def test_wrong_usage_is_named():
    done = gate("load", "--fast")
    assert done.returncode == 64 and "unknown option '--fast'" in done.stderr
    done = subprocess.run([SCRIPTS / "streaming-gate.sh"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 64 and "scripts/test:streaming:e2e" in done.stderr


@pytest.fixture
def project(tmp_path):
    """A project whose Swift and system tests are stand-ins: `project(SWIFT, PYTHON)` are two lines of shell."""
    (tmp_path / "scripts").mkdir()
    for path in [SCRIPTS / "streaming-gate.sh", *SCRIPTS.glob("test:*")]:
        shutil.copy(path, tmp_path / "scripts", follow_symlinks=False)
    (tmp_path / "Tests").symlink_to(ROOT / "Tests")
    (tmp_path / ".build" / "venv" / "bin").mkdir(parents=True)

    def make(swift="echo '✔ Test run with 3 tests in 1 suite passed'", python="exit 0"):
        for file, line in [(tmp_path / "swift", swift), (tmp_path / ".build" / "venv" / "bin" / "python", python)]:
            file.write_text(f"#!/bin/sh\n{line}\n")
            file.chmod(0o755)
        return lambda name: gate(name, "--no-build", folder=tmp_path, SWIFT=str(tmp_path / "swift"))
    return make


@pytest.mark.parametrize("name", GATES)
def test_a_gate_passes_where_all_pass_and_fails_where_anything_fails(project, name):
    done = project()(name)
    assert done.returncode == 0 and f"test:streaming:{name}: passed" in done.stdout, done.stderr
    uses_swift = named(gate(name, "--help").stdout, "Swift suites") != []
    uses_python = not re.search(r"^System tests: none\nLoad: none$", gate(name, "--help").stdout, re.M)
    assert uses_swift or uses_python
    if uses_swift:
        failed = project(swift="echo '✘ Test \"a\" failed'; exit 1")(name)
        assert failed.returncode != 0 and "✘" in failed.stderr and "passed" not in failed.stdout
        # A filter that matches nothing passes, and so does a toolchain that says nothing.
        for silence in ["echo '✔ Test run with 0 tests in 0 suites passed'", "exit 0"]:
            silent = project(swift=silence)(name)
            assert silent.returncode != 0 and "no test of" in silent.stderr
    if uses_python:
        assert project(python="exit 1")(name).returncode != 0


def test_a_suite_that_was_renamed_fails_its_gate(project, tmp_path):
    run = project()
    script = tmp_path / "scripts" / "streaming-gate.sh"
    script.write_text(script.read_text().replace("'TableCostTests|", "'CostOfTablesTests|"))
    done = run("performance")
    assert done.returncode != 0 and "there is no CostOfTablesTests" in done.stderr


def load(*arguments):
    return subprocess.run(
        [sys.executable, ROOT / "Tests" / "SystemTests" / "streaming_load.py", "--clients", "5", "--rate", "5", "--seconds", "1", *arguments],
        capture_output=True, text=True, timeout=100)


def test_a_load_is_measured_and_a_bound_that_is_missed_fails():
    good = load("--most-milliseconds", "0")
    assert good.returncode == 0 and "25 of 25 delivered, 5 of 5 connections stayed" in good.stdout, good.stdout + good.stderr
    # No event is there within a microsecond.
    late = load("--most-milliseconds", "0.001")
    assert late.returncode == 1 and "p99 is above 0.001 ms" in late.stderr


def test_events_and_connections_that_are_lost_fail_a_load():
    import argparse

    from streaming_load import judged
    options = argparse.Namespace(clients=100, rate=10, seconds=1, most_milliseconds=0)
    for delivered, stable, what in [(1000, 100, []), (999, 99, []), (998, 100, ["less than 99.9% was delivered"]),
                                    (1000, 98, ["less than 99% of the connections stayed"])]:
        assert judged([0.01] * delivered, 1000, stable, options)[1] == what
    assert judged([], 1000, 100, options)[1] == ["less than 99.9% was delivered"]


def test_the_script_is_clean_for_shellcheck():
    done = subprocess.run(["shellcheck", SCRIPTS / "streaming-gate.sh"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
