"""The delivery proof's clients of server-sent events: some know nothing else, some change between this and WebSockets and take the
one cursor along. Written for the proof alone, on a bare socket, so that it can break off anywhere and see every byte."""

import asyncio
import base64
import hashlib
import json
import urllib.parse
import zlib

from follower import Follower

EMPTY_CURSOR = "AQ"


class EventStreamFollower(Follower):
    """`transports`: of each connection one of these is used."""

    def __init__(self, name, url, role, types, keys, random, target, transports):
        super().__init__(f"{name} over {' and '.join(transports)}", url, role, types, keys, random)
        self.target, self.transports = target, transports
        self.host, self.port = urllib.parse.urlsplit(url).netloc.split(":")
        # Whether nothing that it has may come again: then its cursor is always the id of the newest frame.
        self.isExact = transports == ["SSE"]
        self.opened = 0

    async def _connect(self):
        # A cursor is all that goes along: who has seen events and has none yet would get the state a second time.
        may_stream = self.cursor or not self.places
        if self.random.choice(self.transports) == "SSE" and may_stream or "WebSocket" not in self.transports:
            await self._stream()
        else:
            await super()._connect()

    async def _stream(self):
        reader, writer = await asyncio.wait_for(asyncio.open_connection(self.host, int(self.port), limit=1 << 22), 20)
        try:
            writer.write(self._request())
            await writer.drain()
            status, coding = await asyncio.wait_for(self._head(reader), 20)
            if status != 200:
                self.note("refused", status)
                raise ConnectionError(f"status {status}")
            self.connects += 1
            self.opened += 1
            await self._read(reader, writer, zlib.decompressobj(31) if coding == "gzip" else None)
        except (asyncio.IncompleteReadError, ValueError) as error:
            raise ConnectionError(str(error))
        finally:
            writer.transport.abort()

    def _request(self):
        self.presented = self.cursor
        self.isDouble = self.random.random() < 0.3
        asked = {"eventTypes" if self.isDouble else "subscriptions": ",".join(self.types)}
        if self.keys:
            asked["keys"] = ",".join(self.keys)
        fields = [f"Host: {self.host}:{self.port}"]
        if self.random.random() < 0.5:
            fields.append("Accept-Encoding: gzip")
        if self.cursor:
            # As it stood in an id, or alone, as a WebSocket's client knows it.
            said = self.cursor if self.random.random() < 0.5 else f"1-a.{self.cursor}"
            place = self.random.choice(["Last-Event-ID", "lastEventId", "last_event_id", "cursor"])
            if place == "Last-Event-ID":
                fields.append(f"{place}: {said}")
            else:
                asked[place] = said
        path = self.random.choice(["", "/dev"]) + ("/stream" if self.isDouble else "/stream/sse")
        self.note("opens", path, self.cursor, dict(self.places))
        target = f"{path}?{self.target}&{urllib.parse.urlencode(asked)}"
        return ("\r\n".join([f"GET {target} HTTP/1.1", *fields]) + "\r\n\r\n").encode()

    async def _head(self, reader):
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), fields.get("content-encoding")

    async def _read(self, reader, writer, inflate):
        now = asyncio.get_running_loop().time
        self.rows, self.lost, self.isState = [], None, False
        leave_at = None if self.isCalm else now() + self.random.expovariate(1 / 6)
        rest, quiet_since, chunk = b"", now(), asyncio.ensure_future(self._chunk(reader))
        try:
            while not self.isStopped:
                if leave_at and now() >= leave_at and not self.isCalm:
                    if await self._stays(writer):
                        leave_at = None
                        continue
                    return
                # A comment comes each second, so this one is dead.
                if now() - quiet_since > 12:
                    return self.note("dead")
                done, _ = await asyncio.wait([chunk], timeout=0.2)
                if not done:
                    continue
                some, quiet_since = chunk.result(), now()
                if not some:
                    return self.note("ended")
                rest += inflate.decompress(some) if inflate else some
                *blocks, rest = rest.split(b"\n\n")
                for block in blocks:
                    self._take(block.decode())
                chunk = asyncio.ensure_future(self._chunk(reader))
        finally:
            chunk.cancel()
            self.shown.append(("cut",))

    async def _chunk(self, reader):
        """One chunk of the body; empty at its end."""
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        return (await reader.readexactly(size + 2))[:size]

    async def _stays(self, writer):
        """Goes, or reads nothing for a while and then goes on, or goes."""
        kind = self.random.choice(["abort", "abort", "deaf", "pause"])
        self.note("leaves", kind)
        if kind == "abort":
            return False
        writer.transport.pause_reading()
        await asyncio.sleep(self.random.uniform(0.2, 1.5))
        if kind == "pause":
            writer.transport.resume_reading()
        return kind == "pause"

    # Frames

    def _take(self, block):
        name, data, frame_id = "message", [], None
        for line in block.split("\n"):
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                frame_id = value.partition(".")[2]
        if not data:
            if block == ":":
                # `STREAM_SECOND_CHUNK`: what was written together is whole.
                self.shown.append(("whole",))
            elif frame_id is not None:
                self.note("closes", frame_id)
                self._reach(frame_id)
            return
        frame = json.loads("\n".join(data))
        kind = frame.get("type")
        self.note(kind, *(frame.get(member) for member in ("stream", "seq", "folded", "code")), frame_id)
        if kind == "connection":
            self._begin(frame_id)
        elif kind == "resume":
            self.lost = frame
            # Its id says that no state follows.
            self.isState = frame_id is None
            if frame_id is not None:
                self._show_state(frame_id)
                self._reach(frame_id)
        elif kind in ("error", "heartbeat"):
            pass
        elif self.isDouble and name != "message":
            self.named = frame
        else:
            if self.isDouble and self.named != frame:
                self.shown.append(("fault", f"{frame} has another name than {self.named}"))
            self._event(frame, frame_id)

    def _begin(self, cursor):
        """The connection's id is where the client was, if a state comes, and else where it is."""
        self.isState = cursor == EMPTY_CURSOR
        if not self.presented or self.presented == EMPTY_CURSOR:
            if not self.isState:
                self._show_state(cursor)
        self._reach(cursor)

    def _event(self, frame, cursor):
        if self.isState:
            self.rows.append(frame)
            if cursor is not None:
                self.isState = False
                self._show_state(cursor)
                self._reach(cursor)
            return
        if cursor is None:
            self.shown.append(("fault", f"{frame['stream']} {frame['seq']} has no id"))
            return
        if self.isExact and frame["seq"] <= self.places.get(frame["stream"], 0):
            self.shown.append(("fault", f"{frame['stream']} {frame['seq']} comes again"))
        self.shown.append(("id", frame["stream"], frame["seq"], cursor))
        self._show(frame)
        self._reach(cursor)

    def _show_state(self, cursor):
        rows, self.rows = self.rows, []
        self.shown.append(("state", rows, cursor, self.presented or EMPTY_CURSOR, self.lost))
        for row in rows:
            # What is kept of a user may be newer than the place from which its events come.
            if row["stream"].startswith("all/"):
                self.places[row["stream"]] = max(row["seq"], self.places.get(row["stream"], 0))

    def _reach(self, cursor):
        self.cursor = cursor


