"""The shipped functions, run by AWS's emulator, sign their calls of @connections as botocore would."""

import json
import os
import socket
import ssl
import threading
import types
from pathlib import Path

import pytest
import websockets.sync.server

from signatures import KEYS, is_signed
from gateway_process import tickertape
from tls import Certificates, SecureServer

EVENTS = Path(__file__).resolve().parents[1] / "Fixtures" / "gateway"


def event(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def store(tmp_path):
    return f"sqlite:{tmp_path / 'table.sqlite'}"


@pytest.fixture
def subscriber(emulate, store):
    """The id of a connection that is subscribed to `signal`."""
    came, said = event("connect-browser"), event("message")
    said["requestContext"]["connectionId"] = came["requestContext"]["connectionId"]
    said["body"] = '{"type":"subscribe","eventTypes":["signal"]}'
    assert emulate("ConnectHandler", CONNECTION_STORE=store, ACCESS="open").invoke_json(came)["statusCode"] == 200
    receive = emulate("DefaultHandler", CONNECTION_STORE=store, API_GATEWAY_ENDPOINT="http://127.0.0.1:9/dev")
    assert json.loads(receive.invoke_json(said)["body"])["type"] == "subscribed"
    return came["requestContext"]["connectionId"]


def test_the_publisher_signs_where_it_is_told_to_and_keeps_its_connection(emulate, store, subscriber):
    with SecureServer() as server:
        publisher = emulate("Publisher", CONNECTION_STORE=store, API_GATEWAY_ENDPOINT=server.url(),
                            API_GATEWAY_SIGN="always", **KEYS)
        for number in range(3):
            assert publisher.invoke_json({"type": "signal", "data": number})["deliveries"] == 1
        assert [request.target for request in server.requests] == [
            f"/prod/@connections/{subscriber.replace('=', '%3D')}"] * 3
        assert all(is_signed(request, f"localhost:{server.port}") for request in server.requests)


def test_an_endpoint_with_tls_is_verified_and_called_signed(emulate, store, subscriber, certificates):
    with SecureServer(certificates.good) as server:
        trusting, wary = (
            emulate("Publisher", CONNECTION_STORE=store, API_GATEWAY_ENDPOINT=server.url(), AWS_CA_BUNDLE=str(roots), **KEYS)
            for roots in (certificates.root, certificates.other_root))
        assert trusting.invoke_json({"type": "signal", "data": 1})["deliveries"] == 1
        assert trusting.invoke_json({"type": "signal", "data": 2})["deliveries"] == 1
        assert all(is_signed(request, f"localhost:{server.port}") for request in server.requests)
        assert len(server.handshakes) == 1
        assert wary.invoke_json({"type": "signal", "data": 3})["deliveries"] == 0
        assert "certificate" in wary.text()
        assert len(server.requests) == 2


def test_watch_signs_its_handshake_over_verified_tls(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.good)
    handshakes = []

    def handle(connection):
        handshakes.append(connection.request)
        connection.send('{"type":"signal","data":1.50}')
        for _ in connection:
            pass

    with websockets.sync.server.serve(handle, "127.0.0.1", 0, ssl=context) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        environment = {"PATH": os.environ["PATH"], **KEYS}

        def watch(roots):
            return tickertape("watch", f"wss://localhost:{port}/dev?userId=u-1&b=%2F", "--sign", "--count", "1", "--json",
                              "--no-reconnect", env={**environment, "AWS_CA_BUNDLE": str(roots)})

        seen = watch(certificates.root)
        assert seen.stdout == '{"type":"signal","data":1.50}\n', seen.stderr
        request = types.SimpleNamespace(
            method="GET", target=handshakes[0].path, headers=handshakes[0].headers, body=b"")
        assert is_signed(request, f"localhost:{port}")
        refused = watch(certificates.other_root)
        assert refused.returncode != 0 and "certificate" in refused.stderr
        assert len(handshakes) == 1


def test_the_local_gateway_is_called_unsigned(emulate, store, subscriber):
    with SecureServer() as server:
        publisher = emulate("Publisher", CONNECTION_STORE=store, API_GATEWAY_ENDPOINT=server.url(), **KEYS)
        assert publisher.invoke_json({"type": "signal", "data": 1})["deliveries"] == 1
        assert "Authorization" not in server.requests[0].headers


def test_an_endpoint_that_never_answers_is_told_within_seconds(emulate, store, subscriber):
    """As a function in a VPC without a route sees it: the deadline is minutes away."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        publisher = emulate("Publisher", CONNECTION_STORE=store, **KEYS,
                            API_GATEWAY_ENDPOINT=f"https://localhost:{silent.getsockname()[1]}/prod")
        assert publisher.invoke_json({"type": "signal", "data": 1}, timeout=30)["deliveries"] == 0
        assert "needs a route" in publisher.text()


def test_without_a_region_the_error_says_where_it_was_looked_for(emulate, store):
    keys = {name: value for name, value in KEYS.items() if name != "AWS_REGION"}
    failure = emulate("Publisher", CONNECTION_STORE=store, API_GATEWAY_ENDPOINT="https://events.example.com",
                      AWS_REGION="", AWS_DEFAULT_REGION="", **keys).invoke(b"{}")
    assert "AWS_REGION" in failure and ".aws/config" in failure
