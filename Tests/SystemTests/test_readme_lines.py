"""The lines of README.md and its pages for one machine, as they stand: only the port is another, and what the reader is to fill in."""

import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest
import websockets
from websockets.asyncio.client import connect

import readme
from gateway_process import ROOT, Gateway, free_port
from readme import Shell, blocks, checkout, shell_line, shell_lines, stand_in_for_swift

# Debian's, which README.md speaks of; `scripts/packages.sh test` installs it.
DEBIANS_CLI = "/usr/bin/aws"

# Which test runs which line, by words that only that line has.
EXERCISED = {
    "make run": "test_make_run_is_watched_and_published_to",
    "watch 'ws://127": "test_make_run_is_watched_and_published_to",
    "publish price:update --key AAPL": "test_make_run_is_watched_and_published_to",
    "curl -N 'http://127": "test_make_run_is_watched_and_published_to",
    "aws lambda invoke": "test_the_aws_cli_publishes",
    "infra/deploy.sh": "test_deploy_make_a_key_watch_publish_and_destroy",
    "infra/destroy.sh": "test_deploy_make_a_key_watch_publish_and_destroy",
    "--store dynamodb:": "test_deploy_make_a_key_watch_publish_and_destroy",
    "watch 'wss://abc": "test_deploy_make_a_key_watch_publish_and_destroy",
    "aws sqs send-message": "test_deploy_make_a_key_watch_publish_and_destroy",
    "swift build --package-path": "test_somebody_elses_handler_answers_its_route",
    "--function WhoAmI": "test_somebody_elses_handler_answers_its_route",
    "tickertape keys create --user u-1 --role analyst": "test_keys_are_made_listed_and_revoked",
    "tickertape keys list": "test_keys_are_made_listed_and_revoked",
    "tickertape keys revoke": "test_keys_are_made_listed_and_revoked",
    "watch 'wss://stream": "test_lines_for_apis_of_ones_own_are_understood",
    "--function my-publisher": "test_lines_for_apis_of_ones_own_are_understood",
}
# `make test` is what runs these tests.
NOT_EXERCISED = ["make test"]


def test_every_shell_line_is_run_by_a_test():
    for line in shell_lines():
        named = [words for words in [*EXERCISED, *NOT_EXERCISED] if words in line]
        assert len(named) == 1, f"{line!r} is run by {named}"
    tests = "".join(path.read_text() for path in (ROOT / "Tests" / "SystemTests").glob("test_readme*.py"))
    for words, test in EXERCISED.items():
        assert shell_line(words) and f"def {test}(" in tests, words


@pytest.fixture
def here(tmp_path, programs):
    (tmp_path / "checkout").mkdir()
    return checkout(tmp_path / "checkout", programs)


@pytest.fixture
def gateway(here):
    """`tickertape serve` in the checkout, for everybody."""
    running = Gateway(here).start()
    yield running
    running.stop()
    print(running.log())


@pytest.fixture
def shell(here):
    return Shell(here)


def ports(line: str, port: int) -> str:
    """The line with another port than the gateway's usual one."""
    return line.replace("127.0.0.1:8000", f"127.0.0.1:{port}")


