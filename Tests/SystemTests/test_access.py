"""Who may connect to a real gateway: keys, tokens, cookies, limits."""

import asyncio
import json
import time
import urllib.request

import pytest
import websockets
from websockets.asyncio.client import connect

from frames import until
from gateway_process import Gateway, tickertape
from tls import Certificates
from tokens import KeyServer, RSAKey, claims, shared_token

SECRET = "a secret that is long enough: thirty-two bytes"
TOKENS = {"JWT_ISSUER": "https://login.test/", "JWT_AUDIENCE": "tickertape"}


@pytest.fixture
def guarded(tmp_path):
    """`guarded(JWT_SECRET=…)` is a gateway that asks everybody for a credential."""
    running = []

    def start(*options, **environment):
        running.append(Gateway(tmp_path, *options, access="required", environment=environment).start())
        return running[-1]

    yield start
    for gateway in running:
        gateway.stop()
        print(gateway.log())


def make_key(gateway, *options):
    made = tickertape("keys", "create", *options, "--json", "--store", f"sqlite:{gateway.folder / 'table.sqlite'}")
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


async def refusal(gateway, query="", **options):
    """Status and body of a refused handshake."""
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with connect(gateway.socket_url(query), **options):
            pass
    return refused.value.response.status_code, json.loads(refused.value.response.body)


def publish(gateway, event):
    target = f"{gateway.url}/2015-03-31/functions/Publisher/invocations"
    with urllib.request.urlopen(target, data=json.dumps(event).encode(), timeout=30) as response:
        assert json.load(response)["accepted"] == 1


async def status(ws):
    await ws.send('{"type":"status"}')
    return (await until(ws, "status"))[-1]


async def is_told_that_it_expired(ws):
    """Up to its end it hears that, perhaps a greeting that was under way, and no event."""
    frames = []
    with pytest.raises(websockets.ConnectionClosed):
        while True:
            frames.append(json.loads(await asyncio.wait_for(ws.recv(), 20)))
    assert "expired" in [frame.get("code") for frame in frames] and "signal" not in [frame["type"] for frame in frames]


async def test_a_key_opens_a_connection_until_it_is_revoked(guarded):
    gateway = guarded("--sweep", "0.2")
    made = make_key(gateway, "--user", "u-1", "--role", "analyst")
    for query, headers in [(f"apiKey={made['key']}", None), ("", {"x-api-key": made["key"]}),
                           ("", {"Authorization": f"Bearer {made['key']}"}), ("", {"Cookie": f"a=b; session={made['key']}"})]:
        async with connect(gateway.socket_url(query), additional_headers=headers) as ws:
            told = await status(ws)
            assert (told["userId"], told["role"]) == ("u-1", "analyst")
    assert (await refusal(gateway, f"apiKey={made['key']}&userId=u-2"))[0] == 403
    # Of a parameter that is given twice API Gateway shows the last one first.
    for query in [f"apiKey=tt_{'A' * 43}&apiKey={made['key']}", f"apiKey={made['key']}&apiKey=tt_{'A' * 43}"]:
        assert (await refusal(gateway, query))[0] == 401
    store = f"sqlite:{gateway.folder / 'table.sqlite'}"
    async with connect(gateway.socket_url(f"apiKey={made['key']}&eventTypes=signal")) as ws:
        publish(gateway, {"type": "signal", "data": 1})
        assert (await until(ws, "signal"))[-1]["data"] == 1
        revoked = tickertape("keys", "revoke", made["id"][:12], "--store", store, "--json")
        assert revoked.returncode == 0 and json.loads(revoked.stdout)["connections"] == 1
        publish(gateway, {"type": "signal", "data": 2})
        await is_told_that_it_expired(ws)
    # One that nothing is for and that says nothing is found by the sweep.
    idle = make_key(gateway, "--user", "u-1", "--role", "analyst")
    async with connect(gateway.socket_url(f"apiKey={idle['key']}")) as ws:
        await status(ws)
        assert tickertape("keys", "revoke", idle["id"], "--store", store).returncode == 0
        await is_told_that_it_expired(ws)
    code, body = await refusal(gateway, f"apiKey={made['key']}")
    assert code == 401 and body["message"] == "a valid API key or token is required"
    assert '"event":"audit"' in gateway.log() and made["key"] not in gateway.log()


async def test_a_token_opens_a_connection_from_query_header_and_subprotocol(guarded):
    gateway = guarded(JWT_SECRET=SECRET, **TOKENS)
    good = shared_token(SECRET, claims(groups=["desk-7"]))
    async with connect(gateway.socket_url(f"token={good}")) as ws:
        assert (await status(ws))["userId"] == "u-1"
    async with connect(gateway.socket_url(""), additional_headers={"Authorization": f"Bearer {good}"}):
        pass
    async with connect(gateway.socket_url(""), subprotocols=["bearer", good]) as ws:
        assert ws.subprotocol == "bearer"
    for bad in [shared_token("x" * 40, claims()), shared_token(SECRET, claims(seconds=-3600)),
                shared_token(SECRET, claims(aud="other")), good[:-4], "junk"]:
        code, body = await refusal(gateway, f"token={bad}")
        assert (code, body["message"]) == (401, "a valid API key or token is required")


