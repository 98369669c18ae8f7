"""Each shipped function as Lambda would run it: under AWS's own runtime emulator, on recorded shapes of events; built for
debugging, and as it is packaged for Lambda (`make package`)."""

import json
from pathlib import Path

import pytest

EVENTS = Path(__file__).resolve().parents[1] / "Fixtures" / "gateway"
ENDPOINT = "http://127.0.0.1:9/dev"  # nothing listens on the discard port


@pytest.fixture(params=["debug", "package"])
def programs(request):
    return Path(__file__).resolve().parents[2] / ".build" / request.param


def event(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


@pytest.fixture
def store(tmp_path):
    return f"sqlite:{tmp_path / 'table.sqlite'}"


def test_a_client_connects_subscribes_and_leaves(emulate, store):
    connect = emulate("ConnectHandler", CONNECTION_STORE=store, ACCESS="open")
    receive = emulate("DefaultHandler", CONNECTION_STORE=store, API_GATEWAY_ENDPOINT=ENDPOINT)
    disconnect = emulate("DisconnectHandler", CONNECTION_STORE=store)
    came, said, left = event("connect-browser"), event("message"), event("disconnect-client")
    for other in (said, left):
        other["requestContext"]["connectionId"] = came["requestContext"]["connectionId"]

    assert connect.invoke_json(came)["statusCode"] == 200
    said["body"] = '{"type":"subscribe","eventTypes":["signal"]}'
    assert json.loads(receive.invoke_json(said)["body"])["type"] == "subscribed"
    assert disconnect.invoke_json(left)["statusCode"] == 200
    said["requestContext"]["requestId"] = "later="
    assert "unknown_connection" in json.dumps(receive.invoke_json(said))


def test_nobody_is_let_in_without_a_credential_unless_access_is_open(emulate, store):
    connect = emulate("ConnectHandler", CONNECTION_STORE=store)
    assert connect.invoke_json(event("connect-browser"))["statusCode"] == 401


def test_the_publisher_answers_events_and_what_is_none(emulate, store):
    publisher = emulate("Publisher", CONNECTION_STORE=store, API_GATEWAY_ENDPOINT=ENDPOINT)
    assert publisher.invoke_json({"type": "signal", "data": 1})["accepted"] == 1
    for nothing in ({"data": 1}, []):
        failure = publisher.invoke_json(nothing)
        assert failure["errorType"] == "Function.NothingPublished" and '"rejected":1' in failure["errorMessage"]


def test_a_variable_that_is_missing_is_named_with_an_example(emulate):
    failure = emulate("Publisher", CONNECTION_STORE="memory:").invoke(b"{}")
    assert "API_GATEWAY_ENDPOINT" in failure and "http" in failure


def test_a_file_of_event_types_says_who_may_see_what(emulate, store, tmp_path):
    types = tmp_path / "types.json"
    types.write_text('{"version":1,"types":[{"name":"only","aliases":["one"],"roles":["viewer"],"schema":{},"example":1},'
                     '{"name":"hidden","roles":["analyst"],"schema":{},"example":1}]}')
    settings = {"CONNECTION_STORE": store, "EVENT_TYPES_FILE": str(types), "API_GATEWAY_ENDPOINT": ENDPOINT}
    connect, receive = emulate("ConnectHandler", ACCESS="open", **settings), emulate("DefaultHandler", **settings)
    came, said = event("connect-browser"), event("message")
    came["queryStringParameters"] = {"userId": "u-1", "role": "viewer"}
    said["requestContext"]["connectionId"] = came["requestContext"]["connectionId"]
    assert connect.invoke_json(came)["statusCode"] == 200
    said["body"] = '{"type":"subscribe","eventTypes":["one","hidden"]}'
    answer = json.loads(receive.invoke_json(said)["body"])
    assert answer["subscriptions"] == 1 and "hidden" in json.dumps(answer["refused"])


@pytest.mark.parametrize("name", ["ConnectHandler", "DefaultHandler", "Publisher"])
def test_a_bad_file_of_event_types_is_told_with_the_member_that_is_wrong(emulate, store, tmp_path, name):
    types = tmp_path / "types.json"
    types.write_text('{"version":1,"types":[{"name":"signal","roles":["viewers"]}]}')
    failure = emulate(
        name, CONNECTION_STORE=store, API_GATEWAY_ENDPOINT=ENDPOINT, EVENT_TYPES_FILE=str(types)).invoke(b"{}")
    assert "types.json" in failure and "types[0].roles[0]" in failure and "viewer" in failure
