"""What an operator of a real gateway reads, and what is left on the disk."""

import json
import os
import subprocess

import pytest
import websockets
from websockets.asyncio.client import connect

from gateway_process import Gateway, tickertape
from tokens import claims, shared_token

SECRET = "a secret that is long enough: thirty-two bytes"


def lines(gateway, message):
    """The functions' lines with that message."""
    found = [json.loads(line.split(" | ", 1)[1]) for line in gateway.log().splitlines() if ' | {"timestamp"' in line]
    return [line for line in found if line["message"] == message]


async def test_each_refused_handshake_is_told_with_its_reason_whole_and_without_its_credential(tmp_path):
    expired = shared_token(SECRET, claims(seconds=-3600))
    wrong = f"tt_{'A' * 43}"
    settings = {"JWT_SECRET": SECRET, "JWT_ISSUER": "https://login.test/", "JWT_AUDIENCE": "tickertape",
                "CONNECT_REFUSALS_PER_MINUTE": "100"}
    gateway = Gateway(tmp_path, access="required", environment=settings).start()
    try:
        for query, headers, reason in [
            ("", {}, "no credential"),
            ("apiKey=hunter2", {}, "apiKey: not a key"),
            ("", {"x-api-key": wrong}, "x-api-key: no such key"),
            ("token=hunter2", {}, "token: no token: 1 parts, not 3"),
            (f"auth={expired}", {}, "auth: the token expired"),
            ("", {"Authorization": f"Bearer {shared_token('x' * 40, claims())}"},
             "authorization: the token's signature is wrong"),
            ("", {"Cookie": f"session={expired}"}, "cookie: the token expired"),
            ("", {"Sec-WebSocket-Protocol": f"bearer, {shared_token(SECRET, claims(aud='them'))}"},
             "subprotocol: the token is for somebody else ('aud')"),
        ]:
            before = len(lines(gateway, "connection refused"))
            with pytest.raises(websockets.InvalidStatus):
                async with connect(gateway.socket_url(query), additional_headers=headers):
                    pass
            told = lines(gateway, "connection refused")[before:]
            assert len(told) == 1 and told[0]["event"] == "audit" and told[0]["reason"].startswith(reason), told
        for secret in ["hunter2", wrong, expired, expired.rsplit(".", 1)[1], SECRET]:
            assert secret not in gateway.log()
    finally:
        gateway.stop()


async def test_a_table_is_its_users_alone_and_nothing_is_left_beside_it_when_the_gateway_has_ended(tmp_path):
    gateway = Gateway(tmp_path).start()
    table = tmp_path / "table.sqlite"
    try:
        for _ in range(20):
            async with connect(gateway.socket_url()):
                pass
        for name in ["table.sqlite", "table.sqlite-wal", "table.sqlite-shm"]:
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o600, name
    finally:
        gateway.stop()
    assert not (tmp_path / "table.sqlite-wal").exists() and table.stat().st_size > 0
    assert doctor(table)["verdict"] == "ok"


def doctor(store):
    found = tickertape("doctor", "--json", "--store", f"sqlite:{store}")
    return next(check for check in json.loads(found.stdout)["checks"] if check["subject"] == "table")


def test_the_doctor_reads_every_page_and_asks_whose_the_table_is(tmp_path):
    store = tmp_path / "table.sqlite"
    for number in range(40):
        assert tickertape("keys", "create", "--user", f"u-{number}", "--store", f"sqlite:{store}").returncode == 0
    assert doctor(store)["verdict"] == "ok"
    with store.open("r+b") as file:
        file.seek(2 * 4096)
        file.write(os.urandom(8192))
    found = doctor(store)
    assert found["verdict"] == "wrong" and "restore the file from a copy" in found["finding"]
    other = tmp_path / "other.sqlite"
    subprocess.run(["python3", "-c", f"import sqlite3; sqlite3.connect({str(other)!r}).execute('CREATE TABLE t (x)')"], check=True)
    found = doctor(other)
    assert found["verdict"] == "wrong" and "it is a database of another program" in found["finding"]
