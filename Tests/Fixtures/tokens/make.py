#!/usr/bin/env python3
"""Writes tokens.json: tokens, good and bad, signed by OpenSSL's command line and Python's hmac, neither of which is the code
under test. The private keys are made here and thrown away. The moment they are made for is 1800000000.

    python3 make.py > tokens.json
"""

import base64
import hashlib
import hmac
import json
import pathlib
import subprocess
import tempfile

NOW = 1_800_000_000
SECRET = "a secret of thirty-two bytes, at least: yes"
ISSUER, AUDIENCE = "https://login.example.com/", "tickertape"
folder = pathlib.Path(tempfile.mkdtemp())


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True, cwd=folder).stdout


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_keys():
    for name, algorithm in [("rsa", ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]), ("rsa2", ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
                            ("small", ["RSA", "-pkeyopt", "rsa_keygen_bits:1024"]), ("pss", ["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"]),
                            ("ec", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("ec2", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
                            ("p384", ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"]), ("ed", ["ED25519"])]:
        openssl("genpkey", "-algorithm", *algorithm, "-out", f"{name}.key")
        (folder / f"{name}.pem").write_bytes(openssl("pkey", "-in", f"{name}.key", "-pubout"))


def pem(name):
    return (folder / f"{name}.pem").read_text()


def jwk(name, kid):
    if name.startswith("rsa"):
        modulus = openssl("rsa", "-in", f"{name}.key", "-noout", "-modulus").decode().strip().split("=")[1]
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": b64(bytes.fromhex(modulus)), "e": "AQAB"}
    point = openssl("pkey", "-in", f"{name}.key", "-pubout", "-outform", "DER")[-64:]
    return {"kty": "EC", "crv": "P-256", "kid": kid, "x": b64(point[:32]), "y": b64(point[32:])}


def sign(kind, key, message):
    """The signature as a JWS has it."""
    if kind == "hs":
        return hmac.new(key.encode() if isinstance(key, str) else key, message, hashlib.sha256).digest()
    (folder / "message").write_bytes(message)
    der = openssl("dgst", "-sha256", "-sign", f"{key}.key", "message")
    return der if kind == "rs" else raw(der)


def raw(der):
    """The two numbers of an ECDSA signature, 32 bytes each."""
    def number(at):
        length = der[at + 1]
        return int.from_bytes(der[at + 2:at + 2 + length], "big"), at + 2 + length
    r, at = number(2)
    s, _ = number(at)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def text(value):
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


def token(kind="hs", key=SECRET, header=None, claims=None, signature=None):
    names = {"hs": "HS256", "rs": "RS256", "es": "ES256"}
    head = b64(text(header if header is not None else {"alg": names[kind], "typ": "JWT"}))
    body = b64(text(claims if claims is not None else CLAIMS))
    signed = f"{head}.{body}".encode()
    return f"{head}.{body}.{b64(signature if signature is not None else sign(kind, key, signed))}"


CLAIMS = {"sub": "u-1", "role": "analyst", "groups": ["desk-7", "fx"], "scope": "read write", "iss": ISSUER, "aud": AUDIENCE,
          "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 600}


def changed(**changes):
    return {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}


def with_text(claims, extra):
    """A JSON object with something more in it that Python's dict cannot hold."""
    return text(claims)[:-1] + b"," + extra + b"}"


def main():
    make_keys()
    good, bad = [], []

    def accept(name, made, until=NOW + 660):
        good.append({"name": name, "token": made, "untilSeconds": until})

    def refuse(name, made, reason):
        bad.append({"name": name, "token": made, "reason": reason})

    accept("HS256", token())
    accept("RS256 by kid", token("rs", "rsa", {"alg": "RS256", "kid": "rsa-1"}))
    accept("RS256 without kid", token("rs", "rsa"))
    accept("ES256 by kid", token("es", "ec", {"alg": "ES256", "kid": "ec-1"}))
    accept("ES256 without kid", token("es", "ec"))
    accept("two audiences", token(claims=changed(aud=["other", AUDIENCE])))
    accept("clocks 59 s apart", token(claims=changed(exp=NOW - 59, iat=NOW - 100, nbf=NOW - 100)), NOW + 1)
    accept("issued 59 s in the future", token(claims=changed(iat=NOW + 59, nbf=NOW + 59)))
    accept("times with fractions", token(claims=changed(exp=NOW + 600.75, iat=NOW - 1.5)))
    accept("no nbf and no iat", token(claims=changed(nbf=None, iat=None)))
    accept("claims nobody knows", token(claims=changed(email="x", nested={"a": [1, {"b": None}]})))
    accept("a jwk and a jku in the header are not looked at",
           token(header={"alg": "HS256", "jku": "http://127.0.0.1:9/", "jwk": jwk("rsa2", "x"), "x5u": "http://127.0.0.1:9/"}))

    for name in ["none", "None", "NONE", "nOnE", ""]:
        refuse(f"alg '{name}', unsigned", token(header={"alg": name}, signature=b""), "algorithm")
        refuse(f"alg '{name}', signed", token(header={"alg": name}), "algorithm")
    refuse("no alg", token(header={"typ": "JWT"}), "malformed")
    refuse("alg is a number", token(header={"alg": 256}), "malformed")
    refuse("alg is null", token(header={"alg": None}), "malformed")
    for name in ["HS384", "HS512", "RS384", "RS512", "PS256", "ES384", "ES512", "EdDSA", "hs256", "HS256 "]:
        refuse(f"alg {name}", token(header={"alg": name}), "algorithm")
    # Every algorithm's name over every key's signature but its own.
    signers = {"HS256": ("hs", SECRET), "RS256": ("rs", "rsa"), "ES256": ("es", "ec")}
    for named in signers:
        for signer, (kind, key) in signers.items():
            if named != signer:
                refuse(f"named {named}, signed as {signer}", token(kind, key, {"alg": named}), "signature")
    for name in ["rsa", "ec"]:
        der = openssl("pkey", "-in", f"{name}.key", "-pubout", "-outform", "DER")
        for form, secret in [("PEM", pem(name)), ("PEM without its line end", pem(name).rstrip("\n")), ("DER", der)]:
            refuse(f"HS256 with the public {name} key's {form} as secret", token("hs", secret), "signature")
            refuse(f"the same by its kid, {form}", token("hs", secret, {"alg": "HS256", "kid": f"{name}-1"}), "signature")
    refuse("HS256, wrong secret", token(key="another secret of thirty-two bytes, at least"), "signature")
    refuse("HS256, empty secret", token(key=""), "signature")
    refuse("RS256, wrong key", token("rs", "rsa2"), "signature")
    refuse("RS256, wrong key under a right kid", token("rs", "rsa2", {"alg": "RS256", "kid": "rsa-1"}), "signature")
    refuse("ES256, wrong key", token("es", "ec2"), "signature")
    refuse("ES256 named by an RSA key's kid", token("es", "ec", {"alg": "ES256", "kid": "rsa-1"}), "unknownKey")
    refuse("unknown kid", token("rs", "rsa", {"alg": "RS256", "kid": "rsa-9"}), "unknownKey")
    refuse("its own key in the header", token("rs", "rsa2", {"alg": "RS256", "jwk": jwk("rsa2", "x")}), "signature")
    refuse("ES256, the signature as DER",
           token("es", "ec", signature=openssl("dgst", "-sha256", "-sign", "ec.key", str(folder / "message"))), "signature")
    for name, value in [("zeros", bytes(64)), ("zero and one", bytes(63) + b"\1"), ("ones", b"\xff" * 64), ("short", bytes(63)),
                        ("empty", b"")]:
        refuse(f"ES256, {name} for a signature", token("es", "ec", signature=value), "signature")
    refuse("RS256, no signature", token("rs", "rsa", signature=b""), "signature")
    refuse("HS256, half a signature", token(signature=sign("hs", SECRET, b"")[:16]), "signature")
    refuse("crit", token(header={"alg": "HS256", "crit": ["exp"]}), "critical")
    refuse("crit b64", token(header={"alg": "HS256", "b64": False, "crit": ["b64"]}), "critical")

    refuse("expired a minute ago", token(claims=changed(exp=NOW - 60)), "expired")
    refuse("expired an hour ago", token(claims=changed(exp=NOW - 3600)), "expired")
    refuse("expired in 1970", token(claims=changed(exp=0)), "expired")
    refuse("not before an hour from now", token(claims=changed(nbf=NOW + 3600)), "notYet")
    refuse("issued an hour from now", token(claims=changed(iat=NOW + 3600, exp=NOW + 7200)), "fromTheFuture")
    refuse("no exp", token(claims=changed(exp=None)), "claim")
    for value in ["1800000600", True, [NOW + 600], -1, 1e300, {}]:
        refuse(f"exp {value!r}", token(claims=changed(exp=value)), "claim")
    refuse("exp null", token(claims=with_text(changed(exp=None), b'"exp":null')), "claim")
    refuse("exp beyond all numbers", token(claims=with_text(changed(exp=None), b'"exp":1e999')), "claim")
    refuse("another audience", token(claims=changed(aud="other")), "audience")
    refuse("audience in another case", token(claims=changed(aud="Tickertape")), "audience")
    refuse("no audience of several", token(claims=changed(aud=["a", "b"])), "audience")
    refuse("an empty list of audiences", token(claims=changed(aud=[])), "audience")
    refuse("no aud", token(claims=changed(aud=None)), "audience")
    refuse("aud with a number", token(claims=changed(aud=[AUDIENCE, 1])), "claim")
    refuse("another issuer", token(claims=changed(iss="https://login.example.com")), "issuer")
    refuse("no iss", token(claims=changed(iss=None)), "issuer")
    refuse("no sub", token(claims=changed(sub=None)), "claim")
    for value in ["", "x" * 257, 7, ["u-1"]]:
        refuse(f"sub {str(value)[:8]!r}", token(claims=changed(sub=value)), "claim")
    refuse("33 groups", token(claims=changed(groups=[f"g{n}" for n in range(33)])), "claim")
    refuse("role is a list", token(claims=changed(role=["admin"])), "claim")

    refuse("alg twice, none first", token(header=b'{"alg":"none","alg":"HS256"}'), "malformed")
    refuse("alg twice, none last", token(header=b'{"alg":"HS256","alg":"none"}', signature=b""), "malformed")
    refuse("kid twice", token(header=b'{"alg":"HS256","kid":"a","kid":"a"}'), "malformed")
    refuse("sub twice", token(claims=with_text(CLAIMS, b'"sub":"u-2"')), "claim")
    refuse("sub twice, once escaped", token(claims=with_text(CLAIMS, b'"s\\u0075b":"u-2"')), "claim")
    refuse("exp twice", token(claims=with_text(changed(exp=NOW - 3600), b'"exp":1800000600')), "claim")
    refuse("an unknown claim twice", token(claims=with_text(CLAIMS, b'"x":1,"x":1')), "claim")
    refuse("claims are a list", token(claims=b"[]"), "claim")
    refuse("claims are a string", token(claims=b'"u-1"'), "claim")
    refuse("claims are nothing", token(claims=b""), "claim")
    refuse("something after the claims", token(claims=text(CLAIMS) + b"x"), "claim")
    refuse("claims too deep", token(claims=with_text(CLAIMS, b'"x":' + b"[" * 50 + b"]" * 50)), "claim")
    refuse("claims are no UTF-8", token(claims=with_text(CLAIMS, b'"x":"\xff"')), "claim")
    refuse("the header is no JSON", token(header=b"{alg:HS256}"), "malformed")
    refuse("something after the header", token(header=b'{"alg":"HS256"} {}'), "malformed")
    refuse("the header is empty", token(header=b""), "malformed")

    whole = token()
    head, body, signature = whole.split(".")
    refuse("16 KB", token(claims=changed(x="x" * 12_000)), "tooLong")
    refuse("a megabyte of dots", "." * 9000, "tooLong")
    refuse("empty", "", "malformed")
    refuse("one part", head, "malformed")
    refuse("two parts", f"{head}.{body}", "malformed")
    refuse("no signature", f"{head}.{body}.", "signature")
    refuse("four parts", f"{whole}.{signature}", "malformed")
    refuse("five parts, as if encrypted", f"{whole}.{signature}.{signature}", "malformed")
    refuse("padding", f"{head}.{body}.{signature}=", "malformed")
    refuse("padding in the header", token(header=b'{"alg":"HS256" }').replace(".", "=.", 1), "malformed")
    refuse("base64 instead of base64url", token("es", "ec", signature=b"\xfb\xff" * 32).replace("-", "+").replace("_", "/"), "malformed")
    refuse("a space at its end", whole + " ", "malformed")
    refuse("a line feed in it", f"{head}.\n{body}.{signature}", "malformed")
    refuse("Bearer in front", f"Bearer {whole}", "malformed")
    refuse("a letter outside ASCII", f"{head}.{body}é.{signature}", "malformed")
    for length in [1, 10, len(head), len(head) + 1, len(head) + len(body), len(whole) - 40]:
        refuse(f"truncated to {length}", whole[:length], "malformed" if whole[:length].count(".") < 2 else "any")
    refuse("truncated by one", whole[:-1], "any")

    rs_kid, es_kid = jwk("rsa", "rsa-1"), jwk("ec", "ec-1")
    print(json.dumps({
        "now": NOW, "secret": SECRET, "issuer": ISSUER, "audience": AUDIENCE,
        "keys": {name: pem(name) for name in ["rsa", "rsa2", "small", "pss", "ec", "ec2", "p384", "ed"]},
        "jwks": {"keys": [
            {"kty": "oct", "kid": "secret", "k": b64(b"a published secret that nobody must take for one")},
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed-1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}, rs_kid, es_kid,
            {**jwk("rsa2", "enc-1"), "use": "enc"}, {**jwk("ec2", "sign-1"), "key_ops": ["sign"]}, {**jwk("ec2", "off-curve"), "y": es_kid["y"]},
            {**jwk("rsa2", "rs512"), "alg": "RS512"}]},
        "jwksRotated": {"keys": [jwk("rsa2", "rsa-2")]},
        "rotated": token("rs", "rsa2", {"alg": "RS256", "kid": "rsa-2"}),
        "good": good, "bad": bad}, indent=1))


main()
