"""Did every test that Docs/coverage.md names run, and pass? `coverage_ran.py EVENTS.jsonl REPORT.xml`

The first is the event stream that Swift Testing writes (`swift test --event-stream-output-path`), the second pytest's report
(`--junitxml`). A test that was skipped, was filtered away or has failed shows nothing.
"""

import collections
import json
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from coverage_page import PAGE, matches, rows, vectors

# The test whose arguments are the cases of Vectors.
VECTOR_TEST = "each case of Vectors comes out as it says"


@dataclass
class SwiftTest:
    title: str
    places: set
    has_passed: bool = False


def swift_tests(lines):
    """All tests of an event stream, with what became of them."""
    tests, parameterised, cases = {}, set(), collections.Counter()
    for record in map(json.loads, lines):
        payload = record["payload"]
        if record["kind"] == "test" and payload["kind"] == "function":
            folder, file = payload["sourceLocation"]["fileID"].split("/", 1)
            places = {folder, file.rsplit("/", 1)[-1].removesuffix(".swift"), payload["id"].split("/")[0].split(".")[-1]}
            tests[payload["id"]] = SwiftTest(payload.get("displayName", payload["name"]), places)
            if payload["isParameterized"]:
                parameterised.add(payload["id"])
        elif payload.get("kind") == "testCaseStarted":
            cases[payload["testID"]] += 1
        elif payload.get("kind") == "testEnded" and payload["testID"] in tests:
            # One whose list of arguments was empty shows nothing.
            ran = payload["testID"] not in parameterised or cases[payload["testID"]] > 0
            tests[payload["testID"]].has_passed = ran and any(line["symbol"].startswith("pass") for line in payload["messages"])
    return list(tests.values())


def system_tests(report):
    """Functions and files of a report, and whether all of each passed."""
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        passed = not any(case.find(word) is not None for word in ("failure", "error", "skipped"))
        for name in [case.get("name").split("[")[0], case.get("classname").split(".")[-1] + ".py"]:
            found[name] = found.get(name, True) and passed
    return found


def not_shown(page, swift, system):
    """A sentence for each test that the page names and that did not run and pass."""
    missing = []
    cases = vectors()
    for row in rows(page):
        for place, title in row.swift:
            meant = [test for test in swift if place in test.places and (title is None or matches(title, test.title))]
            if title and any(matches(title, name) for name in cases):
                meant = [test for test in swift if test.title == VECTOR_TEST]
            if not meant or not all(test.has_passed for test in meant):
                missing.append(f"{row.number} ({row.text}): {place} {title or '(all of it)'} did not run and pass")
        for name in row.system:
            if not system.get(name):
                missing.append(f"{row.number} ({row.text}): {name} did not run and pass")
    return missing


def main(events, report):
    with open(events) as lines:
        missing = not_shown(PAGE.read_text(), swift_tests(lines), system_tests(report))
    for sentence in missing:
        print(f"coverage: {sentence}", file=sys.stderr)
    if missing:
        return 1
    shown = [row for row in rows(PAGE.read_text()) if row.state != "absent"]
    print(f"coverage: the tests of all {len(shown)} rows that work or partly work ran and passed")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
