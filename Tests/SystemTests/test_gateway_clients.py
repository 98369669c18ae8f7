"""Third-party clients drive the local gateway: Python websockets, boto3, the AWS CLI."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request

import boto3
import botocore.config
import botocore.exceptions
import pytest
import websockets
from websockets.asyncio.client import connect

from gateway_process import Gateway

CREDENTIALS = dict(
    region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="example",
    config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=60))


@pytest.fixture
def functions(gateway):
    return boto3.client("lambda", endpoint_url=gateway.url, **CREDENTIALS)


@pytest.fixture
def management(gateway):
    return boto3.client("apigatewaymanagementapi", endpoint_url=gateway.management_url, **CREDENTIALS)


def publish(functions, event):
    payload = event if isinstance(event, (bytes, str)) else json.dumps(event)
    answer = functions.invoke(FunctionName="Publisher", Payload=payload)
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.loads(answer["Payload"].read())


async def ask(ws, message):
    await ws.send(message if isinstance(message, (bytes, str)) else json.dumps(message))
    return json.loads(await asyncio.wait_for(ws.recv(), 20))


async def connection_id(ws):
    """What `hello` tells of the connection."""
    await ws.send('{"type":"hello","subscriptions":[]}')
    found = None
    while True:
        frame = json.loads(await asyncio.wait_for(ws.recv(), 20))
        found = frame.get("connectionId", frame.get("data", {}).get("connectionId", found)) if frame["type"] == "connection" else found
        if frame["type"] == "ready":
            return found


async def test_a_subscriber_gets_a_published_event_with_its_bytes_unchanged(gateway, functions):
    async with connect(gateway.socket_url()) as ws:
        await ask(ws, {"type": "subscribe", "eventTypes": ["price:update"], "keys": ["AAPL"]})
        answer = publish(
            functions,
            '{"events":[{"type":"price:update","key":"AAPL","data":{"price":152.50,"id":9007199254740993123,"b":1,"a":2}},'
            '{"type":"price:update","key":"MSFT","data":{"price":1}}]}')
        assert answer["accepted"] == 2 and answer["rejected"] == 0 and answer["deliveries"] == 1
        frame = await asyncio.wait_for(ws.recv(), 20)
        assert '"data":{"price":152.50,"id":9007199254740993123,"b":1,"a":2}' in frame
        decoded = json.loads(frame)
        assert decoded["type"] == "price:update" and decoded["key"] == "AAPL" and decoded["id"]
        # The other key was not subscribed: the next frame is the pong.
        assert (await ask(ws, {"type": "ping"}))["type"] == "pong"


async def test_every_subscriber_gets_every_event_once_and_in_order(gateway, functions):
    clients = [await connect(gateway.socket_url(f"userId=u-{n}")) for n in range(20)]
    for ws in clients:
        await ask(ws, {"type": "subscribe", "eventTypes": ["signal"]})
    answer = publish(functions, {"events": [{"type": "signal", "data": {"n": n}} for n in range(25)]})
    # Whoever is slow for a moment has the rest with a later round.
    assert answer["accepted"] == 25 and answer["deliveries"] <= 500 and answer["failed"] == 0
    for ws in clients:
        seen = [json.loads(await asyncio.wait_for(ws.recv(), 20))["data"]["n"] for _ in range(25)]
        assert seen == list(range(25))
        await ws.close()


async def test_an_event_for_one_person_reaches_nobody_else(gateway, functions):
    async with connect(gateway.socket_url("userId=anna")) as anna, connect(gateway.socket_url("userId=ben")) as ben:
        for ws in (anna, ben):
            await ask(ws, {"type": "subscribe", "eventTypes": ["order:update"]})
        publish(functions, {"type": "order:update", "audience": {"user": "anna"}, "data": {"orderId": 7}})
        assert json.loads(await asyncio.wait_for(anna.recv(), 20))["data"] == {"orderId": 7}
        assert (await ask(ben, {"type": "ping"}))["type"] == "pong"


async def test_a_bad_event_is_answered_and_the_rest_goes_on(gateway, functions):
    async with connect(gateway.socket_url()) as ws:
        await ask(ws, {"type": "subscribe", "eventTypes": ["signal"]})
        answer = publish(functions, {"events": [{"data": 1}, {"type": "signal", "data": 2}, 17, {"type": "heartbeat", "data": 0}]})
        assert answer["accepted"] == 1 and answer["rejected"] == 3
        assert json.loads(await asyncio.wait_for(ws.recv(), 20))["data"] == 2


async def test_bad_frames_are_answered_with_errors_and_the_connection_stays(gateway):
    async with connect(gateway.socket_url()) as ws:
        for bad in ["not json", "[]", "17", '{"type":"dance"}', '{"type":17}', '{"type":"subscribe"}', '{"type":"subscribe","eventTypes":17}',
                    json.dumps({"type": "subscribe", "eventTypes": [f"t{n}" for n in range(1000)]})]:
            frame = await ask(ws, bad)
            assert frame["type"] == "error" and frame["code"] and frame["message"] and frame["requestId"], (bad, frame)
        assert (await ask(ws, {"type": "ping"}))["type"] == "pong"


async def test_boto3_posts_gets_and_deletes_a_connection(gateway, management):
    async with connect(gateway.socket_url()) as ws:
        name = await connection_id(ws)
        assert name.endswith("=")
        await asyncio.to_thread(management.post_to_connection, ConnectionId=name, Data=b"hi \xe2\x82\xac")
        assert await asyncio.wait_for(ws.recv(), 20) == "hi €"
        told = await asyncio.to_thread(management.get_connection, ConnectionId=name)
        assert told["Identity"]["SourceIp"] == "127.0.0.1" and told["ConnectedAt"] <= told["LastActiveAt"]
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            await asyncio.to_thread(management.post_to_connection, ConnectionId=name, Data=b"x" * (128 * 1024 + 1))
        assert refused.value.response["Error"]["Code"] == "PayloadTooLargeException"
        await asyncio.to_thread(management.delete_connection, ConnectionId=name)
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(ws.recv(), 20)
        assert ws.close_code == 1000
        for call in (management.get_connection, management.delete_connection):
            with pytest.raises(management.exceptions.GoneException):
                await asyncio.to_thread(call, ConnectionId=name)


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "ü", "a b"])
async def test_a_connection_id_that_is_none_is_refused(management, name):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        await asyncio.to_thread(management.post_to_connection, ConnectionId=name, Data=b"x")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403, 404, 410)


async def test_binary_frames_and_large_ones_close_the_connection_as_api_gateway_does(gateway):
    async with connect(gateway.socket_url()) as ws:
        await ws.send(b"\x00\x01")
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(ws.recv(), 20)
        assert ws.close_code == 1003
    async with connect(gateway.socket_url()) as ws:
        await ws.send("x" * (32 * 1024 + 1))
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(ws.recv(), 20)
        assert ws.close_code == 1009
    async with connect(gateway.socket_url()) as ws:
        async def pieces():
            for _ in range(9):
                yield "x" * 16384
        await ws.send(pieces())
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(ws.recv(), 20)
        assert ws.close_code == 1009


async def test_a_refused_connect_is_an_http_status_with_a_reason(tmp_path):
    closed = Gateway(tmp_path, access=None).start()
    try:
        with pytest.raises(websockets.InvalidStatus) as refused:
            await connect(closed.socket_url())
        assert refused.value.response.status_code == 401
        assert json.loads(refused.value.response.body)["message"]
    finally:
        closed.stop()


async def test_a_file_of_event_types_counts_for_every_function(tmp_path):
    (tmp_path / "types.json").write_text(
        '{"version":1,"types":[{"name":"only","aliases":["one"],"roles":["viewer"],"schema":{},"example":1}],'
        '"dialects":[{"name":"flat","aliases":["credit"],"greeting":{"type":"hi","who":"$userId"}}]}')
    gateway = Gateway(tmp_path, environment={"EVENT_TYPES_FILE": "types.json"}).start()
    try:
        async with connect(gateway.socket_url("userId=u-1&role=viewer&dialect=credit&eventTypes=one,signal", greeted=True)) as ws:
            assert json.loads(await asyncio.wait_for(ws.recv(), 20)) == {"type": "hi", "who": "u-1"}
            functions = boto3.client("lambda", endpoint_url=gateway.url, **CREDENTIALS)
            publish(functions, {"events": [{"type": "signal", "data": {}}, {"type": "one", "data": {"n": 1}}]})
            frame = json.loads(await asyncio.wait_for(ws.recv(), 20))
            assert frame == {"type": "one", "n": 1, "id": frame["id"], "seq": 1, "version": 1}
    finally:
        gateway.stop()


async def test_no_foreign_web_page_gets_in(gateway):
    with pytest.raises(websockets.InvalidStatus) as refused:
        await connect(gateway.socket_url(), origin="https://evil.example")
    assert refused.value.response.status_code == 403
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        request = urllib.request.Request(
            f"{gateway.url}/2015-03-31/functions/Publisher/invocations", data=b"{}", headers=headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code == 403


async def test_a_client_that_offers_a_subprotocol_gets_it_back(gateway):
    async with connect(gateway.socket_url(), subprotocols=["events.v1"]) as ws:
        assert ws.subprotocol == "events.v1"


async def test_a_killed_environment_costs_one_error_frame_and_nobody_else_notices(gateway):
    async with connect(gateway.socket_url()) as ws, connect(gateway.socket_url("userId=u-2")) as other:
        for _ in range(20):
            assert (await ask(ws, {"type": "ping"}))["type"] == "pong"
            stopped = gateway.environments("DefaultHandler")
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            await ws.send('{"type":"ping"}')
            # A fresh environment may take the ping if the old one had not asked for its next event yet: then once more.
            with contextlib.suppress(asyncio.TimeoutError):
                assert (await frame_within(ws, 0.3))["type"] == "pong"
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
                continue
            for pid in stopped:
                os.kill(pid, signal.SIGKILL)
            assert (await frame_within(ws, 20))["message"] == "Internal server error"
            break
        else:
            pytest.fail("no environment was ever killed at work")
        assert (await ask(other, {"type": "ping"}))["type"] == "pong"
        assert (await ask(ws, {"type": "ping"}))["type"] == "pong"


async def frame_within(ws, seconds):
    return json.loads(await asyncio.wait_for(ws.recv(), seconds))


async def test_clients_of_the_source_documents_paths_are_let_in(gateway):
    for path in ["/realtime/ws/client123?user_id=user456", "/realtime/ws/dashboard/user456", "/stream/ws?userId=u-1&apiKey=k",
                 "/v1?userId=u-1&apiKey=k", "/v1/stream/ws?userId=u-1", "/ws?eventTypes=signal,proposal&auth=t",
                 "/streaming/ws?channels=stream:market_data:AAPL&symbols=AAPL", "/dev?userId=u"]:
        async with connect(f"ws://127.0.0.1:{gateway.port}{path}") as ws:
            await ws.send('{"type":"ping"}')
            kinds = []
            # Clients of the documents are greeted too, before the answer or after it.
            while "pong" not in kinds:
                kinds.append(json.loads(await asyncio.wait_for(ws.recv(), 20))["type"])
            assert set(kinds) <= {"pong", "connection", "connection_established"}


def test_the_aws_cli_invokes_a_function(gateway, tmp_path):
    cli = os.environ.get("AWS_CLI")
    if not cli or not os.path.exists(cli):
        pytest.skip("AWS_CLI does not name the AWS CLI; make test sets it")
    answer = tmp_path / "answer.json"
    done = subprocess.run(
        [cli, "lambda", "invoke", "--function-name", "Publisher", "--endpoint-url", gateway.url,
         "--payload", '{"type":"signal","data":1}', str(answer)],
        capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
             "AWS_DEFAULT_REGION": "us-east-1", "HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["StatusCode"] == 200
    assert json.loads(answer.read_text())["accepted"] == 1


def test_an_asynchronous_invocation_is_accepted_at_once(functions):
    answer = functions.invoke(FunctionName="Publisher", InvocationType="Event", Payload=b'{"type":"signal","data":1}')
    assert answer["StatusCode"] == 202
    assert functions.invoke(FunctionName="Publisher", InvocationType="DryRun", Payload=b"{}")["StatusCode"] == 204
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName="Nobody", Payload=b"{}")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
async def test_stopping_the_gateway_leaves_nothing_behind(tmp_path, sign):
    gateway = Gateway(tmp_path).start()
    ws = await connect(gateway.socket_url())
    assert (await ask(ws, {"type": "ping"}))["type"] == "pong"
    children = gateway.children()
    assert children
    gateway.stop(sign)
    for pid in children:
        assert not os.path.exists(f"/proc/{pid}") or open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"
    with pytest.raises(websockets.ConnectionClosed):
        await asyncio.wait_for(ws.recv(), 20)


async def test_a_ctrl_c_that_comes_as_two_signals_still_lets_the_clients_go_in_order(tmp_path):
    gateway = Gateway(tmp_path).start()
    clients = [await connect(gateway.socket_url(f"userId=u-{n}")) for n in range(5)]
    gateway.process.send_signal(signal.SIGINT)
    gateway.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(gateway.process.wait, 20) == 0
    for ws in clients:
        await ws.close()
    ended = [line for line in gateway.log().splitlines() if "DisconnectHandler" in line and "| END " in line]
    assert len(ended) == 5, gateway.log()


async def test_a_killed_gateway_takes_its_functions_with_it(tmp_path):
    gateway = Gateway(tmp_path).start()
    async with connect(gateway.socket_url()) as ws:
        assert (await ask(ws, {"type": "ping"}))["type"] == "pong"
        children = gateway.children()
        assert children
        gateway.process.kill()
        gateway.process.wait()
    deadline = time.monotonic() + 15
    while any(os.path.exists(f"/proc/{pid}") for pid in children):
        assert time.monotonic() < deadline, "functions outlive the gateway"
        time.sleep(0.05)


def test_not_even_a_function_that_hangs_survives_a_killed_gateway(tmp_path, programs):
    gateway = Gateway(tmp_path, "--function", f"Hung={programs / 'TestBootstrap'}", "--env", "MODE=hang-at-start").start()
    functions = boto3.client("lambda", endpoint_url=gateway.url, **CREDENTIALS)
    functions.invoke(FunctionName="Hung", InvocationType="Event", Payload=b"1")
    deadline = time.monotonic() + 15
    while not gateway.environments("TestBootstrap"):
        assert time.monotonic() < deadline, "no function was started"
        time.sleep(0.02)
    children = gateway.children()
    gateway.process.kill()
    gateway.process.wait()
    while any(os.path.exists(f"/proc/{pid}") for pid in children):
        assert time.monotonic() < deadline, "a function outlives the gateway"
        time.sleep(0.02)


async def test_events_go_on_after_a_restart_with_the_same_table(tmp_path):
    first = Gateway(tmp_path).start()
    ws = await connect(first.socket_url())
    await ask(ws, {"type": "subscribe", "eventTypes": ["signal"]})
    first.stop()
    second = Gateway(tmp_path).start()
    try:
        functions = boto3.client("lambda", endpoint_url=second.url, **CREDENTIALS)
        async with connect(second.socket_url()) as ws:
            await ask(ws, {"type": "subscribe", "eventTypes": ["signal"]})
            answer = publish(functions, {"type": "signal", "data": 1})
            # Whoever listened before the restart is not there any more.
            assert answer["deliveries"] == 1 and answer["unsent"] == 0
            assert json.loads(await asyncio.wait_for(ws.recv(), 20))["data"] == 1
    finally:
        second.stop()
