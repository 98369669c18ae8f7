"""Docs/coverage.md: its demands, and the tests that each names.

A ticked line names tests by place and title, `ConnectionsTests "roles see what they may"`; a place without a title stands for
all tests that are there, and `test_…` for a system test or a file of them. A title that was named in full before may be cut
with `…`.
"""

import collections
import json
import pathlib
import re
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = ROOT / "Tests"
PAGE = ROOT / "Docs" / "coverage.md"


@dataclass
class Demand:
    text: str
    # Pairs of a place and a title; the title is None where all tests of the place are meant.
    swift: list = field(default_factory=list)
    # Functions, and files that end with .py.
    system: list = field(default_factory=list)


def demands(page):
    """The ticked ones."""
    return [demand(line) for line in page.splitlines() if line.startswith("- [x]")]


def demand(line):
    # What a demand itself quotes is no test: the tests begin behind the last colon before the first of them.
    first = re.search(r"\b\w+Tests\b|`test_", line)
    start = line.rfind(": ", 0, first.start()) if first else -1
    found = Demand(line[6:start] if start >= 0 else line[6:])
    place = None
    for folder, title in re.findall(r'\b(\w+Tests)\b|"([^"]+)"', line[start:] if start >= 0 else ""):
        if folder:
            place = folder
            found.swift.append((place, None))
        elif place:
            # The place was named for its titles.
            if found.swift[-1] == (place, None):
                found.swift.pop()
            found.swift.append((place, title))
    found.swift = [(place, title) for place, title in found.swift if place != "SystemTests"]
    found.system = re.findall(r"`(test_[\w.]+)`", line)
    return found


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


def vectors():
    """The file of each case in `StreamClientTests/Vectors`, by its name."""
    return {case["name"]: file.name for file in (TESTS / "StreamClientTests" / "Vectors").glob("*.json")
            for case in json.loads(file.read_text())}


def system_functions():
    found = set()
    for file in (TESTS / "SystemTests").glob("test_*.py"):
        found |= {file.name, *re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)}
    return found


def wrong_names(page):
    """What the page names and is not there."""
    known, functions, wrong = swift_titles(), system_functions(), []
    for demand in demands(page):
        for place, title in demand.swift:
            if not (TESTS / place).is_dir() and not any(TESTS.rglob(f"{place}.swift")):
                wrong.append(f"there is no {place}")
            elif title and not any(place in known[name] for name in known if matches(title, name)):
                wrong.append(f"{place} has no test {title!r}")
        wrong += [name for name in demand.system if name not in functions]
        if not demand.swift and not demand.system:
            wrong.append(f"{demand.text} names no test")
    return wrong
