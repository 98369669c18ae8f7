"""Docs/configuration.md lists what the programs and scripts read, and the script that says so notices when it does not."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from aws_emulator import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from configuration import PAGE, Page  # noqa: E402

LIMITS = ["MAX_SUBSCRIPTIONS", "CLIENT_FRAMES_PER_SECOND", "CLIENT_FRAMES_BURST", "FRAMES_PER_SECOND", "BATCH_EVENTS",
          "BATCH_MILLISECONDS", "MAX_CONNECTIONS_PER_CLIENT", "PERSONAL_EVENTS", "PERSONAL_SECONDS", "LOG_SECONDS", "REPLAY_EVENTS", "EVENT_BYTES", "PING_SECONDS", "MAX_CONNECTIONS_PER_USER", "CONNECT_REFUSALS_PER_MINUTE",
          "JWT_LEEWAY_SECONDS", "LISTENER_SHARDS"]
WORDS = ["ACCESS", "METRICS", "AWS_LAMBDA_LOG_LEVEL", "CONNECT_LIMIT_COUNTS"]


@pytest.fixture
def copy(tmp_path) -> Path:
    """What the script reads, to be changed."""
    for folder in ("Docs", "Sources", "infra", "scripts"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for name in ("Makefile", "Package.swift"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def change(folder: Path, pattern: str, replacement: str) -> None:
    """In the one file of the folder, or the file itself, that has it, wherever it stands now."""
    files = [folder] if folder.is_file() else [path for path in folder.rglob("*.swift") if re.search(pattern, path.read_text())]
    (file,) = files
    text, count = re.subn(pattern, replacement, file.read_text(), count=1)
    assert count == 1
    file.write_text(text)


def test_the_page_agrees_with_the_code():
    assert Page(ROOT).problems() == []


def test_defaults_and_limits_come_from_the_code_not_from_the_page():
    page = Page(ROOT)
    for name in LIMITS + WORDS:
        assert all(said for _, said in page.said_by_code(page.variables, name)), name
    assert page.said_by_code(page.variables, "LOG_SECONDS") == [(2, "86400"), (3, f"60 to {14 * 86_400}")]
    # A page in which the script finds nothing would agree with everything.
    assert len(page.variables.named()) > 70 and {"ConnectHandler", "tickertape"} <= page.code.most_readers("ACCESS")
    assert page.code.most_readers("NO_COLOR") == {"tickertape"}


# Where something is changed, what, into what, and how what is then said begins.
NAMES = [
    ("Sources", r'environment\["NO_COLOR"\]', 'environment["NO_COLOUR"]', ["NO_COLOR: the page has a row", "NO_COLOUR: the code has it"]),
    ("infra/template.yaml", r" GREETING_FUNCTION:", " GREETER:", ["GREETER: the code has it"]),
    ("infra/template.yaml", r"  AlarmTopic:", "  Bell:\n    Type: String\n  AlarmTopic:", ["Bell: the code has it"]),
    ("infra/deploy.sh", r" JwtIssuer:JWT_ISSUER", r" JwtIssuer:JWT_ISSUER JwtType:JWT_TYPE", ["JWT_TYPE: the code has it"]),
    ("infra/destroy.sh", r"yes=no json=no", r"yes=${ASK_NOBODY:-no} json=no", ["ASK_NOBODY: the code has it"]),
    ("Makefile", r"DATA \?= Data", "DATA ?= Data\nSPEED ?= 7", ["SPEED: the code has it"]),
    (PAGE, r"\| `RATE` \|.*\n", "", ["RATE: the code has it"]),
    (PAGE, r"(\| `PORT` \|.*\n)", r"\g<1>\g<1>", ["a name has two rows"]),
]
CELLS = [
    ("Sources", r'"REPLAY_EVENTS",( \w+: \w+, \w+: [^,]+, \w+: 1\.\.\.)100_000', r'"REPLAY_EVENTS",\g<1>10_000',
     ["REPLAY_EVENTS: 'allowed' does not begin with 1 to 10000; deployed: 1 to 100000"]),
    ("Sources", r'(environment\["MAX_CONNECTIONS_PER_USER"\] else \{ return) 10 ', r"\g<1> 11 ", ["MAX_CONNECTIONS_PER_USER: the sources"]),
    ("Sources", r"ANONYMOUS_ROLE=(\S+) is none of analyst, ", r"ANONYMOUS_ROLE=\g<1> is none of ", ["ANONYMOUS_ROLE: 'allowed'"]),
    ("infra/template.yaml", r"(  LogSeconds:\n(?:    .*\n)*?    MaxValue:) 1209600", r"\g<1> 1000", ["LOG_SECONDS: 'allowed'"]),
    ("infra/template.yaml", r"(  MemoryMegabytes:\n(?:    .*\n)*?    Default:) 128", r"\g<1> 256", ["MemoryMegabytes: 'default'"]),
    ("scripts/run.sh", r"DATA:-Data", "DATA:-Bars", ["DATA: the default of scripts/run.sh"]),
    (PAGE, r"\| 5 \| 1 to 1000000 \|", "| 6 | 1 to 1000000 |", ["CONNECT_REFUSALS_PER_MINUTE: 'default'"]),
    (PAGE, r"\| above zero \|", "| 1 to 900 |", ["RATE: 'allowed' begins with a number"]),
    (PAGE, r"\| `FRAMES_PER_SECOND` \| Publisher, ", "| `FRAMES_PER_SECOND` | ", ["FRAMES_PER_SECOND: 'read by' lacks Publisher"]),
    (PAGE, r"\| `NO_COLOR` \| tickertape ", "| `NO_COLOR` | functions, tickertape ", ["NO_COLOR: 'read by' names Publisher"]),
    (PAGE, r"\| Events a second\. \|", "| |", ["RATE: nothing says what it does"]),
]


@pytest.mark.parametrize("changes", [NAMES, CELLS], ids=["names", "cells"])
def test_every_difference_is_named_and_nothing_else(copy, changes):
    for where, pattern, replacement, _ in changes:
        change(copy / where, pattern, replacement)
    found = Page(copy).problems()
    for *_, expected in changes:
        for words in expected:
            assert any(one.startswith(words) for one in found), (words, found)
    allowed = tuple(words.split(":")[0] for *_, expected in changes for words in expected)
    assert all(one.startswith(allowed) for one in found), found


def test_the_script_writes_what_the_code_says_and_keeps_what_people_wrote(copy):
    page = copy / PAGE
    before = page.read_text()
    changed = re.sub(r"\| `RATE` \|.*\n", "| `SPEED` | make run | 7 | | Nobody reads it. |\n", before)
    changed = re.sub(r"\| 60 to 1209600 \(14 days\)", "| 60 to 7 (14 days)", changed)
    page.write_text(changed)
    Page(copy).rewrite()
    assert [one for one in Page(copy).problems() if not one.startswith("RATE: nothing says")] == []
    written = page.read_text()
    assert "`SPEED`" not in written and "| `RATE` | make run | 50 | | |\n" in written and "| 60 to 1209600 | How long" in written
    kept = [line for line in before.splitlines() if "`RATE`" not in line and "`LOG_SECONDS`" not in line]
    assert [line for line in written.splitlines() if "`RATE`" not in line and "`LOG_SECONDS`" not in line] == kept


def test_a_parameter_is_called_as_its_variable():
    assert all(parameter.lower() == variable.replace("_", "").lower() for variable, parameter in Page(ROOT).code.deployed.items())
