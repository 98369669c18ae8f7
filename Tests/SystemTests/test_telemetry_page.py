"""Docs/telemetry.md lists what the functions write: each message with its level, and each metric; held both ways."""

import re

from aws_emulator import ROOT

PAGE = (ROOT / "Docs" / "telemetry.md").read_text()
# Beside the functions: these write for people, or for the gateway.
OTHERS = {"tickertape", "LocalGateway", "TickertapeHandlers", "StreamClient", "Pages", "Telemetry"}
CALL = re.compile(r'(?:\b\w*[lL]og\??|\)|\bself)\.(debug|info|warn|error)\(\s*"((?:[^"\\]|\\.)+)"\s*[,)]')
FATAL = re.compile(r'\.log\(\s*\.(fatal), "([^"]+)"')
# A message that is chosen before it is written.
CHOSEN = re.compile(r'\((?:message, name, what)\) = \("([^"]+)"|otherwise: "([^"]+)"|\? \.info : \.debug, "([^"]+)"|audit\("([^"]+)"|logCounts\("([^"]+)"')


def sources():
    return [file.read_text() for file in sorted((ROOT / "Sources").rglob("*.swift"))
            if file.relative_to(ROOT / "Sources").parts[0] not in OTHERS]


def written():
    """Of each message the levels that a call names; none where the level is chosen."""
    messages = {}
    for text in sources():
        text = re.sub(r"^\s*///.*$", "", text, flags=re.M)
        for level, message in CALL.findall(text) + FATAL.findall(text):
            messages.setdefault(message, set()).add(level.upper())
        for groups in CHOSEN.findall(text):
            messages.setdefault("".join(groups), set())
    return messages


def documented():
    return {message: level for level, message in re.findall(r"^\| ([A-Z]+) \| `([^`]+)` \|", PAGE, re.M)}


def test_each_message_stands_on_the_page_with_its_level_and_no_other():
    messages, page = written(), documented()
    assert len(messages) > 40 and set(messages) == set(page), set(messages) ^ set(page)
    assert not {message: (levels, page[message]) for message, levels in messages.items() if levels and levels != {page[message]}}


def test_each_metric_stands_on_the_page_and_no_other():
    code = set()
    for file in ["Telemetry/SendMetrics.swift", *(path.relative_to(ROOT / "Sources") for room in (
            "ConnectHandler", "DefaultHandler", "DisconnectHandler", "Publisher", "StreamHandler") for path in (
                ROOT / "Sources" / room).rglob("*.swift"))]:
        code |= set(re.findall(r'metrics\??\.(?:count|record)\("(\w+)"', (ROOT / "Sources" / file).read_text()))
    code |= {f"DeliveryLatency{percent}Milliseconds" for percent in ("P50", "P95", "P99")}
    page = set(re.findall(r"`([A-Z]\w+)`", "\n".join(re.findall(r"^\| `[A-Z].*$", PAGE, re.M)))) - {"Role", "Status", "Reason", "Stream"}
    assert "Connections" in code and code == page, code ^ page


def test_each_reason_of_a_disconnect_stands_on_the_page():
    text = (ROOT / "Sources" / "Connections" / "DisconnectReason.swift").read_text()
    reasons = {value or name for name, value in re.findall(r'^  case (\w+)(?: = "(\w+)")?$', text, re.M)}
    assert len(reasons) >= 10
    paragraph = PAGE.split("`reason` of a disconnect:")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", paragraph)) == reasons


def test_each_reason_of_an_event_streams_end_stands_on_the_page():
    text = (ROOT / "Sources" / "StreamHandler" / "Streams" / "StreamEnd.swift").read_text()
    reasons = set(re.findall(r"^  case (\w+)$", text, re.M))
    assert len(reasons) >= 11
    paragraph = PAGE.split("`reason` of an event stream's end:")[1].split("\n\n")[0]
    # The last is the sweep's word, of a stream whose function died.
    assert set(re.findall(r"`(\w+)`", paragraph)) == reasons | {"lost"}
