"""The packaged functions hold a part of OpenSSL only (infra/provider.c): enough for every kind of server and token?"""

import json
import ssl
import subprocess
from pathlib import Path

import pytest

from tokens import ECKey, KeyServer, RSAKey, claims

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "RSA": ["rsa:2048"], "RSA-PSS": ["rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"], "Ed25519": ["ed25519"],
    "P-256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "P-384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]}
OLD, NEW = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
SERVERS = [
    ("RSA", OLD, "ECDHE-RSA-AES128-GCM-SHA256", "X25519"), ("RSA", OLD, "ECDHE-RSA-AES256-GCM-SHA384", "prime256v1"),
    ("RSA", OLD, "ECDHE-RSA-CHACHA20-POLY1305", "secp384r1"), ("RSA", OLD, "ECDHE-RSA-AES128-SHA256", "X25519"),
    ("RSA", OLD, "ECDHE-RSA-AES256-SHA", "secp521r1"), ("RSA", OLD, "AES128-GCM-SHA256", None),
    ("P-256", OLD, "ECDHE-ECDSA-AES128-GCM-SHA256", "prime256v1"), ("RSA", NEW, None, "X25519"),
    ("P-256", NEW, None, "prime256v1"), ("P-384", NEW, None, "secp384r1"), ("RSA-PSS", NEW, None, "X25519"),
    ("Ed25519", NEW, None, "X25519")]


@pytest.fixture
def programs():
    """As they are deployed; nothing here concerns those that were built for debugging."""
    folder = ROOT / ".build" / "package"
    assert (folder / "ConnectHandler" / "bootstrap").exists(), "make package"
    return folder


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """`certificates("P-256")`: a root with such a key, and a server's certificate with its key that this root has signed."""
    folder, made = tmp_path_factory.mktemp("kinds"), {}

    def make(kind):
        if kind not in made:
            new = ["req", "-x509", "-nodes", "-days", "2", "-newkey", *KEYS[kind]]
            openssl(folder, *new, "-keyout", f"{kind}-root.key", "-out", f"{kind}-root.pem", "-subj", "/CN=root")
            openssl(folder, *new, "-keyout", f"{kind}.key", "-out", f"{kind}.crt", "-subj", "/CN=server", "-CA", f"{kind}-root.pem",
                    "-CAkey", f"{kind}-root.key", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:false")
            (folder / f"{kind}.pem").write_text((folder / f"{kind}.crt").read_text() + (folder / f"{kind}.key").read_text())
            made[kind] = folder / f"{kind}-root.pem", folder / f"{kind}.pem"
        return made[kind]

    return make


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return [RSAKey(folder, "rsa"), ECKey(folder, "ec")]


def connect(token):
    event = json.loads((ROOT / "Tests" / "Fixtures" / "gateway" / "connect-browser.json").read_text())
    event["queryStringParameters"] = {"token": token}
    del event["headers"]["Sec-WebSocket-Protocol"], event["multiValueHeaders"]["Sec-WebSocket-Protocol"]
    return event


@pytest.fixture
def guarded(emulate, tmp_path):
    """`guarded(url, roots)`: ConnectHandler, which takes tokens of the keys at that address."""
    def start(url, roots):
        return emulate("ConnectHandler", CONNECTION_STORE=f"sqlite:{tmp_path / 'table.sqlite'}", JWT_JWKS_URL=url,
                       JWT_AUDIENCE="tickertape", JWT_ISSUER="https://login.test/", TLS_ROOTS=str(roots))
    return start


@pytest.mark.parametrize("kind, version, cipher, group", SERVERS)
def test_a_packaged_function_agrees_with_a_server_of_any_usual_kind(guarded, certificates, keys, kind, version, cipher, group):
    def adjust(context):
        context.minimum_version = context.maximum_version = version
        if cipher:
            context.set_ciphers(cipher)
        if group:
            context.set_ecdh_curve(group)

    roots, certificate = certificates(kind)
    server = KeyServer(keys, certificate, adjust)
    try:
        function = guarded(server.url, roots)
        assert function.invoke_json(connect(keys[0].token(claims())))["statusCode"] == 200, function.text()
        assert server.asked == 1
    finally:
        server.stop()


def test_a_packaged_function_takes_tokens_of_rsa_and_of_p_256_and_no_forged_ones(guarded, certificates, keys, tmp_path):
    roots, certificate = certificates("P-256")
    server = KeyServer(keys, certificate)
    try:
        function = guarded(server.url, roots)
        for key in keys:
            assert function.invoke_json(connect(key.token(claims())))["statusCode"] == 200, function.text()
            forger = type(key)(tmp_path, key.name)
            assert function.invoke_json(connect(forger.token(claims())))["statusCode"] == 401
    finally:
        server.stop()


def test_a_packaged_function_does_not_ask_a_server_that_it_does_not_trust(guarded, certificates, keys):
    others, (_, certificate) = certificates("RSA")[0], certificates("P-256")
    server = KeyServer(keys, certificate)
    try:
        function = guarded(server.url, others)
        assert function.invoke_json(connect(keys[0].token(claims())))["statusCode"] == 503
        assert "certificate" in function.text() and server.asked == 0
    finally:
        server.stop()
