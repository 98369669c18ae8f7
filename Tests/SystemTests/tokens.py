"""Keys and tokens of tests, made by OpenSSL's command line, and a server that publishes the public ones."""

import base64
import hashlib
import hmac
import http.server
import json
import ssl
import subprocess
import threading
import time


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(user="u-1", role="analyst", seconds=300, **others):
    now = int(time.time())
    return {"sub": user, "role": role, "iss": "https://login.test/", "aud": "tickertape", "iat": now, "exp": now + seconds, **others}


def token(header, payload, sign):
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(payload).encode())}"
    return f"{signed}.{b64(sign(signed.encode()))}"


def shared_token(secret, payload):
    return token({"alg": "HS256"}, payload, lambda signed: hmac.new(secret.encode(), signed, hashlib.sha256).digest())


class RSAKey:
    def __init__(self, folder, name):
        self.name, self.path = name, folder / f"{name}.key"
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.path],
                       check=True, capture_output=True)

    def public(self):
        found = subprocess.run(["openssl", "rsa", "-in", self.path, "-noout", "-modulus"], check=True, capture_output=True, text=True)
        modulus = bytes.fromhex(found.stdout.strip().split("=")[1])
        return {"kty": "RSA", "use": "sig", "kid": self.name, "n": b64(modulus), "e": "AQAB"}

    def pem(self):
        return subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout"], check=True, capture_output=True, text=True).stdout

    def token(self, payload):
        def sign(signed):
            return subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path], input=signed, check=True, capture_output=True).stdout
        return token({"alg": "RS256", "kid": self.name}, payload, sign)


class ECKey:
    def __init__(self, folder, name):
        self.name, self.path = name, folder / f"{name}.key"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.path],
                       check=True, capture_output=True)

    def public(self):
        found = subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER"], check=True, capture_output=True)
        point = found.stdout[-64:]
        return {"kty": "EC", "crv": "P-256", "use": "sig", "kid": self.name, "x": b64(point[:32]), "y": b64(point[32:])}

    def token(self, payload):
        def sign(signed):
            made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path], input=signed, check=True, capture_output=True)
            return b"".join(number.to_bytes(32, "big") for number in self.numbers(made.stdout))
        return token({"alg": "ES256", "kid": self.name}, payload, sign)

    @staticmethod
    def numbers(der):
        """The two integers of a DER sequence."""
        rest = der[2:]
        while rest:
            length = rest[1]
            yield int.from_bytes(rest[2:2 + length], "big")
            rest = rest[2 + length:]


class KeyServer:
    """Publishes a set of public keys on the loopback; `keys` may be changed, `fails` makes it answer 503. With a certificate it
    speaks TLS, as `adjust(context)` says."""

    def __init__(self, keys, certificate=None, adjust=lambda context: None):
        self.keys, self.fails, self.asked = keys, False, 0
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.asked += 1
                body = json.dumps({"keys": [key.public() for key in owner.keys]}).encode()
                self.send_response(503 if owner.fails else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            adjust(context)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://localhost:{self.server.server_address[1]}/.well-known/jwks.json"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
