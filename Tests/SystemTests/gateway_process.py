"""Starts and stops the local gateway as a user would, and asks it things."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("TICKERTAPE_PROGRAMS", ROOT / ".build" / "debug"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Gateway:
    """`tickertape serve` on a port of its own with a table of its own."""

    def __init__(self, folder, *options, access="open", environment=None, store=None):
        self.folder = pathlib.Path(folder)
        self.store = store or f"sqlite:{self.folder / 'table.sqlite'}"
        self.port = free_port()
        self.log_path = self.folder / "gateway.log"
        self.options = options
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **(environment or {})}
        if access:
            self.environment["ACCESS"] = access
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def socket_url(self, query="userId=u-1", stage="dev", greeted=False):
        """Of a client that will say hello or wants no greeting, unless it is `greeted`."""
        query = "&".join([query] * bool(query) + ["hello=1"] * (not greeted))
        return f"ws://127.0.0.1:{self.port}/{stage}" + (f"?{query}" if query else "")

    @property
    def management_url(self):
        return f"{self.url}/dev"

    def start(self):
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [BIN / "tickertape", "serve", "--port", str(self.port), "--stage", "dev", "--store", self.store,
                 *self.options], stdout=log, stderr=subprocess.STDOUT, cwd=self.folder, env=self.environment,
                start_new_session=True)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the gateway ended: {self.log()}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            time.sleep(0.02)
        raise AssertionError(f"the gateway does not listen: {self.log()}")

    def stop(self, sign=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sign)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"the gateway does not stop: {self.log()}")

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def children(self):
        """Process ids of the functions' environments."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                    if int(fields[1]) == self.process.pid and fields[0] != "Z":
                        found.append(int(entry.name))
        return found

    def environments(self, function):
        """Process ids of one function's environments."""
        found = []
        for pid in self.children():
            with contextlib.suppress(OSError):
                if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].endswith(function.encode()):
                    found.append(pid)
        return found


def tickertape(*arguments, input=None, timeout=60, **options):
    """Runs the CLI to its end."""
    return subprocess.run(
        [BIN / "tickertape", *map(str, arguments)], input=input, capture_output=True, text=True, timeout=timeout,
        **options)


def frame_of(text):
    return json.loads(text)
