"""Docs/coverage.md names tests that there are, where they are."""

import collections
import json
import re

from aws_emulator import ROOT

TESTS = ROOT / "Tests"
PAGE = (ROOT / "Docs" / "coverage.md").read_text()


def titles() -> dict[str, set[str]]:
    """Of each title of a Swift test, and of each case that clients of every language must pass, the folders and files it is in."""
    found = collections.defaultdict(set)
    for file in TESTS.rglob("*.swift"):
        for title in re.findall(r'@Test\(\s*"((?:[^"\\]|\\.)*)"', file.read_text()):
            found[title] |= {file.relative_to(TESTS).parts[0], file.stem}
    for file in (TESTS / "StreamClientTests" / "Vectors").glob("*.json"):
        for case in json.loads(file.read_text()):
            found[case["name"]] |= {"StreamClientTests", file.name}
    return found


def test_every_ticked_demand_names_a_test_that_is_where_it_says():
    ticked = [line for line in PAGE.splitlines() if line.startswith("- [x]")]
    known, functions = titles(), set()
    for file in (TESTS / "SystemTests").glob("test_*.py"):
        functions |= {file.name, *re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)}
    assert len(ticked) > 50
    wrong = []
    for line in ticked:
        demand, _, shown = line.partition(": ")
        place = None
        for folder, title in re.findall(r'\b(\w+Tests)\b|"([^"]+)"', shown):
            if folder:
                place = folder
                if not (TESTS / folder).is_dir() and not any(TESTS.rglob(f"{folder}.swift")):
                    wrong.append(f"there is no {folder}")
                continue
            # A title that is named in full before may be cut.
            places = [known[name] for name in known
                      if name == title or title.endswith("…") and name.startswith(title.rstrip("… ,"))]
            if not any(place in some for some in places):
                wrong.append(f"{place} has no test {title!r}")
        wrong += [name for name in re.findall(r"`(test_[\w.]+)`", shown) if name not in functions]
        if not re.search(r'"|\w+Tests\b|`test_', shown):
            wrong.append(f"{demand} names no test")
    assert wrong == []
