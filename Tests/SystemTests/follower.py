"""A client's half of the protocol in Python, written for the proof alone: it shares no code with the reference client."""

import asyncio
import base64
import contextlib
import copy
import gzip
import json

import websockets
from websockets.asyncio.client import connect


class Follower:
    """Follows its streams over connections that come and go, and writes down everything it shows."""

    def __init__(self, name, url, role, types, keys, random):
        self.name, self.url, self.role, self.types, self.keys, self.random = name, url, role, types, keys, random
        # ("snapshot", stream, seq, rows, hello) | ("event", stream, seq, frame, whether it was sent before ready, perhaps) |
        # ("gap", frame)
        self.shown = []
        self.places = {}
        self.cursor = None
        self.hellos = 0
        self.isStopped = False
        self.connects = 0
        self.refused = 0
        self.isCalm = False
        self.trace = []          # what happened, for whoever looks into a failure

    def note(self, what, *more):
        self.trace.append((round(asyncio.get_running_loop().time(), 3), what, *more))

    def unasked(self):
        """The same client before it asked for anything."""
        other = copy.copy(self)
        other.types, other.keys = [], []
        return other

    # What a person would see

    def _show(self, event, held=False):
        stream, seq = event.get("stream"), event.get("seq")
        if stream is None or seq <= self.places.get(stream, 0):
            return
        self.places[stream] = seq
        self.shown.append(("event", stream, seq, event, held))

    # Connections

    async def run(self):
        pause = 0.05
        while not self.isStopped:
            try:
                connects = self.connects
                await self._connect()
            except (OSError, websockets.WebSocketException, asyncio.TimeoutError):
                self.refused += 1
            self.note("unconnected")
            if self.connects > connects:
                pause = 0.05
            if self.isStopped:
                return
            await asyncio.sleep(self.random.uniform(0, pause))
            pause = min(1, pause * 2)

    async def _connect(self):
        async with connect(self.url, max_size=None, open_timeout=20, close_timeout=0.2, ping_interval=None) as ws:
            self.connects += 1
            self.note("connected")
            await self._follow(ws)

    async def _follow(self, ws):
        self.held, self.parts, self.snapshots, self.states = [], [], {}, {}
        asking, late_until = True, 0
        await self._hello(ws)
        deadline = asyncio.get_running_loop().time() + 10
        ping_at = asyncio.get_running_loop().time() + self.random.uniform(2, 6)
        pong_by = None
        leave_at = None if self.isCalm else asyncio.get_running_loop().time() + self.random.expovariate(1 / 6)
        while not self.isStopped:
            now = asyncio.get_running_loop().time()
            if leave_at and now >= leave_at and not self.isCalm:
                return await self._leave(ws)
            if asking and now >= deadline:
                await self._hello(ws)
                deadline = now + 10
            if pong_by and now >= pong_by:
                return
            if not asking and now >= ping_at:
                await ws.send('{"type":"ping"}')
                ping_at = now + self.random.uniform(2, 6)
                pong_by = pong_by or now + 8
            try:
                text = await asyncio.wait_for(ws.recv(), 0.2)
            except asyncio.TimeoutError:
                continue
            for frame in self._unwrapped(json.loads(text)):
                kind = frame.get("type")
                self.note(kind, *(frame.get(name) for name in ("stream", "seq", "replay", "folded", "cursor", "code")))
                if kind == "pong":
                    pong_by = None
                    if not asking and "cursor" in frame:
                        self.cursor = frame["cursor"]
                elif kind == "ready":
                    if frame["replay"] == self.hellos and asking:
                        asking = False
                        # A round that read the listeners before the hello may still be on its way.
                        late_until = now + 3
                        for event in sorted(self.held, key=lambda e: (e["stream"], e["seq"])):
                            self._show(event, held=True)
                        self.held = []
                        self.cursor = frame["cursor"]
                elif kind == "snapshot":
                    if frame["replay"] == self.hellos and asking:
                        # A hello that is worked on twice may be answered with two states: a newer one counts.
                        told = self.snapshots.get(frame["stream"])
                        if told is None or told < frame["seq"] > self.places.get(frame["stream"], 0):
                            self.states.setdefault(frame["stream"], []).extend(frame["events"])
                            if frame.get("more"):
                                continue
                            self.snapshots[frame["stream"]] = frame["seq"]
                            rows = self.states.pop(frame["stream"])
                            self.shown.append(("snapshot", frame["stream"], frame["seq"], rows, self.hellos))
                            self.places[frame["stream"]] = max(frame["seq"], self.places.get(frame["stream"], 0))
                elif kind == "resume":
                    if frame["replay"] == self.hellos and asking and frame["recovered"] != "all":
                        self.shown.append(("gap", frame))
                elif kind == "error":
                    if frame["code"] in ("unknown_connection", "limit"):
                        return
                elif kind in ("connection", "status", "subscribed", "unsubscribed") or kind is None:
                    pass
                elif "replay" in frame:
                    if frame["replay"] == self.hellos and asking:
                        deadline = now + 10
                        self._show(frame)
                elif asking:
                    self.held.append(frame)
                else:
                    self._show(frame, held=now < late_until)

    async def _hello(self, ws):
        self.hellos += 1
        self.snapshots, self.states = {}, {}
        hello = {"type": "hello", "n": self.hellos, "eventTypes": self.types, "accept": ["batch", "gzip"]}
        if self.keys:
            hello["keys"] = self.keys
        if self.cursor:
            hello["cursor"] = self.cursor
        if self.places:
            hello["seen"] = self.places
        self.note("hello", self.hellos, self.cursor, dict(self.places))
        await ws.send(json.dumps(hello))

    async def _leave(self, ws):
        """In one of the ways in which connections end."""
        kind = self.random.choice(["abort", "abort", "close", "deaf"])
        self.note("leaves", kind)
        if kind == "abort":
            ws.transport.abort()
        elif kind == "deaf":
            # Reads nothing for a while: what is sent meanwhile is lost with the socket.
            ws.transport.pause_reading()
            await asyncio.sleep(self.random.uniform(0.2, 1.5))
            ws.transport.abort()
        else:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(ws.close(), 1)

    # Frames

    def _unwrapped(self, frame):
        kind = frame.get("type")
        if kind == "gzip":
            return self._unwrapped(json.loads(gzip.decompress(base64.b64decode(frame["data"]))))
        if kind == "part":
            if frame["index"] == 0:
                self.parts = []
            self.parts.append(frame)
            ids = {part["id"] for part in self.parts}
            if len(ids) == 1 and [part["index"] for part in self.parts] == list(range(frame["count"])):
                joined, self.parts = "".join(part["data"] for part in self.parts), []
                return self._unwrapped(json.loads(joined))
            return []
        if kind == "batch":
            return [event for inner in frame["events"] for event in self._unwrapped(inner)]
        return [frame]
