"""The delivery proof's JavaScript clients: those of Clients/js, in one Node.js, seen as Python's own followers are."""

import asyncio
import copy
import json
import pathlib
import subprocess
import threading

PROGRAM = pathlib.Path(__file__).with_suffix(".mjs")


class JavaScriptAudience:
    """One program with any number of clients; it is started with the first of them."""

    def __init__(self):
        self.process = None
        self.members = []

    def join(self, name, url, role, types, keys, random):
        """A client with the interface of `Follower`."""
        if self.process is None:
            self.process = subprocess.Popen(["node", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.reader = threading.Thread(target=self._read, daemon=True)
            self.reader.start()
        member = JavaScriptFollower(self, name, role, types, keys)
        self.members.append(member)
        self.say("join", {
            "id": len(self.members) - 1, "url": url, "types": types, "keys": keys, "seed": random.randrange(2**31)})
        return member

    def say(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def close(self):
        """Fails if the program ended by itself."""
        if self.process is None:
            return
        assert self.process.poll() is None, f"the JavaScript clients ended with {self.process.returncode}"
        self.process.stdin.close()
        self.process.wait(20)

    def _read(self):
        for line in self.process.stdout:
            number, kind, *what = json.loads(line)
            self.members[number].record(kind, *what)


class JavaScriptFollower:
    """What one client was shown."""

    def __init__(self, audience, name, role, types, keys):
        self.audience, self.name = audience, f"{name} in JavaScript"
        self.role, self.types, self.keys = role, types, keys
        self.shown, self.trace, self.places = [], [], {}
        self.connects = 0
        self.hasEnded = threading.Event()
        self.isStopped = False
        self._isCalm = False

    def unasked(self):
        """The same client before it asked for anything."""
        other = copy.copy(self)
        other.types, other.keys = [], []
        return other

    @property
    def isCalm(self):
        return self._isCalm

    @isCalm.setter
    def isCalm(self, value):
        self._isCalm = value
        self.audience.say("calm")

    async def run(self):
        """Until it is stopped."""
        while not self.isStopped:
            await asyncio.sleep(0.2)
        self.audience.say("end")
        assert await asyncio.to_thread(self.hasEnded.wait, 30), f"{self.name} does not end"

    def record(self, kind, *what):
        self.trace.append((kind, *what))
        if kind == "connected":
            self.connects += 1
        elif kind == "event":
            event, _ = what
            if "stream" in event:
                self.places[event["stream"]] = event["seq"]
                # What came before `ready` the client may show after it: any event may have been one of those.
                self.shown.append(("event", event["stream"], event["seq"], event, True))
        elif kind == "snapshot":
            stream, seq, rows, hello = what
            self.places[stream] = max(seq, self.places.get(stream, 0))
            self.shown.append(("snapshot", stream, seq, rows, hello))
        elif kind == "gap":
            self.shown.append(("gap", *what))
        elif kind == "ended":
            self.hasEnded.set()