async def test_keys_at_a_url_may_be_changed_while_the_gateway_runs(guarded, tmp_path):
    old, new, foreign = (RSAKey(tmp_path, name) for name in ["old", "new", "foreign"])
    server = KeyServer([old])
    try:
        gateway = guarded("--environments", "1", JWT_JWKS_URL=server.url, **TOKENS)
        assert server.asked == 0
        # One environment serves them all and asks once.
        for _ in range(3):
            async with connect(gateway.socket_url(f"token={old.token(claims())}")) as ws:
                assert (await status(ws))["role"] == "analyst"
        assert server.asked == 1
        server.keys = [new, old]
        async with connect(gateway.socket_url(f"token={new.token(claims(user='u-2'))}")) as ws:
            assert (await status(ws))["userId"] == "u-2"
        assert server.asked == 2
        async with connect(gateway.socket_url(f"token={old.token(claims())}")):
            pass
        # Made-up names ask no more within the minute, and a server that fails takes nobody's key away.
        server.fails = True
        assert (await refusal(gateway, f"token={foreign.token(claims())}"))[0] == 401
        async with connect(gateway.socket_url(f"token={new.token(claims())}")):
            pass
        assert server.asked == 2
    finally:
        server.stop()


async def test_while_the_keys_cannot_be_fetched_clients_are_told_to_come_back(guarded, tmp_path):
    key = RSAKey(tmp_path, "one")
    server = KeyServer([key])
    server.fails = True
    try:
        gateway = guarded(JWT_JWKS_URL=server.url, **TOKENS)
        assert (await refusal(gateway, f"token={key.token(claims())}"))[0] == 503
    finally:
        server.stop()


async def test_keys_over_tls_are_taken_from_a_server_that_is_trusted_only(guarded, tmp_path):
    key, certificates = RSAKey(tmp_path, "one"), Certificates(tmp_path)
    server = KeyServer([key], certificates.good)
    try:
        for roots, code in [(certificates.other_root, 503), (certificates.root, 200)]:
            gateway = Gateway(tmp_path, "--env", f"TLS_ROOTS={roots}", access="required", environment={
                "JWT_JWKS_URL": server.url, **TOKENS}).start()
            try:
                if code == 200:
                    async with connect(gateway.socket_url(f"token={key.token(claims())}")) as ws:
                        assert (await status(ws))["userId"] == "u-1"
                else:
                    assert (await refusal(gateway, f"token={key.token(claims())}"))[0] == code
            finally:
                gateway.stop()
    finally:
        server.stop()


async def test_the_sixth_refused_attempt_in_a_minute_is_429_also_across_environments(guarded):
    gateway = guarded()
    minute = time.time() // 60
    codes = [code for code, _ in await asyncio.gather(*[refusal(gateway) for _ in range(12)])]
    # The minute may have turned once meanwhile, after any of them.
    assert set(codes) == {401, 429} and codes.count(401) in ([5] if time.time() // 60 == minute else range(5, 11))
    made = make_key(gateway, "--user", "u-1")
    async with connect(gateway.socket_url(f"apiKey={made['key']}")) as ws:
        assert (await status(ws))["userId"] == "u-1"


async def test_the_connection_over_the_limit_closes_the_oldest_which_is_told_why(tmp_path):
    gateway = Gateway(tmp_path, environment={"MAX_CONNECTIONS_PER_USER": "3"}).start()
    try:
        sockets = [await connect(gateway.socket_url()) for _ in range(3)]
        newest = await connect(gateway.socket_url())
        frame = json.loads(await asyncio.wait_for(sockets[0].recv(), 20))
        assert frame["type"] == "error" and frame["code"] == "limit"
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(sockets[0].recv(), 20)
        for ws in [*sockets[1:], newest]:
            assert (await status(ws))["type"] == "status"
            await ws.close()
        assert "too many of one user" in gateway.log()
    finally:
        gateway.stop()
        print(gateway.log())


def test_settings_that_contradict_each_other_are_named_before_the_gateway_starts(guarded):
    with pytest.raises(AssertionError, match="JWT_SECRET has 5 bytes and needs 32 at least; .*openssl rand -hex 32"):
        guarded(JWT_SECRET="short")
    with pytest.raises(AssertionError, match="JWT_ISSUER is set, but nothing that signatures of tokens are checked with"):
        guarded(JWT_ISSUER="https://login.test/")
