"""Docs/coverage.md names tests that there are."""

import json
import re

from aws_emulator import ROOT

TESTS = ROOT / "Tests"
PAGE = (ROOT / "Docs" / "coverage.md").read_text()


def titles() -> set[str]:
    """The titles of all Swift tests, and the names of the cases that clients of every language must pass."""
    found = set()
    for file in TESTS.rglob("*.swift"):
        found |= set(re.findall(r'@Test\(\s*"((?:[^"\\]|\\.)*)"', file.read_text()))
    for file in (TESTS / "StreamClientTests" / "Vectors").glob("*.json"):
        found |= {case["name"] for case in json.loads(file.read_text())}
    return found


def test_every_ticked_demand_names_a_test():
    ticked = [line for line in PAGE.splitlines() if line.startswith("- [x]")]
    known, functions = titles(), set()
    for file in (TESTS / "SystemTests").glob("test_*.py"):
        functions |= {file.name, *re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)}
    wrong = []
    for line in ticked:
        demand, _, shown = line.partition(": ")
        named = re.findall(r'"([^"]+)"', shown)
        # A title that is named in full before may be cut.
        wrong += [name for name in named if name not in known
                  and not (name.endswith("…") and any(title.startswith(name.rstrip("… ,")) for title in known))]
        wrong += [name for name in re.findall(r"`(test_[\w.]+)`", shown) if name not in functions]
        folders = re.findall(r"\b(\w+Tests)\b", shown)
        wrong += [name for name in folders if not (TESTS / name).is_dir() and not any(TESTS.rglob(f"{name}.swift"))]
        if not named and not folders and "`test_" not in shown:
            wrong.append(f"{demand} names no test")
    assert wrong == []
