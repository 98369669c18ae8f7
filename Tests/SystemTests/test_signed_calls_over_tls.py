"""The client of @connections over real TLS: certificates checked, signatures as botocore makes them, answers cut short."""

import collections
import os
import re
import socket
import ssl
import subprocess
import threading

import pytest

from signatures import KEYS, is_signed
from tls import OK, Certificates, SecureServer

@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def probe(programs, certificates):
    def run(endpoint, posts=40, width=8, size=100, roots=certificates.root, **environment):
        """How many posts had which outcome."""
        result = subprocess.run(
            [programs / "ManagementProbe", endpoint, roots, str(posts), str(width), str(size)],
            capture_output=True, text=True, timeout=60, env={"PATH": os.environ["PATH"], **KEYS, **environment})
        assert result.returncode == 0, result.stderr
        outcomes = collections.Counter()
        for line in result.stdout.splitlines():
            count, outcome = line.split(" ", 1)
            outcomes[outcome] += int(count)
        assert outcomes.total() == posts or list(outcomes.values()) == [1], result.stdout
        return outcomes

    return run


def test_every_post_is_signed_as_botocore_signs_over_few_verified_connections(probe, certificates):
    with SecureServer(certificates.good) as server:
        assert probe(server.url(), posts=200) == {"200": 200}
        host = f"localhost:{server.port}"
        seen = set()
        for request in server.requests:
            assert is_signed(request, host)
            number = re.fullmatch(r"/prod/@connections/probe(\d+)%3D", request.target).group(1)
            assert request.body == f"{number}:".encode() + b"m" * 100
            seen.add(number)
        assert len(seen) == 200
        assert len(server.handshakes) <= 8
        assert all(alpn != "h2" for _, alpn, _ in server.handshakes)


@pytest.mark.parametrize("flaw, said", [("wrong_host", "localhost"), ("expired", "expired")])
def test_a_certificate_with_a_flaw_is_refused_and_nothing_is_sent(probe, certificates, flaw, said):
    with SecureServer(getattr(certificates, flaw)) as server:
        outcomes = probe(server.url())
        assert all(outcome.startswith("notTrusted") and said in outcome for outcome in outcomes), outcomes
        assert server.requests == []


def test_a_certificate_of_an_unknown_root_is_refused(probe, certificates):
    with SecureServer(certificates.good) as server:
        outcomes = probe(server.url(), roots=certificates.other_root)
        assert all(outcome.startswith("notTrusted") for outcome in outcomes), outcomes
        assert server.requests == []


def test_a_roots_file_that_is_missing_is_told(probe, certificates):
    with SecureServer(certificates.good) as server:
        outcomes = probe(server.url(), posts=2, roots=certificates.folder / "none.pem")
        assert all(outcome.startswith("notTrusted") for outcome in outcomes), outcomes


def test_tls_1_2_is_spoken(probe, certificates):
    with SecureServer(certificates.good, versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)) as server:
        assert probe(server.url()) == {"200": 40}
        assert {version for version, _, _ in server.handshakes} == {"TLSv1.2"}


def test_answers_in_pieces_are_read_whole(probe, certificates):
    pieces = [bytes([byte]) for byte in OK]
    with SecureServer(certificates.good, lambda request: pieces) as server:
        assert probe(server.url()) == {"200": 40}


def test_a_connection_that_the_server_closes_is_replaced_resumes_its_session_and_sends_no_post_twice(probe, certificates):
    closing = [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", None]
    with SecureServer(certificates.good, lambda request: closing) as server:
        assert probe(server.url()) == {"200": 40}
        assert len({request.target for request in server.requests}) == len(server.requests) == 40
        assert any(reused for _, _, reused in server.handshakes), "no TLS session was resumed"


def test_half_an_answer_is_an_error_and_spoils_no_other_call(probe, certificates):
    def script(request):
        return [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", None] if request.number == 7 else [OK]

    with SecureServer(certificates.good, script) as server:
        outcomes = probe(server.url())
        assert outcomes["200"] == 39
        assert sum(count for outcome, count in outcomes.items() if outcome.startswith("garbled")) == 1


def test_frames_larger_than_the_socket_takes_at_once_arrive_whole(probe, certificates):
    with SecureServer(certificates.good, receive_buffer=4096) as server:
        assert probe(server.url(), posts=6, width=3, size=3_000_000) == {"200": 6}
        assert all(request.body.endswith(b"m" * 3_000_000) for request in server.requests)


def test_a_server_that_speaks_no_tls_is_told(probe):
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        while True:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            stream.recv(1000)
            stream.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            stream.close()

    threading.Thread(target=answer, daemon=True).start()
    outcomes = probe(f"https://localhost:{listener.getsockname()[1]}/prod", posts=4)
    listener.shutdown(socket.SHUT_RDWR)
    assert all(outcome.startswith("notTrusted") for outcome in outcomes), outcomes


def test_a_server_that_never_answers_the_handshake_is_given_up_within_seconds(probe):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcomes = probe(f"https://localhost:{silent.getsockname()[1]}/prod", posts=20)
        assert all(outcome.startswith("unreachable") and "VPC" in outcome for outcome in outcomes), outcomes
