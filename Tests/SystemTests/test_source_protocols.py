"""Clients of the five source protocols, by Python websockets: each sends what its own document shows, and gets what it reads."""

import asyncio
import base64
import gzip
import json

import boto3
import botocore.config
import pytest
from websockets.asyncio.client import connect

from aws_emulator import ROOT

# What this project adds to a frame beside the members that a document shows.
OWN = {"id", "seq", "version", "stream", "key", "priority"}
TYPES = {each["name"]: each for each in json.loads(
    (ROOT / "Sources/Connections/EventTypes/EventTypes.json").read_text())["types"]}


@pytest.fixture
def publish(gateway):
    functions = boto3.client(
        "lambda", endpoint_url=gateway.url, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="example", config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=60))

    def publish(*events):
        payload = events[0] if isinstance(events[0], str) else json.dumps({"events": list(events)})
        answer = functions.invoke(FunctionName="Publisher", Payload=payload)
        said = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, said
        assert said["rejected"] == 0, said
        return said

    return publish


def url(gateway, path):
    return f"ws://127.0.0.1:{gateway.port}{path}"


async def frames(ws, count, wanted):
    """The next frames of some types, whatever greets and acknowledges between them."""
    found = []
    while len(found) < count:
        frame = json.loads(await asyncio.wait_for(ws.recv(), 20))
        if frame["type"] in wanted:
            found.append(frame)
    return found


async def said(ws, frame, answer):
    await ws.send(json.dumps(frame))
    return (await frames(ws, 1, {answer}))[0]


def plain(frame):
    return {name: value for name, value in frame.items() if name not in OWN}


# 000: one envelope for six types.
STAMP = "2024-01-15T10:30:00Z"
INVESTMENT = [{"type": name, "data": TYPES[name]["example"], "timestamp": STAMP}
              for name in ("signal", "proposal", "decision", "outcome", "risk", "system")]


async def test_an_investment_client_gets_each_sample_in_its_envelope(gateway, publish):
    async with connect(url(gateway, "/stream/ws?userId=user-123")) as ws:
        names = [each["type"] for each in INVESTMENT]
        await said(ws, {"type": "subscribe", "eventTypes": names}, "subscribed")
        for sample in INVESTMENT:
            publish(sample)
            (frame,) = await frames(ws, 1, set(names))
            assert plain(frame) == sample and frame["version"] == 1
        await said(ws, {"type": "ping"}, "pong")
        await said(ws, {"type": "unsubscribe", "eventTypes": ["signal"]}, "unsubscribed")


async def test_proposals_come_to_an_investment_client_as_proposal_and_to_others_under_their_own_names(gateway, publish):
    data = TYPES["proposal"]["example"]
    async with connect(url(gateway, "/stream/ws?userId=a")) as family, connect(url(gateway, "/ws?userId=b")) as one:
        await said(family, {"type": "subscribe", "eventTypes": ["proposal"]}, "subscribed")
        await said(one, {"type": "subscribe", "data": {"eventTypes": ["proposal.created"]}}, "subscribed")
        for name in ("proposal.created", "proposal.updated", "proposal"):
            publish({"type": name, "data": data})
        came = await frames(family, 3, {"proposal"})
        assert sorted(frame.get("name", "") for frame in came) == ["", "proposal.created", "proposal.updated"]
        assert all(frame["data"] == data for frame in came)
        (created,) = await frames(one, 1, {"proposal.created", "proposal.updated", "proposal"})
        assert created["type"] == "proposal.created" and "name" not in created
        # Nothing else was asked for: the next frame is the pong.
        await one.send('{"type":"ping"}')
        assert json.loads(await asyncio.wait_for(one.recv(), 20))["type"] == "pong"


