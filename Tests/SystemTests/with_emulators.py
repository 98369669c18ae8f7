"""Runs a command with two emulators of DynamoDB beside it, and says in its environment where they are.

    python with_emulators.py swift test

`TICKERTAPE_MINISTACK` and `TICKERTAPE_MOTO` name their endpoints. moto applies a repeated transaction twice and takes batches
of any size, so it is a second opinion on everything but those.
"""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from aws_emulator import AWSEmulator
from emulator import free_port


class Moto:
    """moto's server on a port of its own."""

    def __init__(self, folder: Path):
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        self.log_path = folder / "moto.log"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=2).close()
                return
            except urllib.error.HTTPError:
                return
            except (OSError, urllib.error.URLError):
                assert self.process.poll() is None and time.monotonic() < deadline, self.log_path.read_text()
                time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ministack = AWSEmulator(folder / "ministack", checks=False)
        try:
            moto = Moto(folder)
            try:
                environment = dict(
                    os.environ, TICKERTAPE_MINISTACK=ministack.endpoint, TICKERTAPE_MOTO=moto.endpoint)
                return subprocess.run(sys.argv[1:], env=environment).returncode
            finally:
                moto.stop()
        finally:
            ministack.stop()


if __name__ == "__main__":
    sys.exit(main())
