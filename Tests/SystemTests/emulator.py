"""AWS's own Lambda runtime interface emulator, started on loopback around one bootstrap.

The program comes out of the wheel of aws-sam-cli (pinned), fetched once with pip into `.build/emulator/`.
"""

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

PACKAGE = "aws-sam-cli==1.170.0"


def fetch(cache: Path) -> Path:
    """The emulator's path; it is fetched if it is not there yet."""
    architecture = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    program = cache / f"aws-lambda-rie-{PACKAGE.partition('==')[2]}-{architecture}"
    if program.exists():
        return program
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--dest", folder, PACKAGE], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        partial = Path(folder) / "program"
        with zipfile.ZipFile(wheel) as archive:
            partial.write_bytes(archive.read(f"samcli/local/rapid/aws-lambda-rie-{architecture}"))
        partial.chmod(0o755)
        partial.rename(program)
    return program


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Emulator:
    """One function under the emulator. One invocation at a time: two at once make the emulator panic."""

    def __init__(self, program: Path, bootstrap: Path, log: Path, environment: dict[str, str] | None = None):
        self.port = free_port()
        self.log = log
        # Without both addresses it would listen on every interface.
        command = [program, "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}"]
        command += ["--runtime-api-address", f"127.0.0.1:{free_port()}", "--log-level", "debug", bootstrap]
        base = {"PATH": os.environ["PATH"], "AWS_REGION": "us-east-1", "LAMBDA_TASK_ROOT": str(bootstrap.parent)}
        self.process = subprocess.Popen(
            command, env={**base, **(environment or {})}, cwd=log.parent, stdout=log.open("wb"),
            stderr=subprocess.STDOUT, start_new_session=True)
        self._wait_until_listening()

    def _wait_until_listening(self):
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, self.text()
                time.sleep(0.02)

    def invoke(self, event: object, headers: dict[str, str] | None = None, timeout: float = 60) -> str:
        """The body of the answer: also of errors and time-outs, which the emulator answers with status 200."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        url = f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def invoke_json(self, event: object, **options) -> object:
        return json.loads(self.invoke(event, **options))

    def text(self) -> str:
        """What the emulator and the function have printed so far."""
        return self.log.read_text(errors="replace")

    def stop(self):
        """Ends the emulator and the function, which share a process group."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
