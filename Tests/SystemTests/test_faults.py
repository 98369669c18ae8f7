"""Faults on demand: each kind seen by a third-party client or by a function, and the same decisions again with the same
seed."""

import asyncio
import http.client
import json
import pathlib
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
import botocore.config
import botocore.exceptions
import pytest
import websockets
from websockets.asyncio.client import connect

from gateway_process import Gateway, tickertape

CREDENTIALS = dict(
    region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="example",
    config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=60))


@pytest.fixture
def serve(tmp_path):
    """`serve([{"kind": …}])` starts a gateway that follows the plan."""
    running = []

    def start(faults, *options, seed=7, **others):
        folder = tmp_path / str(len(running))
        folder.mkdir()
        plan = folder / "faults.json"
        plan.write_text(json.dumps({"seed": seed, "faults": faults}))
        running.append(Gateway(folder, "--faults", str(plan), *options, **others).start())
        return running[-1]

    yield start
    for gateway in running:
        gateway.stop()
        print(gateway.log())


def report(gateway):
    with urllib.request.urlopen(f"{gateway.url}/_tickertape/faults") as answer:
        return json.load(answer)


def injected(gateway):
    return {fault["kind"]: fault["injected"] for fault in report(gateway)["faults"]}


def logged(gateway, kind):
    """The log's lines about faults of a kind."""
    lines = []
    for line in gateway.log().splitlines():
        start = line.find('{"timestamp"')
        if start >= 0 and '"fault injected"' in line and f'"kind":"{kind}"' in line:
            lines.append(json.loads(line[start:]))
    return lines


async def connection_id(ws):
    """Told as a route's response, so no post is needed."""
    await ws.send('{"type":"status"}')
    frame = json.loads(await asyncio.wait_for(ws.recv(), 20))
    return frame.get("connectionId") or frame["data"]["connectionId"]


