"""README.md's lines about a deployment, as they stand, by somebody who has set nothing but credentials and a region."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import zipfile

import pytest
from websockets.asyncio.client import connect

import readme
from aws_emulator import AWSEmulator
from deployment import FUNCTIONS, deployer_of, everything
from readme import Shell, blocks, checkout, shell_line

REGION = "eu-west-1"


@pytest.fixture
def emulator(tmp_path):
    running = AWSEmulator(tmp_path / "emulator", checks=True)
    yield running
    running.stop()
    print(running.log()[-20000:])


@pytest.fixture
def shell(emulator, programs, tmp_path):
    (tmp_path / "checkout").mkdir()
    deployer = deployer_of(emulator)
    return Shell(
        checkout(tmp_path / "checkout", programs), AWS_ACCESS_KEY_ID=deployer.key, AWS_SECRET_ACCESS_KEY=deployer.secret, AWS_REGION=REGION)


def succeed(done) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def on_a_terminal(shell: Shell, line: str, words: str) -> str:
    """Runs the line where somebody types `words`: what is shown."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        ["bash", "-c", line], cwd=shell.folder, env=shell.variables, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    os.write(ours, f"{words}\n".encode())
    shown = b""
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert process.wait(60) == 0, shown.decode()
    return shown.decode()


def until(condition, what: str, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def with_options(line: str, options: str) -> str:
    """The line with options at the end of its command, before the remark."""
    command, mark, remark = line.partition(" #")
    return f"{command.rstrip()} {options}{mark}{remark}"


def new_packages(shell: Shell, packages):
    """What another `make package` would have made: zips that are not those that are deployed."""
    folder = shell.folder / ".build" / "package"
    folder.mkdir()
    for name in FUNCTIONS:
        shutil.copy(packages / f"{name}.zip", folder)
        with zipfile.ZipFile(folder / f"{name}.zip", "a") as package:
            package.writestr("note.txt", "newer")


def update_by_hand(emulator, shell: Shell, packages):
    """infra/README.md's lines for a function's code, after `make package`."""
    new_packages(shell, packages)
    (lines,) = [block for block in blocks("sh", "infra/README.md") if "update-function-code" in block]
    # Debian's AWS CLI reads no endpoint from a variable.
    shown = succeed(shell.run(lines.replace("aws lambda", f"aws --endpoint-url {emulator.endpoint} lambda"), 100)).splitlines()
    for name, line in zip(FUNCTIONS, shown, strict=True):
        file = (shell.folder / ".build" / "package" / f"{name}.zip").read_bytes()
        digest = base64.b64encode(hashlib.sha256(file).digest()).decode()
        assert line.split() == [f"tickertape-dev-{name}", digest]


@pytest.mark.timeout(300)
async def test_deploy_make_a_key_watch_publish_and_destroy(emulator, shell, packages, programs, tmp_path):
    endpoint = f"--endpoint-url {emulator.endpoint}"
    # What was built for the tests stands in for what deploy.sh would build first.
    built = f"--packages {packages} --tool {programs}/tickertape"
    # To an emulator a newer CLI than Debian's deploys; with Debian's that is said.
    line = with_options(shell_line("infra/deploy.sh"), f"{endpoint} {built}")
    refused = shell.run(line)
    assert (refused.returncode, "take 2.13" in refused.stderr) == (69, True), refused.stderr
    newer = f"{os.path.dirname(os.environ['AWS_CLI'])}:{readme.SYSTEM_PATH}"
    deployed = succeed(shell.run(line, 200, PATH=newer))
    url = re.search(r"^Deployed: (\S+)$", deployed, re.M).group(1)
    table = re.search(r"--store dynamodb:(\S+)", deployed).group(1)
    queue = re.search(r"--queue-url (\S+)", deployed).group(1)

    # The code by hand, and all that follows goes through it.
    update_by_hand(emulator, shell, packages)

    # The lines that it prints are for pasting.
    assert f" {programs}/tickertape keys create" in deployed and f"Listen:   {programs}/tickertape watch '{url}" in deployed
    creation = shell_line("keys create", "dynamodb:").replace("tickertape-dev-Table-1A2B3C4D5E6F", table)
    key = succeed(shell.run(creation, AWS_ENDPOINT_URL=emulator.endpoint)).strip()
    assert re.fullmatch(r"tt_[A-Za-z0-9_-]{43}", key)

    watching = shell_line("watch", "wss://abc123defg").replace("wss://abc123defg.execute-api.eu-west-1.amazonaws.com/dev", url)
    shown = tmp_path / "watch"
    watcher = shell.start(f"exec {watching.replace('KEY', key)}", shown)
    try:
        until(lambda: "ready" in shown.read_text() or watcher.poll() is not None, "the watcher is not ready")
        sending = re.sub(r"https://sqs\.\S+", queue, shell_line("aws sqs send-message"))
        succeed(shell.run(with_options(sending, endpoint)))
        until(lambda: "152.50" in shown.read_text() or watcher.poll() is not None, "the event did not come")
        assert "AAPL" in shown.read_text() and "152.50" in shown.read_text(), shown.read_text()
    finally:
        watcher.send_signal(signal.SIGINT)
        watcher.wait(20)

    # For everybody: this client brings no key.
    succeed(shell.run(with_options(shell_line("infra/deploy.sh"), f"--public {endpoint} {built}"), 200, PATH=newer))
    async with connect(f"{url}?userId=u-2&hello=1") as socket:
        await socket.send('{"type":"ping"}')
        assert json.loads(await asyncio.wait_for(socket.recv(), 30))["type"] == "pong"

    emulator.root.region = REGION
    assert "tickertape-dev-Publisher" in everything(emulator.root)
    asked = on_a_terminal(shell, with_options(shell_line("infra/destroy.sh"), endpoint), "dev")
    assert "Deleted." in asked and table in asked
    assert everything(emulator.root) == []
