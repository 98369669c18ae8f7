#!/usr/bin/env python3
"""Docs/coverage.md: its rows, and the tests that each names. `coverage_page.py` says what is wrong with the page, and counts.

A row is a line: `- 4.22 works: WHAT. Tests: NAMES`, `- 4.23 partly: WHAT. Lacks: WHAT. Tests: NAMES`, `- 4.24 absent: WHAT. Lacks: WHAT.`
Tests are named by place and title, `ConnectionsTests "roles see what they may"`; a place without a title stands for all tests that are
there, and `test_…` for a system test or a file of them. A title that was named in full before may be cut with `…`.
"""

import collections
import json
import pathlib
import re
import sys
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = ROOT / "Tests"
PAGE = ROOT / "Docs" / "coverage.md"
# How many rows each of the five source protocols has in the checklist that the page goes by.
ROWS = {1: 44, 2: 37, 3: 55, 4: 97, 5: 30}
STATES = ["works", "partly", "absent"]
NUMBERS = [f"{protocol}.{row:02}" for protocol, count in ROWS.items() for row in range(1, count + 1)]


@dataclass
class Row:
    number: str
    state: str
    text: str
    lacks: str = ""
    # Pairs of a place and a title; the title is None where all tests of the place are meant.
    swift: list = field(default_factory=list)
    # Functions, and files that end with .py.
    system: list = field(default_factory=list)


def rows(page):
    return [row for line in page.splitlines() if line.startswith("- ") and (row := row_of(line))]


def row_of(line):
    """The row that a line is, or nothing."""
    found = re.fullmatch(r"- (\d\.\d\d) (works|partly|absent): (.+?)(?: Lacks: (.+?))?(?: Tests: (.+))?", line)
    if not found:
        return None
    number, state, text, lacks, tests = found.groups()
    row = Row(number, state, text.rstrip("."), (lacks or "").rstrip("."))
    place = None
    for folder, title in re.findall(r'\b(\w+Tests)\b|"((?:[^"\\]|\\.)+)"', tests or ""):
        if folder:
            place = folder
            row.swift.append((place, None))
        elif place:
            # The place was named for its titles.
            if row.swift[-1] == (place, None):
                row.swift.pop()
            row.swift.append((place, title))
    row.swift = [(place, title) for place, title in row.swift if place != "SystemTests"]
    row.system = re.findall(r"`(test_[\w.]+)`", tests or "")
    return row


def matches(title, name):
    return name == title or title.endswith("…") and name.startswith(title.rstrip("… ,"))


def swift_titles():
    """Of each title of a Swift test, and of each case that clients of every language must pass, the folders and files it is in."""
    found = collections.defaultdict(set)
    for file in TESTS.rglob("*.swift"):
        for title in re.findall(r'@Test\(\s*"((?:[^"\\]|\\.)*)"', file.read_text()):
            found[title] |= {file.relative_to(TESTS).parts[0], file.stem}
    for name, file in vectors().items():
        found[name] |= {"StreamClientTests", file}
    return found


def swift_suites():
    return {name for file in TESTS.rglob("*.swift") for name in re.findall(r"^(?:@Suite.*\s)?(?:final )?(?:struct|class) (\w+)", file.read_text(), re.M)}


def vectors():
    """The file of each case in `StreamClientTests/Vectors`, by its name."""
    return {case["name"]: file.name for file in (TESTS / "StreamClientTests" / "Vectors").glob("*.json")
            for case in json.loads(file.read_text())}


def system_functions():
    found = set()
    for file in (TESTS / "SystemTests").glob("test_*.py"):
        found |= {file.name, *re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)}
    return found


def wrong_rows(page):
    """A sentence for each row that is missing, is none, or does not say what its state needs."""
    found = [row.number for row in rows(page)]
    wrong = [f"{line[:60]}… is no row: - 1.01 works|partly|absent: WHAT. Lacks: WHAT. Tests: NAMES"
             for line in page.splitlines() if line.startswith("- ") and not row_of(line)]
    wrong += [f"{number} is missing" for number in NUMBERS if number not in found]
    wrong += [f"{number} stands {count} times" for number, count in collections.Counter(found).items() if count > 1]
    wrong += [f"{number} is no row of the checklist" for number in found if number not in NUMBERS]
    if not wrong and found != NUMBERS:
        wrong.append("the rows are not in their order")
    for row in rows(page):
        names_test = bool(row.swift or row.system)
        if row.state != "absent" and not names_test:
            wrong.append(f"{row.number} is {row.state} and names no test")
        if row.state == "absent" and names_test:
            wrong.append(f"{row.number} is absent, and yet names a test")
        if row.state == "works" and row.lacks:
            wrong.append(f"{row.number} works, and yet lacks something")
        if row.state != "works" and not row.lacks:
            wrong.append(f"{row.number} is {row.state} and does not say what it lacks")
    return wrong


def wrong_names(page):
    """A sentence for each test that the page names and that is not there."""
    known, functions, wrong = swift_titles(), system_functions(), []
    for row in rows(page):
        for place, title in row.swift:
            if not (TESTS / place).is_dir() and not any(TESTS.rglob(f"{place}.swift")):
                wrong.append(f"{row.number}: there is no {place}")
            elif title and not any(place in known[name] for name in known if matches(title, name)):
                wrong.append(f"{row.number}: {place} has no test {title!r}")
        wrong += [f"{row.number}: there is no {name}" for name in row.system if name not in functions]
    return wrong


def counts(page):
    """Of each protocol how many rows it has, and how many of each state."""
    states = collections.Counter((int(row.number[0]), row.state) for row in rows(page))
    return {protocol: [sum(states[protocol, state] for state in STATES), *(states[protocol, state] for state in STATES)]
            for protocol in ROWS}


def wrong_counts(page):
    """A sentence for each line of the page's table that does not say what the rows are."""
    found = counts(page)
    expected = {str(protocol): numbers for protocol, numbers in found.items()}
    expected["all"] = [sum(column) for column in zip(*found.values(), strict=True)]
    said = {cells[0].split()[0]: [int(cell) for cell in cells[1:]] for line in page.splitlines()
            if (cells := [cell.strip() for cell in line.strip("|").split("|")]) and re.fullmatch(r"(?:[1-5] .*|all)(?: *\| *\d+){4}", " | ".join(cells))}
    return [f"the table's line of {name} is {said.get(name)}, and the rows are {numbers}" for name, numbers in expected.items()
            if said.get(name) != numbers]


def main():
    page = PAGE.read_text()
    wrong = wrong_rows(page) + wrong_names(page) + wrong_counts(page)
    for sentence in wrong:
        print(f"coverage: {sentence}", file=sys.stderr)
    works, partly, absent = (sum(row.state == state for row in rows(page)) for state in STATES)
    print(f"coverage: {len(rows(page))} rows: {works} work, {partly} partly, {absent} are absent")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