def positions(cursor, epochs):
    """What a cursor says of streams, by its fingerprints: a version byte, then of each 48 bits and a number in groups of 7 bits."""
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    names = {}
    for stream, epoch in epochs.items():
        for one in (epoch, ""):
            digest = hashlib.sha256(f"{len(stream.encode())}:{stream}{one}".encode()).digest()
            names[digest[:6]] = stream
    found, place = {}, 1
    while place < len(raw):
        name, place, number, shift = raw[place:place + 6], place + 6, 0, 0
        while True:
            byte, place = raw[place], place + 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        found[names.get(name, name.hex())] = number
    return found


def explained(follower, epochs):
    """What was shown, with the states of an event stream as snapshots of each of its streams, and what is wrong with them."""
    shown, faults = [], []
    for number, one in enumerate(follower.shown):
        if one[0] == "fault":
            faults.append(one[1])
        elif one[0] == "id":
            _, stream, seq, cursor = one
            if positions(cursor, epochs).get(stream) != seq:
                faults.append(f"the id of {stream} {seq} says {positions(cursor, epochs)}")
        elif one[0] == "state":
            shown += _state(follower, number, one[1:], epochs, faults)
        else:
            shown.append(one)
    return shown, faults


def _state(follower, number, state, epochs, faults):
    rows, cursor, presented, lost = state
    before, after = positions(presented, epochs), positions(cursor, epochs)
    shown = []
    told = {one["stream"]: one for one in (lost or {}).get("streams", [])}
    for stream in follower.streams:
        if stream not in after:
            faults.append(f"a cursor says nothing of {stream}")
            continue
        if lost is not None:
            missed = told[stream]["missed"] if stream in told else 0
            if after[stream] - before.get(stream, 0) != missed:
                faults.append(f"{missed} of {stream} are told as missed between {before.get(stream)} and {after[stream]}")
            if not missed:
                continue
        of_stream = [row for row in rows if row["stream"] == stream]
        shown.append(("snapshot", stream, after[stream], of_stream, f"SSE {number}"))
    if lost is not None:
        shown.insert(0, ("gap", lost))
    others = {row["stream"] for row in rows} - {one[1] for one in shown if one[0] == "snapshot"}
    if others:
        faults.append(f"a state of {others}, which it has")
    return shown
