"""Docs/coverage.md has each row of the checklist once and names tests that there are; and whether they ran can be told."""

import json
import re
import zipfile

import pytest

from coverage_page import NUMBERS, PAGE, ROOT, rows, wrong_counts, wrong_names, wrong_rows
from coverage_ran import VECTOR_TEST, not_shown, swift_tests, system_tests


def test_the_page_has_each_of_the_263_rows_once_with_what_its_state_needs():
    assert len(NUMBERS) == 263 and wrong_rows(PAGE.read_text()) == []
    assert [row.number for row in rows(PAGE.read_text())] == NUMBERS
    assert wrong_counts(PAGE.read_text()) == []


def test_every_row_names_tests_that_are_where_it_says():
    assert wrong_names(PAGE.read_text()) == []


def test_a_row_that_is_missing_or_says_too_little_is_told():
    page = PAGE.read_text()
    lines = page.splitlines()
    (first,) = [line for line in lines if line.startswith("- 2.05 works")]
    for new, said in [
        ("", ["2.05 is missing"]),
        (f"{first}\n{first}", ["2.05 stands 2 times"]),
        (first.replace("2.05", "2.38"), ["2.05 is missing", "2.38 is no row of the checklist"]),
        (first.replace(" works:", " done:"), [f"{first.replace(' works:', ' done:')[:60]}… is no row", "2.05 is missing"]),
        ("- 2.05 works: a.", ["2.05 is works and names no test"]),
        ("- 2.05 works: a. Lacks: b. Tests: HandlerTests", ["2.05 works, and yet lacks something"]),
        ("- 2.05 partly: a. Tests: HandlerTests", ["2.05 is partly and does not say what it lacks"]),
        ("- 2.05 absent: a.", ["2.05 is absent and does not say what it lacks"]),
        ("- 2.05 absent: a. Lacks: b. Tests: HandlerTests", ["2.05 is absent, and yet names a test"]),
    ]:
        found = wrong_rows(page.replace(first, new))
        assert len(found) == len(said) and all(one.startswith(start) for one, start in zip(found, said)), found
    assert wrong_counts(page.replace(first, "- 2.05 absent: a. Lacks: b.")) != []


def test_a_name_that_is_no_tests_is_told():
    for tests, said in [
        ('EventLogTests "no such title"', "1.01: EventLogTests has no test 'no such title'"),
        ('HandlerTests "roles see what they may"', "1.01: HandlerTests has no test 'roles see what they may'"),
        ("NothingTests", "1.01: there is no NothingTests"),
        ("SystemTests `test_nothing`", "1.01: there is no test_nothing"),
    ]:
        assert wrong_names(f"- 1.01 works: a. Tests: {tests}") == [said]


# What some rows say and no other test shows.


def test_troubleshooting_has_what_the_protocols_ask_for():
    headings = re.findall(r"^#+ (.+)$", (ROOT / "Docs" / "troubleshooting.md").read_text(), re.M)
    for subject in ["a connection breaks off", "events do not arrive", "events arrive late", "memory or cpu grow"]:
        assert subject in [heading.lower() for heading in headings], subject


def test_the_licence_is_mit_and_contributors_are_asked_for_conventional_commits():
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert "Conventional Commits" in (ROOT / "CONTRIBUTING.md").read_text()


def test_no_demo_data_is_in_what_is_deployed(packages):
    for package in packages.glob("*.zip"):
        with zipfile.ZipFile(package) as opened:
            assert set(opened.namelist()) <= {"bootstrap", "roots.pem"}, package
    assert not list((ROOT / "infra").rglob("*.csv"))


def test(place, title, outcome="pass", cases=1):
    """The records of a Swift test in an event stream; `outcome` None: it was skipped."""
    folder, file = place.split("/")
    name = f"{folder}.Suite/{title}()/{file}:1:1"
    yield {"kind": "test", "payload": {"kind": "function", "id": name, "name": "f()", "displayName": title,
                                       "isParameterized": True, "sourceLocation": {"fileID": place}}}
    for _ in range(cases):
        yield {"kind": "event", "payload": {"kind": "testCaseStarted", "testID": name}}
    ended = {"kind": "testEnded", "messages": [{"symbol": outcome}]} if outcome else {"kind": "testSkipped", "messages": []}
    yield {"kind": "event", "payload": {**ended, "testID": name}}


test.__test__ = False


def swift(*tests):
    return swift_tests(json.dumps(record) for records in tests for record in records)


@pytest.mark.parametrize(
    ("line", "tests", "is_shown"),
    [
        ('- 1.01 works: a. Tests: FooTests "it works"', [test("FooTests/Bar.swift", "it works")], True),
        ('- 1.01 works: a. Tests: FooTests "it w…"', [test("FooTests/Bar.swift", "it works")], True),
        ('- 1.01 works: "quoted". Tests: FooTests "it works"', [test("FooTests/Bar.swift", "it works")], True),
        ('- 1.01 works: a. Tests: FooTests "it works"', [test("FooTests/Bar.swift", "it works", "fail")], False),
        ('- 1.01 works: a. Tests: FooTests "it works"', [test("FooTests/Bar.swift", "it works", None)], False),
        ('- 1.01 works: a. Tests: FooTests "it works"', [test("FooTests/Bar.swift", "it works", cases=0)], False),
        ('- 1.01 works: a. Tests: FooTests "it works"', [test("BarTests/Bar.swift", "it works")], False),
        ('- 1.01 works: a. Tests: FooTests "it works"', [], False),
        ("- 1.01 works: a. Tests: BarTests", [test("FooTests/BarTests.swift", "one"), test("FooTests/BarTests.swift", "two")], True),
        ("- 1.01 works: a. Tests: BarTests", [test("FooTests/BarTests.swift", "one"), test("FooTests/BarTests.swift", "two", "fail")], False),
        ("- 1.01 works: a. Tests: BarTests", [], False),
        ("- 1.01 absent: BarTests. Lacks: all.", [], True),
        ('- 1.01 works: a. Tests: StreamClientTests, vectors "a ping of the server is answered; a heartbeat says nothing"',
         [test("StreamClientTests/VectorTests.swift", VECTOR_TEST)], True),
        ('- 1.01 works: a. Tests: StreamClientTests, vectors "a ping of the server is answered; a heartbeat says nothing"',
         [test("StreamClientTests/VectorTests.swift", VECTOR_TEST, "fail")], False),
    ])
def test_a_swift_test_shows_something_only_if_it_ran_and_passed(line, tests, is_shown):
    assert (not_shown(line, swift(*tests), {}) == []) == is_shown


@pytest.mark.parametrize(
    ("cases", "is_shown"),
    [
        ('<testcase classname="Tests.test_x" name="test_a[1]"/><testcase classname="Tests.test_x" name="test_a[2]"/>', True),
        ('<testcase classname="Tests.test_x" name="test_a[1]"/>'
         '<testcase classname="Tests.test_x" name="test_a[2]"><failure/></testcase>', False),
        ('<testcase classname="Tests.test_x" name="test_a"><skipped/></testcase>', False),
        ('<testcase classname="Tests.test_x" name="test_a"><error/></testcase>', False),
        ('<testcase classname="Tests.test_y" name="test_b"/>', False),
    ])
def test_a_system_test_shows_something_only_if_it_ran_and_passed(tmp_path, cases, is_shown):
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    for name in ["test_a", "test_x.py"]:
        assert (not_shown(f"- 1.01 works: a. Tests: SystemTests `{name}`", [], system_tests(report)) == []) == is_shown
