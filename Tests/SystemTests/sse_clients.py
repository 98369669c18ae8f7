"""Readers of server-sent events made by others, each as its maker means it to be used, and each coming back as it does by itself."""

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import time

import httpx
import sseclient
from httpx_sse import connect_sse

from gateway_process import ROOT

NODE_CLIENT = ROOT / "Tests" / "SystemTests" / "eventsource_client.cjs"
# What a client that does not come back by itself waits.
PAUSE = 0.1


class Reader:
    """Follows one URL; `got` are the data of its messages, in their order, twice if they came twice."""

    def __init__(self, name, url):
        self.name, self.url = name, url
        self.got, self.last, self.opens, self.errors = [], None, 0, []
        self.is_stopped = False

    def take(self, data, last):
        # As EventSource has it: what comes without an id stands at the id before.
        self.last = last or self.last
        if data:
            self.got.append(json.loads(data))


class Loop(Reader):
    """One that ends with its connection: the program around it comes back with the newest id."""

    def __init__(self, name, url):
        super().__init__(name, url)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.is_stopped:
            try:
                self.opens += 1
                self.follow({"Last-Event-ID": self.last} if self.last else {})
            except (OSError, httpx.HTTPError) as error:
                self.errors.append(error)
            time.sleep(PAUSE)

    def stop(self):
        self.is_stopped = True


class Curl(Loop):
    """`curl -N` and the lines of the specification: a frame counts once its empty line has come."""

    def follow(self, headers):
        given = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
        self.process = subprocess.Popen(["curl", "-sfN", *given, self.url], stdout=subprocess.PIPE, text=True)
        data, last = [], None
        for line in self.process.stdout:
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "data":
                data.append(value)
            elif name == "id":
                last = value
            elif line == "\n":
                self.take("\n".join(data), last)
                data, last = [], None
        self.process.wait()

    def stop(self):
        super().stop()
        self.process.kill()


class HttpxSSE(Loop):
    def follow(self, headers):
        with httpx.Client(timeout=60) as client, connect_sse(client, "GET", self.url, headers=headers) as source:
            source.response.raise_for_status()
            for event in source.iter_sse():
                self.take(event.data, event.id)
                if self.is_stopped:
                    return


class SSEClientPy(Loop):
    def follow(self, headers):
        with httpx.Client(timeout=60) as client, client.stream("GET", self.url, headers=headers) as response:
            response.raise_for_status()
            for event in sseclient.SSEClient(response.iter_bytes()).events():
                self.take(event.data, event.id)
                if self.is_stopped:
                    return


class NodeEventSource:
    """One process that follows several URLs."""

    def __init__(self, urls):
        self.readers = [Reader(f"node-eventsource {number}", url) for number, url in enumerate(urls)]
        self.complaints = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            ["node", NODE_CLIENT, *urls], stdout=subprocess.PIPE, stderr=self.complaints, text=True,
            env={**os.environ, "NODE_PATH": "/usr/share/nodejs"})
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        for line in self.process.stdout:
            said = json.loads(line)
            reader = self.readers[said["which"]]
            if "data" in said:
                reader.take(said["data"], said["id"])
            else:
                reader.errors.append(said)

    def stop(self):
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            self.complaints.close()


# 2 is CLOSED. A browser's EventSource gives up at whatever a proxy answers in the gateway's place; a page that watches it makes
# a new one, which has to be told where the old one was.
FOLLOW = """([path, watches]) => {
  const follower = window.follower = { got: [], states: [], opens: 0, closed: 0, last: "" };
  const open = () => {
    const asks = follower.last ? (path.includes("?") ? "&" : "?") + "lastEventId=" + encodeURIComponent(follower.last) : "";
    const source = new EventSource(path + asks);
    const take = (event) => { follower.last = event.lastEventId; follower.got.push(JSON.parse(event.data)); };
    source.onopen = () => { follower.opens += 1; };
    source.onmessage = take;
    for (const type of ["order:update"]) source.addEventListener(type, take);
    source.onerror = () => {
      follower.states.push(source.readyState);
      if (source.readyState !== 2) return;
      follower.closed += 1;
      if (watches) setTimeout(open, 100);
    };
  };
  open();
}"""


class Chromium(Reader):
    """A page's EventSource. What it got is fetched by `look`, from the thread that made it."""

    def __init__(self, name, browser, url, watches=False):
        super().__init__(name, url)
        root, _, path = url.partition("://")[2].partition("/")
        self.context = browser.new_context()
        self.page = self.context.new_page()
        self.page.goto(f"http://{root}/")
        self.page.evaluate(FOLLOW, ["/" + path, watches])

    def look(self):
        seen = self.page.evaluate("window.follower")
        self.got, self.opens, self.states, self.closed = seen["got"], seen["opens"], seen["states"], seen["closed"]

    def stop(self):
        self.context.close()
