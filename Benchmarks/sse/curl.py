#!/usr/bin/env python3
"""What `curl -N --compressed` shows of a stream, and when: curl.py PORT COUNT. Prints one JSON line of milliseconds from the publish
to curl's output."""

import http.client
import json
import subprocess
import sys
import time


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    late = []
    with subprocess.Popen(
            ["curl", "-sN", "--compressed", f"http://127.0.0.1:{port}/api/stream/prices?symbols=AAPL"], stdout=subprocess.PIPE, text=True) as curl:
        lines = iter(curl.stdout.readline, "")
        next(line for line in lines if line.startswith("retry:"))
        publisher = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for number in range(count + 1):
            event = {"type": "price:update", "key": "AAPL", "data": {"symbol": "AAPL", "n": number}}
            start = time.monotonic()
            publisher.request("POST", "/2015-03-31/functions/Publisher/invocations", json.dumps(event))
            next(line for line in lines if f'"n": {number}' in line or f'"n":{number}' in line)
            late.append(1000 * (time.monotonic() - start))
            publisher.getresponse().read()
            time.sleep(0.013 * (number % 5))
        curl.kill()
    late = sorted(late[1:])  # the first one waits for the Publisher's process
    print(json.dumps({"label": "curl", "p50_ms": late[len(late) // 2], "max_ms": late[-1], "events": len(late)}))


if __name__ == "__main__":
    main()