# 001: what its page reads, and the data that are published for it.
CREDIT = [
    ({"type": "risk_score_update", "risk_score": 0.75}, {"risk_score": 0.75}),
    ({"type": "calculation_progress", "progress": 50}, {"progress": 50}),
    ({"type": "portfolio_update", "portfolio": {"value": 1.5}}, {"portfolio": {"value": 1.5}}),
    ({"type": "credit_analysis", "data": {"score": 712, "id": "a-1"}}, {"score": 712, "id": "a-1"}),
] + [({"type": name} | TYPES[name]["example"], TYPES[name]["example"]) for name in (
    "factor_explanation", "goal_progress", "sip_progress", "credit_utilization_alert", "calculation_result", "calculation_error")]


@pytest.mark.parametrize("path", ["/realtime/ws/client123?user_id=user456", "/realtime/ws/dashboard/user456"])
async def test_a_credit_client_that_asks_for_nothing_gets_its_users_own_events_flat(gateway, publish, path):
    async with connect(url(gateway, path)) as ws:
        names = {frame["type"] for frame, _ in CREDIT}
        for frame, data in CREDIT:
            publish({"type": frame["type"], "userId": "user456", "data": data})
            (came,) = await frames(ws, 1, names)
            rest = dict(came)
            number = rest.pop("event_id" if "id" in data else "id")
            assert "-" in number and rest.pop("seq") >= 1 and rest.pop("version") == 1
            assert rest == frame
            if came["type"] == "credit_analysis":
                assert came["data"]["score"] == 712


async def test_a_credit_client_subscribes_by_a_subscription(gateway, publish):
    async with connect(url(gateway, "/realtime/ws/test_client?user_id=user123")) as ws:
        assert (await frames(ws, 1, {"connection"}))[0] == {"type": "connection", "status": "connected"}
        await said(ws, {"type": "subscribe", "subscription": "credit_updates"}, "subscribed")
        publish({"type": "recommendation", "userId": "user123", "data": TYPES["recommendation"]["example"]})
        (came,) = await frames(ws, 1, {"recommendation"})
        # The data have an id of their own, so the event's is called otherwise.
        assert came["id"] == "rec-1" and came["event_id"] != "rec-1"
        await said(ws, {"type": "ping"}, "pong")


async def test_a_dashboard_hears_breaking_news(gateway, publish):
    async with connect(url(gateway, "/realtime/ws/dashboard/u-1")) as ws:
        # After its own event, since a broadcast reaches who is a listener by then.
        publish({"type": "market_alert", "data": {"alert": {"headline": "Rates unchanged"}}})
        (came,) = await frames(ws, 1, {"market_alert"})
        assert plain(came) == {"type": "market_alert", "alert": {"headline": "Rates unchanged"}}


# 002: names with dots, each shown as it was asked.
ROLES = [("signal.created", "signal"), ("proposal.created", "proposal.created"), ("proposal.updated", "proposal.updated"),
         ("risk.alert", "risk"), ("eval.completed", "outcome")]


async def test_a_client_with_a_role_gets_the_names_it_asked_by(gateway, publish):
    names = [name for name, _ in ROLES]
    async with connect(url(gateway, "/ws?userId=u-1&role=approver&eventTypes=signal.created")) as ws:
        await said(ws, {"type": "subscribe", "data": {"eventTypes": names[1:]}}, "subscribed")
        for asked, type_ in ROLES:
            publish({"type": type_, "data": TYPES[type_]["example"]}, {"type": "system", "data": {"health": "hidden"}})
            (came,) = await frames(ws, 1, set(names) | {"system"})
            assert came["type"] == asked and came["data"] == TYPES[type_]["example"] and "name" not in came
        await said(ws, {"type": "ping", "data": {"timestamp": STAMP}}, "pong")


# 003: nine events, by one client of them all.
TRADING = ["order:update", "order:fill", "position:update", "trade:new", "ai:decision", "strategy:update", "alert:new"]


