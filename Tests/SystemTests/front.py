"""A relay of TCP between a browser and a gateway, which is a network that can be cut: without a word, by a reset, within a frame."""

import asyncio
import contextlib
import threading


class Front:
    """Passes connections on to `port`, and those that become WebSockets to `socket_port`, until it is told otherwise."""

    def __init__(self, port, socket_port=None):
        self.behind, self.socket_port = port, socket_port or port
        self.lines = set()
        self.socket_count = 0
        # New connections are taken, and nothing is passed on.
        self.is_away = False
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self._run(asyncio.start_server(self._take, "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    async def _take(self, reader, writer):
        line = Line(writer)
        line.is_lost = self.is_away
        self.lines.add(line)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            is_socket = b"upgrade: websocket" in head.lower()
            self.socket_count += is_socket
            if line.is_lost:
                await reader.read()
            else:
                behind, onward = await asyncio.open_connection("127.0.0.1", self.socket_port if is_socket else self.behind)
                line.writers.append(onward)
                # A gateway answers to its own address only, so requests bear that one.
                named = (b":%d" % self.port, b":%d" % self.behind)
                onward.write(head.replace(*named))
                await asyncio.gather(
                    line.relay(reader, onward, named=None if is_socket else named), line.relay(behind, writer, is_frames=is_socket))
        line.end()
        self.lines.discard(line)

    def _all(self, work):
        async def go():
            for line in list(self.lines):
                work(line)
        self._run(go())

    def lose(self):
        """What stands and what comes is passed on no more, and nobody is told: a cable that is pulled."""
        self.is_away = True
        self._all(lambda line: setattr(line, "is_lost", True))

    def find(self):
        """New connections are passed on again. Those that were lost stay so: whoever routed them has forgotten them."""
        self.is_away = False

    def reset(self):
        """Every connection ends with RST."""
        self._all(lambda line: line.end())

    def break_within_a_frame(self):
        """The next thing that each WebSocket's server sends is passed on by half; then it ends."""
        self._all(lambda line: setattr(line, "is_brittle", True))

    def stop(self):
        self.reset()
        self._run(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    async def _close(self):
        self.server.close()
        await asyncio.sleep(0)


class Line:
    """One connection, to both sides."""

    def __init__(self, writer):
        self.writers = [writer]
        self.is_lost = self.is_brittle = False

    async def relay(self, reader, writer, is_frames=False, named=None):
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if self.is_lost:
                    continue
                if self.is_brittle and is_frames:
                    writer.write(data[:len(data) // 2])
                    await writer.drain()
                    # What is half sent has to arrive before the end of it does.
                    await asyncio.sleep(0.05)
                    return self.end()
                writer.write(data.replace(*named) if named else data)
                await writer.drain()
        if not self.is_lost:
            writer.close()

    def end(self):
        for writer in self.writers:
            writer.transport.abort()
