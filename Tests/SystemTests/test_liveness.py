"""The server pings who says nothing. Five minutes of the real thing pass in five seconds: PING_SECONDS=1, a sweep each."""

import asyncio
import contextlib
import json
import subprocess

import pytest
import websockets
from websockets.asyncio.client import connect

from gateway_process import BIN, ROOT, Gateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    running = Gateway(
        tmp_path_factory.mktemp("liveness"), "--sweep", "1", environment={"PING_SECONDS": "1"}).start()
    yield running
    running.stop()


async def frames(ws, seconds, answer=None):
    """What comes within so many seconds, each ping answered by `answer`; the last is None if the server closed."""
    came = []
    end = asyncio.get_running_loop().time() + seconds
    try:
        while (left := end - asyncio.get_running_loop().time()) > 0:
            came.append(json.loads(await asyncio.wait_for(ws.recv(), left)))
            if answer and came[-1]["type"] == "ping":
                await ws.send(answer)
    except TimeoutError:
        pass
    except websockets.ConnectionClosed:
        came.append(None)
    return came


async def test_who_answers_no_ping_is_told_and_closed_after_three_and_who_answers_stays(gateway):
    urls = [gateway.socket_url(query) for query in ("userId=mute", "userId=well", "dialect=flat", "dialect=message")]
    async with contextlib.AsyncExitStack() as stack:
        mute, well, flat, message = [await stack.enter_async_context(connect(url, ping_interval=None)) for url in urls]
        # A pong that nobody asked for is taken in silence.
        await well.send('{"type":"pong"}')
        of_mute, of_well, of_flat, of_message = await asyncio.gather(
            frames(mute, 20), frames(well, 9, '{"type":"pong"}'), frames(flat, 9), frames(message, 9))
        assert [frame and frame["type"] for frame in of_mute] == ["ping", "ping", "ping", "error", None]
        assert of_mute[3]["code"] == "no_pong" and "did not answer 3 pings" in of_mute[3]["message"]
        # Nobody else is closed: not who answers, nor whose protocol has no pong.
        for came in (of_well, of_flat, of_message):
            assert came and all(frame == {"type": "ping"} for frame in came), came
        for ws in (well, flat, message):
            await ws.send('{"type":"ping"}')
            answers = await frames(ws, 1)
            assert "pong" in [frame["type"] for frame in answers], answers
        assert len(of_well) > 3


async def test_the_client_libraries_answer_pings(gateway):
    # They are pinged after two and a half seconds, and would be closed after six.
    watching = subprocess.Popen(
        [BIN / "tickertape", "watch", gateway.socket_url("userId=swift"), "--subscribe", "signal", "--json", "--for", "9"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    plain = subprocess.Popen(
        [BIN / "tickertape", "watch", gateway.socket_url("userId=plain"), "--no-hello", "--subscribe", "signal", "--json",
         "--for", "9"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    script = f"""
      import {{ connect }} from '{ROOT}/Clients/js/src/index.js';
      const client = connect('{gateway.socket_url("userId=js")}');
      client.on('notice', (frame) => console.log(JSON.stringify(frame)));
      client.on('status', (status) => console.log(JSON.stringify(status)));
      client.subscribe('signal', () => {{}});
      setTimeout(() => client.close(), 9000);
    """
    node = subprocess.Popen(
        ["node", "--input-type=module", "-e", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for process in (watching, plain, node):
        output, _ = await asyncio.to_thread(process.communicate, timeout=60)
        assert "no_pong" not in output and '"state":"waiting"' not in output, output
    log = gateway.log()
    # They were pinged, and it was they who answered.
    assert log.count("silent connections pinged") >= 3, log