def until(condition, what: str, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def interrupt(process: subprocess.Popen) -> int:
    """Ctrl-C reaches the whole process group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    return process.wait(30)


async def origin_is_let_in(port: int, origin: str) -> bool:
    try:
        async with connect(f"ws://127.0.0.1:{port}/dev?userId=u-1", origin=origin):
            return True
    except websockets.InvalidStatus as refused:
        assert refused.response.status_code == 403
        return False


async def test_make_run_is_watched_and_published_to(shell, programs, tmp_path):
    port = free_port()
    settings = {"PORT": str(port), "SWIFT": str(stand_in_for_swift(tmp_path, programs)), "RATE": "0.5"}
    shown, watched, curled = tmp_path / "run", tmp_path / "watch", tmp_path / "curl"
    running = shell.start(f"exec {shell_line('make run')}", shown, **settings)
    try:
        until(lambda: "ALLOW_ORIGIN=" in shown.read_text() or running.poll() is not None, "make run does not get far")
        allowing = re.search(r"ALLOW_ORIGIN=(\S+) make run", shown.read_text())
        assert allowing, shown.read_text()
        watcher = shell.start("exec " + ports(shell_line("watch 'ws://127"), port), watched)
        until(lambda: "ready" in watched.read_text() or watcher.poll() is not None, "the watcher is not ready")
        curl = shell.start("exec " + ports(shell_line("curl -N 'http://127"), port), curled)
        until(lambda: "event: connection" in curled.read_text() or curl.poll() is not None, "the stream does not begin")
        # `make run` prints the same line.
        assert ports(shell_line("curl -N 'http://127"), port) in shown.read_text()
        line = ports(shell_line("publish price:update --key AAPL"), port) + f" --endpoint http://127.0.0.1:{port}"
        published = shell.run(line)
        assert published.returncode == 0, published.stderr
        until(lambda: "152.50" in watched.read_text() or watcher.poll() is not None, "the event did not come")
        until(lambda: "152.50" in curled.read_text() or curl.poll() is not None, "the stream does not show the event")
        interrupt(curl)
        assert interrupt(watcher) in (0, 130), watched.read_text()
        assert not await origin_is_let_in(port, allowing.group(1))
    finally:
        interrupt(running)
    # The line that it prints lets the page in; README.md has the same.
    assert f"`{allowing.group(0)}`" in readme.README
    running = shell.start(f"exec env {allowing.group(0)}", shown, **settings)
    try:
        until(lambda: "of this address, and " in shown.read_text() or running.poll() is not None, "make run does not name the page")
        assert await origin_is_let_in(port, allowing.group(1)), shown.read_text()
        assert not await origin_is_let_in(port, "http://evil.example.com")
    finally:
        interrupt(running)


@pytest.mark.skipif(not os.path.exists(DEBIANS_CLI), reason="Debian's awscli is not installed")
def test_the_aws_cli_publishes(gateway, shell, here):
    line = ports(shell_line("aws lambda invoke"), gateway.port)
    done = shell.run(line)
    assert done.returncode == 0, done.stderr
    answer = json.loads((here / "answer.json").read_text())
    assert answer["accepted"] == 1 and answer["rejected"] == 0
    # Version 1, which people have from pip, without the option that it does not know.
    if "AWS_CLI" in os.environ:
        path = f"{os.path.dirname(os.environ['AWS_CLI'])}:{readme.SYSTEM_PATH}"
        older = shell.run(line.replace("--cli-binary-format raw-in-base64-out", ""), PATH=path)
        assert older.returncode == 0, older.stderr
        assert json.loads((here / "answer.json").read_text())["accepted"] == 1
    # Neither credentials nor a region are left out without a word.
    for needed in ("AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local ", "--region us-east-1"):
        assert shell.run(line.replace(needed, ""), AWS_EC2_METADATA_DISABLED="true").returncode != 0


def node() -> list[str] | None:
    """Node.js with the browsers' WebSocket: 22 has it, 20 if it is asked."""
    for command in (["node"], ["node", "--experimental-websocket"]) if shutil.which("node", path=readme.SYSTEM_PATH) else ():
        asked = subprocess.run(
            [*command, "-p", "typeof WebSocket"], capture_output=True, text=True, env={"PATH": readme.SYSTEM_PATH})
        if asked.stdout.strip() == "function":
            return command
    return None


@pytest.mark.skipif(node() is None, reason="no Node.js with a WebSocket")
def test_the_javascript_client_says_hello_keeps_its_place_and_resumes(gateway, shell, here, tmp_path):
    (snippet,) = blocks("js", "Docs/client.md")
    (here / "client.mjs").write_text(ports(snippet, gateway.port))
    shown = tmp_path / "client"
    client = shell.start(f"exec {' '.join(node())} client.mjs", shown)

    def publish(price: int, key: str = "AAPL", port: int = gateway.port, **more):
        data = json.dumps({"price": price, **more})
        done = shell.run(
            f".build/release/tickertape publish price:update --key {key} --data '{data}' --endpoint http://127.0.0.1:{port}")
        assert done.returncode == 0, done.stderr

    def prices() -> list[int]:
        return [int(price) for price in re.findall(r"^price:update AAPL { price: (\d+) }$", shown.read_text(), re.M)]

    try:
        until(lambda: bool(gateway_has_listener(gateway)), "the client does not listen")
        publish(1)
        publish(99, key="MSFT")
        until(lambda: prices() == [1], f"the first price did not come: {shown.read_text()}")
        gateway.stop()
        # Meanwhile another gateway over the same table takes what the client misses.
        other = Gateway(here).start()
        try:
            publish(2, port=other.port)
            publish(3, port=other.port)
        finally:
            other.stop()
        gateway.start()
        until(lambda: prices()[-1:] == [3], f"what was missed did not come: {shown.read_text()}")
        publish(4)
        until(lambda: prices()[-1:] == [4], f"the last price did not come: {shown.read_text()}")
        assert prices() in ([1, 2, 3, 4], [1, 3, 4]), "each once and in order; 2 may be folded into 3"
        # Over 32 KB a frame comes in parts.
        publish(5, text=60_000 * "x")
        until(lambda: "price: 5," in shown.read_text(), f"the large one did not come: {shown.read_text()}")
        assert "missed" not in shown.read_text() and "MSFT" not in shown.read_text()
    finally:
        os.killpg(client.pid, signal.SIGKILL)
        client.wait()


def gateway_has_listener(gateway: Gateway) -> bool:
    """Whether somebody has subscribed: it is a row of the table."""
    with sqlite3.connect(f"file:{gateway.folder / 'table.sqlite'}?mode=ro", uri=True) as table:
        (name,) = [row[0] for row in table.execute("SELECT name FROM sqlite_master WHERE type = 'table'")][:1]
        return any("l#t:price%3Aupdate:AAPL" in str(row) for row in table.execute(f"SELECT * FROM {name}"))


# It builds the rooms that the example depends on.
@pytest.mark.timeout(700)
def test_somebody_elses_handler_answers_its_route(shell, here, tmp_path):
    built = subprocess.run(
        ["bash", "-c", shell_line("swift build --package-path")], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert built.returncode == 0, built.stdout + built.stderr
    port, shown = free_port(), tmp_path / "serve"
    line = shell_line("--function WhoAmI").replace("ACCESS=open ", "ACCESS=open exec ").replace("--port 8001", f"--port {port}")
    asyncio.run(answers_whoami(shell, line, port, shown))
    # The same settings in a file.
    (settings,) = blocks("json")
    assert json.loads(settings)["route"] == {"whoami": "WhoAmI", "wave": "WhoAmI"}
    (here / "tickertape.json").write_text(settings)
    asyncio.run(answers_whoami(shell, f"ACCESS=open exec .build/release/tickertape serve --port {port}", port, shown))


async def answers_whoami(shell: Shell, line: str, port: int, shown):
    serving = shell.start(line, shown)
    try:
        until(lambda: "Ctrl-C stops it" in shown.read_text() or serving.poll() is not None, "serve does not start")
        url = f"ws://127.0.0.1:{port}/dev?hello=1&userId="
        async with connect(f"{url}u-1") as ws, connect(f"{url}u-1") as second, connect(f"{url}u-2") as other:
            ids = [await whoami(client) for client in (ws, second, other)]
            assert [user for _, user in ids] == ["u-1", "u-1", "u-2"] and len({name for name, _ in ids}) == 3
            await ws.send('{"action":"wave"}')
            # The answer by the route response, and the event that it published, in either order.
            came = {await asyncio.wait_for(ws.recv(), 20) for _ in range(2)}
            assert "1 accepted" in came
            (event,) = [json.loads(frame) for frame in came - {"1 accepted"}]
            assert event["type"] == "wave" and event["data"] == {"from": ids[0][0]}
            assert json.loads(await asyncio.wait_for(second.recv(), 20))["data"] == {"from": ids[0][0]}
            # The event is for one user: what the other one hears first is the answer to its own ping.
            await other.send('{"type":"ping"}')
            assert json.loads(await asyncio.wait_for(other.recv(), 20))["type"] == "pong"
    finally:
        assert interrupt(serving) == 0, shown.read_text()


async def whoami(client) -> tuple[str, str]:
    await client.send('{"action":"whoami"}')
    name, user = (await asyncio.wait_for(client.recv(), 20)).split(" ")
    assert name.endswith("=")
    return name, user


def test_keys_are_made_listed_and_revoked(shell, here):
    shell.variables["PATH"] = f"{here}/.build/release:{shell.variables['PATH']}"
    created = shell.run(shell_line("tickertape keys create --user u-1 --role analyst"))
    assert created.returncode == 0 and re.fullmatch(r"tt_[A-Za-z0-9_-]{43}\n", created.stdout), created.stderr
    listed = shell.run(shell_line("tickertape keys list"))
    assert listed.returncode == 0 and "dashboard" in listed.stdout and created.stdout.strip() not in listed.stdout
    (name,) = re.findall(r"\b[0-9a-f]{16}\b", listed.stdout)
    revoked = shell.run(shell_line("tickertape keys revoke").replace("3f9a6c21d07b44e8", name))
    assert revoked.returncode == 0, revoked.stderr
    assert "dashboard" not in shell.run(shell_line("tickertape keys list")).stdout


def test_lines_for_apis_of_ones_own_are_understood(shell, here):
    # Nobody listens there: the lines are understood, signed, and end with what cannot be reached.
    shell.variables |= {
        "PATH": f"{here}/.build/release:{shell.variables['PATH']}", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_REGION": "eu-west-1"}
    nowhere = f"127.0.0.1:{free_port()}"
    watching = shell_line("watch 'wss://stream").replace("wss://stream.example.com", f"ws://{nowhere}")
    watched = shell.run(watching.replace(" --sign", " --no-reconnect --sign"))
    assert watched.returncode == 69 and nowhere in watched.stderr, watched
    publishing = shell_line("--function my-publisher").replace("https://lambda.eu-west-1.amazonaws.com", f"http://{nowhere}")
    published = shell.run(publishing)
    assert published.returncode == 69 and nowhere in published.stderr, published