def post(gateway, name, body, timeout=20):
    """The status of a post; None if the connection ended without an answer."""
    request = urllib.request.Request(
        f"{gateway.management_url}/@connections/{urllib.parse.quote(name)}", data=body.encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return None


async def frames(ws, count):
    return [await asyncio.wait_for(ws.recv(), 20) for _ in range(count)]


async def is_silent(ws):
    """Nothing waits before the answer to a ping."""
    await ws.send('{"type":"ping"}')
    return json.loads(await asyncio.wait_for(ws.recv(), 20))["type"] == "pong"


def functions(gateway):
    return boto3.client("lambda", endpoint_url=gateway.url, **CREDENTIALS)


def starts(gateway, function):
    return sum(f"{function} " in line and "| START " in line for line in gateway.log().splitlines())


def eventually(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


# Posts


async def test_posts_are_refused_delivered_without_an_answer_or_late(serve):
    gateway = serve([
        {"kind": "gone", "rate": 1, "limit": 1}, {"kind": "throttled", "rate": 1, "limit": 2},
        {"kind": "failed", "rate": 1, "limit": 1, "status": 503}, {"kind": "lost", "rate": 1, "limit": 1},
        {"kind": "slow", "rate": 1, "limit": 1, "milliseconds": 300}])
    async with connect(gateway.socket_url()) as ws:
        name = await connection_id(ws)
        statuses = []
        for number in range(6):
            statuses.append(await asyncio.to_thread(post, gateway, name, f"p{number}"))
        begin = time.monotonic()
        # Each kind counts the posts for itself, and the first that strikes does: the slow one struck last.
        assert statuses == [429, 429, 503, 410, None, 200]
        assert await frames(ws, 2) == ["p4", "p5"]
        assert await asyncio.to_thread(post, gateway, name, "p6") == 200
        assert await frames(ws, 1) == ["p6"] and time.monotonic() - begin < 20
        assert await is_silent(ws)
    assert injected(gateway) == {"gone": 1, "throttled": 2, "failed": 1, "lost": 1, "slow": 1}
    line, = logged(gateway, "gone")
    assert line["connectionId"] == name and line["who"] == "c1" and line["n"] == 4


async def test_a_late_effect_comes_after_a_later_post(serve):
    gateway = serve([{"kind": "slow", "rate": 1, "limit": 1, "milliseconds": 700, "delays": "effect"}])
    async with connect(gateway.socket_url()) as ws:
        name = await connection_id(ws)
        first = asyncio.create_task(asyncio.to_thread(post, gateway, name, "first"))
        await asyncio.to_thread(eventually, lambda: injected(gateway)["slow"] == 1)
        assert await asyncio.to_thread(post, gateway, name, "second") == 200
        assert await frames(ws, 2) == ["second", "first"]
        assert await first == 200


async def test_a_burst_throttles_every_client_and_passes(serve):
    gateway = serve([{"kind": "throttled", "rate": 1, "scope": "all", "milliseconds": 100, "until": 2000}])
    async with connect(gateway.socket_url()) as one, connect(gateway.socket_url("userId=u-2")) as two:
        names = [await connection_id(one), await connection_id(two)]
        assert {await asyncio.to_thread(post, gateway, name, "x") for name in names} == {429}
        await asyncio.to_thread(eventually, lambda: post(gateway, names[0], "x") == 200)
        assert await frames(one, 1) == ["x"]
    assert {line["who"] for line in logged(gateway, "throttled")} == {"all"}


async def decisions(gateway, clients=3, posts=60):
    """What becomes of a number of posts to each of some clients, in order."""
    outcomes = []
    for number in range(clients):
        # Frames that nobody reads would hold up the closing.
        async with connect(gateway.socket_url(f"userId=u-{number}"), max_queue=None) as ws:
            name = await connection_id(ws)
            outcomes.append([await asyncio.to_thread(post, gateway, name, "x") for _ in range(posts)])
    return outcomes


async def test_the_same_seed_decides_the_same_in_another_run_and_another_seed_does_not(serve):
    plan = [{"kind": "gone", "rate": 0.1}, {"kind": "lost", "rate": 0.1}, {"kind": "failed", "rate": 0.1}]
    first = await decisions(serve(plan, seed=11))
    again = await decisions(serve(plan, seed=11))
    other = await decisions(serve(plan, seed=12))
    assert first == again and first != other
    assert len(set(map(tuple, first))) == 3, "connections are struck at different posts"
    assert {status for posts in first for status in posts} == {200, 410, 500, None}


async def test_a_publisher_gets_its_event_to_a_client_in_spite_of_refusals_and_lost_answers(serve):
    gateway = serve([
        {"kind": "throttled", "rate": 0.3, "limit": 5}, {"kind": "failed", "rate": 0.3, "limit": 5},
        {"kind": "lost", "rate": 0.3, "limit": 5, "on": "posts"}])
    async with connect(gateway.socket_url()) as ws:
        await ws.send('{"type":"subscribe","eventTypes":["signal"]}')
        await asyncio.wait_for(ws.recv(), 20)
        for number in range(30):
            functions(gateway).invoke(
                FunctionName="Publisher", InvocationType="Event",
                Payload=json.dumps({"type": "signal", "data": {"n": number}}))
        seen = set()
        while seen != set(range(30)):
            frame = json.loads(await asyncio.wait_for(ws.recv(), 30))
            if "data" in frame and frame.get("type") == "signal":
                seen.add(frame["data"]["n"])
    assert sum(injected(gateway).values()) > 0


# Invocations


def test_an_invocation_is_refused_or_done_without_an_answer(serve, programs):
    gateway = serve(
        [{"kind": "failed", "rate": 1, "limit": 1, "on": "invokes"}, {"kind": "lost", "rate": 1, "limit": 1}],
        "--function", f"Plain={programs / 'TestBootstrap'}")
    client = functions(gateway)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        client.invoke(FunctionName="Plain", Payload=b'"print"')
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert starts(gateway, "Plain") == 0
    with pytest.raises(botocore.exceptions.ConnectionClosedError):
        client.invoke(FunctionName="Plain", Payload=b'"print"')
    assert "first line" in gateway.log()
    assert client.invoke(FunctionName="Plain", Payload=b"17")["Payload"].read() == b"17"


def test_an_asynchronous_invocation_comes_twice_and_is_tried_again_after_errors(serve, programs):
    gateway = serve(
        [{"kind": "duplicated", "rate": 1, "limit": 1, "on": "invokes"}],
        "--function", f"Plain={programs / 'TestBootstrap'}")
    assert functions(gateway).invoke(FunctionName="Plain", InvocationType="Event", Payload=b'"print"')["StatusCode"] == 202
    eventually(lambda: starts(gateway, "Plain") == 2)
    # An error: twice more, as Lambda does.
    functions(gateway).invoke(FunctionName="Plain", InvocationType="Event", Payload=b'"error"')
    eventually(lambda: "given up" in gateway.log())
    assert starts(gateway, "Plain") == 5


def test_a_killed_function_is_an_error_for_its_caller_and_the_next_works(serve, programs):
    gateway = serve(
        [{"kind": "killed", "rate": 1, "limit": 1, "function": "Plain"}],
        "--function", f"Plain={programs / 'TestBootstrap'}")
    answer = functions(gateway).invoke(FunctionName="Plain", Payload=b'"hang"')
    assert answer["FunctionError"] == "Unhandled"
    error = json.loads(answer["Payload"].read())
    assert error["errorType"] == "Runtime.ExitError" and "signal: killed" in error["errorMessage"]
    assert functions(gateway).invoke(FunctionName="Plain", Payload=b"17")["Payload"].read() == b"17"
    line, = logged(gateway, "killed")
    assert line["who"] == "Plain" and line["n"] == 1


def test_a_stopped_function_stands_still_and_goes_on(serve, programs):
    gateway = serve(
        [{"kind": "stopped", "rate": 1, "limit": 1, "milliseconds": 1500, "function": "Plain"}],
        "--function", f"Plain={programs / 'TestBootstrap'}")
    functions(gateway).invoke(FunctionName="Plain", InvocationType="Event", Payload=b'"hang"')
    eventually(lambda: gateway.environments("TestBootstrap"))
    pid, = gateway.environments("TestBootstrap")

    def state():
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]

    eventually(lambda: state() == "T")
    eventually(lambda: state() in "SR")


# Route events


async def test_an_event_comes_twice_and_is_answered_once(serve):
    gateway = serve([{"kind": "duplicated", "rate": 1}])
    async with connect(gateway.socket_url()) as ws:
        await ws.send('{"type":"ping"}')
        assert json.loads(await asyncio.wait_for(ws.recv(), 20))["type"] == "pong"
        assert await is_silent(ws)
        await asyncio.to_thread(eventually, lambda: starts(gateway, "DefaultHandler") == 4)
        assert starts(gateway, "ConnectHandler") == 2


async def test_events_of_one_connection_overtake_each_other(serve):
    gateway = serve([{"kind": "reordered", "rate": 1, "limit": 1, "milliseconds": 600_000}])
    async with connect(gateway.socket_url()) as ws:
        await ws.send('{"type":"dance"}')
        await ws.send('{"type":"ping"}')
        # Each answer is sent when it is there; the held one is given to its function after the other.
        kinds = {json.loads(frame)["type"] for frame in await frames(ws, 2)}
        assert kinds == {"pong", "error"}
    assert len(logged(gateway, "reordered")) == 1


async def test_a_lost_disconnect_is_never_invoked_and_its_listener_costs_a_410(serve):
    gateway = serve([{"kind": "lost-disconnect", "rate": 1, "limit": 1}])
    ws = await connect(gateway.socket_url())
    await ws.send('{"type":"subscribe","eventTypes":["signal"]}')
    await asyncio.wait_for(ws.recv(), 20)
    await ws.close()
    await asyncio.to_thread(eventually, lambda: injected(gateway)["lost-disconnect"] == 1)
    answer = functions(gateway).invoke(FunctionName="Publisher", Payload=b'{"type":"signal","data":1}')
    assert "FunctionError" not in answer
    assert starts(gateway, "DisconnectHandler") == 0
    # The next connection's is not lost.
    async with connect(gateway.socket_url()):
        pass
    await asyncio.to_thread(eventually, lambda: starts(gateway, "DisconnectHandler") == 1)


# The table


async def test_a_table_that_throttles_is_told_by_the_function_and_counted(serve):
    gateway = serve([{"kind": "table-throttled", "rate": 0.2}])
    for _ in range(10):
        functions(gateway).invoke(FunctionName="Publisher", Payload=b'{"type":"signal","data":1}')
    eventually(lambda: injected(gateway)["table-throttled"] > 0)
    lines = logged(gateway, "table-throttled")
    assert lines and all(line["who"].startswith("Publisher/") for line in lines)
    assert injected(gateway)["table-throttled"] == len(logged(gateway, "table-throttled"))


def test_the_calls_to_the_table_that_fail_are_the_same_again(serve):
    def failed(seed):
        gateway = serve([{"kind": "table-throttled", "rate": 0.05}], "--environments", "1", "--sweep", "0", seed=seed)
        for _ in range(15):
            functions(gateway).invoke(FunctionName="Publisher", Payload=b'{"type":"signal","data":1}')
        eventually(lambda: injected(gateway)["table-throttled"] == len(logged(gateway, "table-throttled")))
        return [(line["who"], line["n"], line["done"]) for line in logged(gateway, "table-throttled")]

    first, again, other = failed(1), failed(1), failed(2)
    # What is asked after a failure may depend on the time; which calls fail does not.
    common = min(len(first), len(again))
    assert common > 0 and first[:common] == again[:common] and first[:common] != other[:common]


# The plan


def refusal(tmp_path, plan, store=None):
    path = tmp_path / "faults.json"
    path.write_text(plan if isinstance(plan, str) else json.dumps(plan))
    done = tickertape(
        "serve", "--port", "0", "--store", store or f"sqlite:{tmp_path / 't.sqlite'}", "--faults", path,
        cwd=tmp_path, timeout=20)
    assert done.returncode == 64, done.stderr
    return done.stderr


def test_a_bad_plan_is_refused_before_anything_starts(tmp_path):
    assert "fault 1 (gone): 'rat' is no member of it; allowed are kind, rate, from, until, limit" in refusal(
        tmp_path, {"seed": 1, "faults": [{"kind": "gone", "rat": 1}]})
    assert "'kind' is one of gone, throttled," in refusal(tmp_path, {"seed": 1, "faults": [{"kind": "late"}]})
    assert "the plan is no JSON object" in refusal(tmp_path, "gone")
    assert "'function' names Publsher, which does not exist; did you mean Publisher?" in refusal(
        tmp_path, {"seed": 1, "faults": [{"kind": "killed", "rate": 1, "function": "Publsher"}]})
    assert "table-throttled needs a table of SQLite, not dynamodb:t" in refusal(
        tmp_path, {"seed": 1, "faults": [{"kind": "table-throttled", "rate": 1}]}, store="dynamodb:t")


def test_without_a_plan_there_are_no_counters(gateway):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{gateway.url}/_tickertape/faults")
    assert refused.value.code == 404


# Time


async def closing(ws):
    begin = time.monotonic()
    with pytest.raises(websockets.ConnectionClosed):
        while True:
            await asyncio.wait_for(ws.recv(), 60)
    return ws.close_code, ws.close_reason, time.monotonic() - begin


async def test_ten_minutes_of_silence_pass_faster(tmp_path):
    # 600 s of silence and 7200 s of age: 3 s and 36 s.
    gateway = Gateway(tmp_path, "--clock", "200").start()
    try:
        async with connect(gateway.socket_url()) as ws, connect(gateway.socket_url("userId=u-2")) as talkative:
            closed = asyncio.create_task(closing(ws))
            while not closed.done():
                await talkative.send('{"type":"ping"}')
                assert json.loads(await asyncio.wait_for(talkative.recv(), 20))["type"] == "pong"
                await asyncio.sleep(0.1)
            code, reason, seconds = await closed
            assert (code, reason) == (1001, "Going away") and seconds >= 1
            assert await is_silent(talkative)
    finally:
        gateway.stop()


async def test_two_hours_of_age_pass_faster_however_talkative_the_client(tmp_path):
    # 0.18 s of silence would do too, so the client talks without a pause: 2.2 s of age.
    gateway = Gateway(tmp_path, "--clock", "3300", "--idle-timeout", "1000000").start()
    try:
        async with connect(gateway.socket_url()) as ws:
            begin = time.monotonic()
            with pytest.raises(websockets.ConnectionClosed):
                while True:
                    await ws.send('{"type":"ping"}')
                    await asyncio.wait_for(ws.recv(), 20)
                    assert time.monotonic() - begin < 60
            assert ws.close_code == 1001 and time.monotonic() - begin >= 2
    finally:
        gateway.stop()


@pytest.mark.parametrize("clock", ["0", "10001", "1.5"])
def test_a_clock_that_cannot_be_is_refused(tmp_path, clock):
    done = tickertape("serve", "--port", "0", "--clock", clock, cwd=tmp_path)
    assert done.returncode == 64 and "clock takes a whole number from 1 to 10000" in done.stderr


# The sweep, and what functions are told


def test_the_publisher_is_swept_and_a_zero_turns_it_off(tmp_path):
    folders = [tmp_path / name for name in ["quiet", "swept"]]
    for folder in folders:
        folder.mkdir()
    quiet = Gateway(folders[0], "--sweep", "0").start()
    swept = Gateway(folders[1], "--sweep", "0.2").start()
    try:
        eventually(lambda: starts(swept, "Publisher") >= 5)
        # It has run for longer than the other.
        assert starts(quiet, "Publisher") == 0
    finally:
        swept.stop()
        quiet.stop()


def test_functions_are_told_where_functions_are_invoked_and_their_own_name(tmp_path, programs):
    gateway = Gateway(tmp_path, "--function", f"Plain={programs / 'TestBootstrap'}").start()
    try:
        answer = functions(gateway).invoke(FunctionName="Plain", Payload=b'"variables"')["Payload"].read()
        told = dict(line.split("=", 1) for line in json.loads(answer).splitlines())
        assert told["AWS_ENDPOINT_URL_LAMBDA"] == gateway.url
        assert told["AWS_LAMBDA_FUNCTION_NAME"] == "Plain" and "TABLE_FAULTS" not in told
    finally:
        gateway.stop()
