"""The benchmarks' scripts where something is missing or does not come: each says so and ends."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command, **environment):
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)


@pytest.fixture
def programs(tmp_path):
    """A folder for PATH with the programs that every script begins with, and those that a test adds."""
    for name in ["bash", "basename", "dirname"]:
        (tmp_path / name).symlink_to(f"/bin/{name}")
    return tmp_path


@pytest.mark.parametrize("part", ["lambda", "delivery", "signed", "publisher", "gateway", "streams", "sse", "billed", "browser"])
def test_a_part_names_what_it_lacks_and_does_nothing(part, programs):
    for name in ["gcc", "python3"] if part in ("signed", "gateway", "billed") else ["python3"]:
        (programs / name).symlink_to(f"/bin/{name}")
    ended = run(f"Benchmarks/{part}/run.sh", PATH=str(programs))
    lacking = "nginx" if part in ("signed", "gateway", "billed") else "chromium" if part == "browser" else "gcc"
    assert ended.returncode == 69, ended.stderr
    assert ended.stderr.startswith(f"{part}: cannot run here: {lacking} ") and "scripts/packages.sh bench" in ended.stderr
    assert ended.stdout == ""


def test_what_is_awaited_in_vain_ends_the_part(tmp_path):
    for words, reason in [("await 1 '' x false", "x is not ready in time"), ("sleep 0.1 & await 30 $! x false", "x ended before it was ready")]:
        ended = run("bash", "-c", f". Benchmarks/common.sh; {words}; echo went on")
        assert (ended.returncode, ended.stdout) == (70, "") and reason in ended.stderr


def test_what_does_not_end_is_ended(tmp_path):
    deaf = "bash -c 'trap \"\" TERM; while :; do sleep 0.1; done' >/dev/null & "
    assert run("bash", "-c", f". Benchmarks/common.sh; {deaf} sleep 0.3; stop '' $!; echo stopped").stdout == "stopped\n"
    assert run("bash", "-c", ". Benchmarks/common.sh; bounded sleep 60", BENCHMARK_SECONDS="0.2").returncode == 124


def test_the_browser_part_says_how_it_is_called():
    ended = run("Benchmarks/browser/run.sh", "--help")
    assert ended.returncode == 0 and "Usage: run.sh [--rounds 3]" in ended.stdout and "--seconds N" in ended.stdout
    assert run("Benchmarks/browser/run.sh", "--faster").returncode == 64


def test_the_scripts_are_clean_for_shellcheck():
    scripts = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "Benchmarks").glob("**/*.sh")) + ["Fuzz/run.sh"]
    ended = run("shellcheck", "--external-sources", "--severity=warning", *scripts)
    assert ended.returncode == 0, ended.stdout
