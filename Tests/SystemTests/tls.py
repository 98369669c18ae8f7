"""Certificates made on the spot, and an HTTPS server on the loopback that answers as a test says."""

import contextlib
import socket
import ssl
import subprocess
import threading


class Certificates:
    """A root of its own, and server certificates from it; all keys are made for one test run."""

    def __init__(self, folder):
        self.folder = folder
        self.root = self.make_root("root")
        self.other_root = self.make_root("other-root")
        self.good = self.make("good", "DNS:localhost,IP:127.0.0.1")
        self.wrong_host = self.make("wrong-host", "DNS:other.example")
        self.expired = self.make("expired", "DNS:localhost,IP:127.0.0.1", end="20200101000000Z")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=self.folder, check=True, capture_output=True)

    def make_root(self, name):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                     "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", 2, "-subj", f"/CN={name}")
        return self.folder / f"{name}.pem"

    def make(self, name, names, end="20991231235959Z"):
        """The certificate with its key, in one file."""
        (self.folder / f"{name}.cnf").write_text(
            f"[ca]\ndefault_ca=here\n[here]\ndatabase={name}.index\nserial={name}.serial\nnew_certs_dir=.\n"
            f"default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n[names]\nsubjectAltName={names}\n")
        (self.folder / f"{name}.index").write_text("")
        (self.folder / f"{name}.serial").write_text("01\n")
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                     "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self.openssl("ca", "-batch", "-config", f"{name}.cnf", "-extensions", "names", "-in", f"{name}.csr",
                     "-cert", "root.pem", "-keyfile", "root.key", "-out", f"{name}.crt", "-notext",
                     "-startdate", "20190101000000Z", "-enddate", end)
        both = self.folder / f"{name}.pem"
        both.write_text((self.folder / f"{name}.crt").read_text() + (self.folder / f"{name}.key").read_text())
        return both


class Request:
    def __init__(self, number, connection, method, target, headers, body):
        self.number, self.connection = number, connection
        self.method, self.target, self.headers, self.body = method, target, headers, body


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class SecureServer:
    """`script(request)` gives the pieces to send, each in a record of its own; None among them closes the connection.

    Without a certificate it speaks plain HTTP."""

    def __init__(self, certificate=None, script=lambda request: [OK], versions=None, receive_buffer=None):
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
            self.context.set_alpn_protocols(["h2", "http/1.1"])
            if versions:
                self.context.minimum_version, self.context.maximum_version = versions
        self.script = script
        self.requests = []
        self.handshakes = []
        self.lock = threading.Lock()
        self.listener = socket.socket()
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, host="localhost"):
        return f"{'https' if self.context else 'http'}://{host}:{self.port}/prod"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(plain,), daemon=True).start()

    def serve(self, plain):
        with contextlib.suppress(OSError), plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not self.context:
                return self.converse(plain, 0)
            with self.context.wrap_socket(plain, server_side=True) as stream:
                with self.lock:
                    self.handshakes.append((stream.version(), stream.selected_alpn_protocol(), stream.session_reused))
                    connection = len(self.handshakes)
                self.converse(stream, connection)

    def converse(self, stream, connection):
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                piece = stream.recv(65536)
                if not piece:
                    return
                buffer += piece
            head, buffer = buffer.split(b"\r\n\r\n", 1)
            lines = head.decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines[1:])
            length = int(headers.get("Content-Length", 0))
            while len(buffer) < length:
                buffer += stream.recv(4096)
            method, target, _ = lines[0].split(" ")
            with self.lock:
                request = Request(len(self.requests) + 1, connection, method, target, headers, buffer[:length])
                self.requests.append(request)
            buffer = buffer[length:]
            for piece in self.script(request):
                if piece is None:
                    return
                stream.sendall(piece)
