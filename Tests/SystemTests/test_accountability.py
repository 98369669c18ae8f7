"""What running programs write down: who came, who was refused, who listens to what, which keys were made, what was sent."""

import asyncio
import json

import pytest
import websockets
from websockets.asyncio.client import connect

from frames import until
from gateway_process import Gateway, tickertape
from test_hostile_clients import SETTINGS, publish, token

METRICS = {
    "Receivers", "Failed", "Accepted", "Delivered", "Gone", "Retried", "Conflated", "Lagging", "DeliveryLatencyP50Milliseconds",
    "DeliveryLatencyP95Milliseconds", "DeliveryLatencyP99Milliseconds", "LogAgeMilliseconds"}


def lines(gateway, function):
    """What a function wrote, line by line, as JSON."""
    starts = [line.split(" | ", 1)[1] for line in gateway.log().splitlines() if line.startswith(function) and " | {" in line]
    return [json.loads(text) for text in starts]


async def test_every_step_is_written_down_without_what_is_nobodys_business(tmp_path):
    gateway = Gateway(tmp_path, access="required", environment={**SETTINGS, "MAX_CONNECTIONS_PER_USER": "1"}).start()
    store = f"sqlite:{tmp_path / 'table.sqlite'}"
    try:
        made = json.loads(tickertape("keys", "create", "--user", "u-1", "--json", "--store", store).stdout)
        with pytest.raises(websockets.InvalidStatus):
            async with connect(gateway.socket_url("token=abc.def.ghi&password=hunter2")):
                pass
        async with connect(gateway.socket_url(f"apiKey={made['key']}")):
            async with connect(gateway.socket_url(f"token={token('joe@example.com', 'analyst')}")) as ws:
                await ws.send('{"type":"hello","n":1,"eventTypes":["price:update"],"accept":["batch"]}')
                await until(ws, "ready")
                await ws.send('{"type":"unsubscribe","eventTypes":["risk"]}')
                await until(ws, "unsubscribed")
                published = {"type": "price:update", "key": "AAPL", "data": {"iban": "DE02"}, "correlationId": "order-4711"}
                assert publish(gateway, published)["deliveries"] == 1
                assert (await until(ws, "price:update"))[-1]["correlationId"] == "order-4711"
                async with connect(gateway.socket_url(f"token={token('joe@example.com', 'analyst')}")):
                    assert (await until(ws, "error"))[-1]["code"] == "limit"
        assert tickertape("keys", "revoke", made["id"], "--store", store).returncode == 0
        changes = [json.loads(line) for line in tickertape("keys", "audit", "--json", "--store", store).stdout.splitlines()]
    finally:
        gateway.stop()
    assert [(one["action"], one["id"], one["user"]) for one in changes] == [
        ("created", made["id"], "u-1"), ("revoked", made["id"], "u-1")]
    audit = [one for function in ["ConnectHandler", "DefaultHandler"] for one in lines(gateway, function) if one.get("event") == "audit"]
    told = [one["message"] for one in audit]
    assert told.count("connected") == 3 and told.count("connection refused") == 1
    assert told.count("subscribed") == 1 and told.count("unsubscribed") == 1
    assert told.count("connection closed: too many of one user") == 1
    assert all(one["connectionId"] and one["requestId"] for one in audit)
    people = {one["user"] for one in audit if "user" in one}
    assert "u-1" in people and len(people) == 2, "a person is told by one word, whichever function writes it"
    sent = lines(gateway, "Publisher")
    assert any("order-4711" in str(one) for one in sent if one.get("level") == "INFO")
    (line,) = [one for one in sent if one.get("Delivered", [0])[0] == 1]
    assert METRICS <= set(line) and line["Accepted"] == [1] and line["FunctionName"] == "Publisher"
    assert {one["Name"] for one in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]} == METRICS
    for secret in [made["key"], "abc.def", "hunter2", "example.com", "DE02", SETTINGS["JWT_SECRET"], "eyJ"]:
        assert secret not in gateway.log(), secret


async def test_the_totals_are_counted_by_the_sweep_and_shown_by_stats(tmp_path):
    gateway = Gateway(tmp_path, "--sweep", "0.3").start()
    store = f"sqlite:{tmp_path / 'table.sqlite'}"

    def totals():
        shown = tickertape("stats", "--json", "--store", store)
        return json.loads(shown.stdout) if shown.returncode == 0 else {}

    async def counted(total):
        async with asyncio.timeout(20):
            while totals().get("total") != total:
                await asyncio.sleep(0.1)
        return totals()

    try:
        async with connect(gateway.socket_url("userId=u-1&role=admin"), additional_headers={"X-Correlation-ID": "desk-7.open"}):
            async with connect(gateway.socket_url("userId=u-1&role=viewer")):
                found = await counted(2)
                assert found["byRole"] == {"admin": 1, "analyst": 0, "approver": 0, "viewer": 1, "none": 0}
                assert found["clientsPerUser"] == [{"userId": "u-1", "clientCount": 2}] and found["ageSeconds"] < 20
                assert found["active"] == found["totalClients"] == 2 and found["totalUsers"] == 1
        assert (await counted(0))["totalUsers"] == 0
    finally:
        gateway.stop()
    (left,) = [one for one in lines(gateway, "DisconnectHandler") if one.get("correlationId") == "desk-7.open"]
    assert left["message"] == "disconnected" and left["reason"] == "client" and left["seconds"] < 20
    for function in ["ConnectHandler", "DisconnectHandler", "Publisher"]:
        written = [one for one in lines(gateway, function) if "_aws" in one]
        assert any(one.get("cpuMilliseconds", 0) > 0 and one.get("peakMegabytes", 0) > 1 for one in written), function
    assert any(one.get("Role") == "viewer" and one["Connections"] == [1] for one in lines(gateway, "Publisher"))