async def test_a_trading_client_gets_each_event_with_its_data(gateway, publish):
    async with connect(url(gateway, "/dev?userId=u-1")) as ws:
        await said(ws, {"type": "subscribe", "eventTypes": TRADING + ["price:update", "agent:status"]}, "subscribed")
        for name in TRADING + ["price:update", "agent:status"]:
            publish({"type": name, "data": TYPES[name]["example"], **({"userId": "u-1"} if name in TRADING else {})})
            (came,) = await frames(ws, 1, {name})
            assert came["data"] == TYPES[name]["example"]
            # The example of an alert is one of level error.
            assert came.get("priority") == ("high" if name == "alert:new" else None)


async def test_prices_without_a_key_reach_those_who_ask_for_their_symbol(gateway, publish):
    price = '{"symbol":"%s","price":152.50,"bid":152.48,"ask":152.52,"timestamp":"2026-01-02T10:30:01Z"}'
    async with connect(url(gateway, "/dev?eventTypes=price:update&symbols=AAPL,GOOGL")) as ws:
        for symbol in ("MSFT", "AAPL"):
            publish('{"type":"price:update","data":%s}' % (price % symbol))
        text = await asyncio.wait_for(ws.recv(), 20)
        while '"price:update"' not in text:
            text = await asyncio.wait_for(ws.recv(), 20)
        assert '"key":"AAPL"' in text and '"data":%s' % (price % "AAPL") in text


async def test_ten_fills_of_one_order_at_once_arrive_as_ten(gateway, publish):
    async with connect(url(gateway, "/dev?userId=u-1&eventTypes=order:fill")) as ws:
        publish(*[{"type": "order:fill", "userId": "u-1", "data": {"orderId": "ord-123", "filledQty": each, "filledAvgPrice": 1}}
                  for each in range(1, 11)])
        came = await frames(ws, 10, {"order:fill"})
        assert [frame["data"]["filledQty"] for frame in came] == list(range(1, 11))
        assert {frame["key"] for frame in came} == {"ord-123"} and not any("folded" in frame for frame in came)


# 004: the document's own message, which is what is published and what is read.
MESSAGE = {
    "channel": "stream:market_data:AAPL", "data_type": "market_data", "update_type": "snapshot",
    "timestamp": "2024-01-01T12:00:00Z", "symbol": "AAPL", "data": {"raw_data": "...", "symbol": "AAPL"},
    "vendor": "yfinance", "metadata": {"worker_id": "worker_market_data", "retry_count": 0},
}


@pytest.mark.parametrize("kind", ["market_data", "news", "fundamentals", "analytics", "insider_data"])
async def test_a_market_data_client_reads_the_message_that_a_worker_published(gateway, publish, kind):
    message = MESSAGE | {"channel": f"stream:{kind}:AAPL", "data_type": kind}
    async with connect(url(gateway, f"/streaming/ws?channels=stream:{kind}:AAPL&symbols=AAPL")) as ws:
        publish(message | {"channel": f"stream:{kind}:MSFT", "symbol": "MSFT"})
        publish(json.dumps(message))
        (came,) = await frames(ws, 1, {"data"})
        assert came["message"] == message
        assert came["type"] == "data" and came["version"] == 1 and came["seq"] == 2 and came["id"]


@pytest.mark.parametrize("path, name", [("/realtime/ws/c1?user_id=u-1", "credit_analysis"), ("/streaming/ws?channels=x", "stream:news:A")])
async def test_large_frames_come_compressed_to_a_client_whose_url_says_so(gateway, publish, path, name):
    data = {"text": "A" * 60_000}
    async with connect(url(gateway, f"{path}&accept=gzip")) as ws, connect(url(gateway, path)) as other:
        for socket in (ws, other):
            await said(socket, {"type": "subscribe", "eventTypes": [name]}, "subscribed")
        publish({"type": name, "data": data, **({"userId": "u-1"} if name == "credit_analysis" else {})})
        (packed,) = await frames(ws, 1, {"gzip"})
        frame = json.loads(gzip.decompress(base64.b64decode(packed["data"])))
        (whole,) = await frames(other, 1, {"data", name})
        assert frame == whole and data in (frame.get("data"), frame.get("message", {}).get("data"))
