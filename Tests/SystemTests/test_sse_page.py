"""Docs/sse.md and the code say the same of what there is: routes, members of a row, fields of a request, settings, ends."""

import json
import re

from aws_emulator import ROOT

PAGE = (ROOT / "Docs" / "sse.md").read_text()
HANDLER = ROOT / "Sources" / "StreamHandler"
ROUTES = json.loads((HANDLER / "Routes" / "Routes.json").read_text())["routes"]


def shown(path):
    """Whether the page names the path, alone or as another end of the one before: `/api/stream/ai-decisions`, `/alerts`."""
    return path in PAGE or f"`{path.removeprefix('/api/stream')}`" in PAGE


def test_each_route_stands_on_the_page():
    short = re.findall(r'RoutePath\("([^"]+)"\)', (HANDLER / "Answers" / "ShortRoute.swift").read_text())
    assert len(ROUTES) == 13 and len(short) == 7
    paths = [re.sub(r":calculation_id$", ":id", row["path"]) for row in ROUTES] + short
    assert [path for path in paths if not shown(path)] == []


def test_each_member_of_a_row_stands_in_the_table_and_no_other():
    table = PAGE.split("| member | what it says | if absent |")[1].split("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in table.splitlines()[2:])))
    names = re.search(r"enum Field: String, CaseIterable \{\s*(case .*?)\n *\}", (HANDLER / "Routes" / "RouteRow.swift").read_text(), re.S)[1]
    members = set(re.findall(r"\w+", re.sub(r"\bcase\b", "", names)))
    assert len(members) > 15 and named | {"user"} == members and set().union(*ROUTES) <= members


def test_each_end_of_a_stream_that_its_client_is_told_stands_on_the_page():
    ends = (HANDLER / "Streams" / "EventStream.swift").read_text().split("fileprivate var error: String?")[1]
    told = re.findall(r'case \.(\w+): "', ends)
    assert len(told) == 3 and [one for one in told if f"`{one}` (" not in PAGE] == []


def test_each_spelling_of_where_a_client_is_stands_on_the_page():
    text = (HANDLER / "Requests" / "StreamRequest.swift").read_text()
    spellings = re.findall(r'(?:header|parameter)\("(\w[\w-]+)"\)', text.split("var lastEventID")[1].split("return")[0])
    assert spellings == ["Last-Event-ID", "lastEventId", "last_event_id", "cursor"]
    assert [one for one in spellings if f"`{one}`" not in PAGE] == []
