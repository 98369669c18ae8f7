"""The figures of Docs/cost.md for event streams, computed anew from the prices and the costs of requests that stand on the page."""

import math
import re

import pytest

from aws_emulator import ROOT

PAGE = (ROOT / "Docs" / "cost.md").read_text()
SECTION = PAGE.split("## Event streams over HTTP\n")[1].split("\n## ")[0]


def price(row: str) -> float:
    """Dollars a million, of the page's first table."""
    return float(re.search(rf"^\| {re.escape(row)}.*?\| ([\d.]+)", PAGE, re.M)[1])


GIGABYTE_SECOND = 0.0000166667
WRITE, READ = price("DynamoDB on-demand write request unit") / 1e6, price("DynamoDB on-demand read request unit") / 1e6
REQUEST, MINUTE, FRAME = (price(row) / 1e6 for row in ("Lambda request", "WebSocket connection minute", "WebSocket message"))


def units(row: str) -> tuple[int, int]:
    """Write and read units of an operation, as TableCostTests has measured them."""
    cells = re.search(rf"^\| {re.escape(row)} \| \d+ \| \d+ \| (\d+) \| (\d+) \|$", PAGE, re.M).groups()
    return int(cells[0]), int(cells[1])


def table(*rows: tuple[int, int]) -> float:
    return sum(write * WRITE + read * READ for write, read in rows)


HELD = 0.125 * 3600 * GIGABYTE_SECOND
LOOKS = 360 * table(units("a look at an event stream, each 5 seconds"), units("every second time, when its row is refreshed"))
OPENING = REQUEST + READ + table(
    units("an event stream that is opened"), units("an event stream that ends"),
    units("and the count of that user's connections, of both kinds"), (0, units("`hello` again, with a cursor, nothing missed")[1]))


def hour(per_minute: float, slice_seconds: float, retry_seconds: float) -> float:
    rate, length = per_minute / 60, slice_seconds * 1.05
    opened = (math.exp(rate * length) - 1) / rate
    return (HELD + LOOKS) * opened / (opened + retry_seconds) + OPENING * 3600 / (opened + retry_seconds)


def told(row: str) -> list[float]:
    return [float(one) for one in re.findall(r"[\d.]+", re.search(rf"^\| {re.escape(row)}[^|]*\|(.*?)\| [^|]*\|$", SECTION, re.M)[1])]


def shown(value: float) -> float:
    """Two digits."""
    return float(f"{value:.1e}")


def test_an_hour_of_a_held_stream_and_of_a_websocket():
    assert f"| {HELD:.4f} |" in SECTION and f"{shown(LOOKS):.5f}" in SECTION and f"{60 * MINUTE:.6f}" in SECTION
    assert told("held event stream") == [shown(HELD + LOOKS)] * 3
    assert told("WebSocket: its minutes") == [shown(60 * MINUTE + 60 * rate * FRAME) for rate in (0.1, 1, 10)]
    assert shown(OPENING * 1e6) == 2.7 and 450 < HELD / (60 * MINUTE) < 550


@pytest.mark.parametrize("slices, retry", [(20, 5), (20, 60), (20, 300), (1, 5)])
def test_an_hour_of_slices(slices, retry):
    computed = [shown(hour(rate, slices, retry)) for rate in (0.1, 1, 10)]
    assert told(f"slices of {slices} s, `retry` {retry} s") == computed
