"""Docs/coverage.md names tests that there are, where they are; and whether they ran can be told."""

import json

import pytest

from coverage_page import PAGE, demands, wrong_names
from coverage_ran import VECTOR_TEST, not_shown, swift_tests, system_tests


def test_every_ticked_demand_names_a_test_that_is_where_it_says():
    assert len(demands(PAGE.read_text())) > 50
    assert wrong_names(PAGE.read_text()) == []


def test_a_name_that_is_no_tests_is_told():
    for line, said in [
        ('- [x] a: EventLogTests "no such title"', "EventLogTests has no test 'no such title'"),
        ('- [x] a: HandlerTests "roles see what they may"', "HandlerTests has no test 'roles see what they may'"),
        ("- [x] a: NothingTests", "there is no NothingTests"),
        ("- [x] a: SystemTests `test_nothing`", "test_nothing"),
        ("- [x] a: it works", "a: it works names no test"),
    ]:
        assert wrong_names(line) == [said]


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
        ('- [x] a: FooTests "it works"', [test("FooTests/Bar.swift", "it works")], True),
        ('- [x] a: FooTests "it w…"', [test("FooTests/Bar.swift", "it works")], True),
        ('- [x] "quoted": FooTests "it works"', [test("FooTests/Bar.swift", "it works")], True),
        ('- [x] a: FooTests "it works"', [test("FooTests/Bar.swift", "it works", "fail")], False),
        ('- [x] a: FooTests "it works"', [test("FooTests/Bar.swift", "it works", None)], False),
        ('- [x] a: FooTests "it works"', [test("FooTests/Bar.swift", "it works", cases=0)], False),
        ('- [x] a: FooTests "it works"', [test("BarTests/Bar.swift", "it works")], False),
        ('- [x] a: FooTests "it works"', [], False),
        ("- [x] a: BarTests", [test("FooTests/BarTests.swift", "one"), test("FooTests/BarTests.swift", "two")], True),
        ("- [x] a: BarTests", [test("FooTests/BarTests.swift", "one"), test("FooTests/BarTests.swift", "two", "fail")], False),
        ("- [x] a: BarTests", [], False),
        ("- [ ] a: BarTests", [], True),
        ('- [x] a: StreamClientTests, vectors "a ping of the server is answered; a heartbeat says nothing"',
         [test("StreamClientTests/VectorTests.swift", VECTOR_TEST)], True),
        ('- [x] a: StreamClientTests, vectors "a ping of the server is answered; a heartbeat says nothing"',
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
        assert (not_shown(f"- [x] a: SystemTests `{name}`", [], system_tests(report)) == []) == is_shown
