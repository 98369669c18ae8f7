#!/usr/bin/env python3
"""The figures of Benchmarks/sse beside their budgets: figures.py LINES.jsonl yes|no (yes: a JSON line a figure)."""

import json
import statistics
import sys

rows, held = {}, True


def middle(label, key):
    return statistics.median(row[key] for row in rows[label])


def growth(label, base, key="rss_kb"):
    """KB a stream, without what the processes hold with one stream each."""
    return statistics.median(
        (row[key] - first[key]) / (row["clients"] - first["clients"]) for row, first in zip(rows[label], rows[base]))


def say(figure, measured, unit, budget=None, least=False, note=""):
    global held
    holds = budget is None or (measured >= budget if least else measured <= budget)
    held = held and holds
    if sys.argv[2] == "yes":
        print(json.dumps({"figure": figure, "measured": round(measured, 3), "unit": unit, "budget": budget, "holds": holds, "note": note}))
        return
    limit = "" if budget is None else f" (budget {'≥' if least else '≤'} {budget:g})"
    print(f"{figure}: {measured:.3g} {unit}{limit}{'; ' + note if note else ''}{'' if holds else '   NOT HELD'}")


def memory():
    nchan = growth("nchan event", "nchan base", "pss_kb")
    for label, base, most in (("event", "base", 20), ("gzip", "gzip base", 44)):
        what = "plain" if label == "event" else "gzip"
        all_in = statistics.median((row["rss_kb"] - row["rss_before_kb"]) / row["clients"] for row in rows[label])
        say(f"memory a stream, {what}", growth(label, base), "KB", most, note=f"{all_in:.0f} with the environments' own memory")
    ours = growth("event", "base", "pss_kb")
    say("memory a stream beside nchan", ours / nchan, "x", 2, note=f"Pss {ours:.1f} KB beside {nchan:.1f}")


def cost():
    ours, nchan = middle("event", "cpu_us"), middle("nchan event", "cpu_us")
    ratio = statistics.median(a["cpu_us"] / b["cpu_us"] for a, b in zip(rows["event"], rows["nchan event"]))
    say("processor time an event and client, one event a write, beside nchan", ratio, "x", 3.5,
        note=f"{ours:.1f} us beside {nchan:.1f}, of these the gateway {middle('event', 'server_cpu_us'):.1f}")
    say("processor time a second of a stream in which nothing comes", middle("event", "idle_cpu_us_per_s"), "us")
    say("processor time an event and client at 100 a second", middle("hundred", "cpu_us"), "us",
        note=f"{1 / middle('hundred', 'reads_per_event'):.1f} events a read")


def lateness():
    for label in ("hundred", "hundred, gzip"):
        row = rows[label][0]
        say(f"publish to client, p99, {row['clients']} clients at 100 events a second{label[7:]}", middle(label, "p99_ms"), "ms", 100,
            note=f"p50 {middle(label, 'p50_ms'):.1f}, longest {middle(label, 'max_ms'):.1f}")
    say("publish to client, p99, one event at a time", middle("event", "p99_ms"), "ms", note=f"nchan {middle('nchan event', 'p99_ms'):.1f}")
    say("publish to an open stream, p99", middle("one", "p99_ms"), "ms", 50, note=f"p50 {middle('one', 'p50_ms'):.1f}")
    say("publish to what curl -N --compressed shows, longest", middle("curl", "max_ms"), "ms", 100, note=f"p50 {middle('curl', 'p50_ms'):.1f}")
    lost = sum(row["lacking"] + row["repeated"] + row["left"] for label in ("event", "hundred", "hundred, gzip", "one") for row in rows[label])
    say("events lacking or twice, streams cut", lost, "", 0)


def starts():
    say("first byte, warm, p50", middle("open", "first_p50_ms"), "ms", 5, note=f"p99 {middle('open', 'first_p99_ms'):.1f}")
    say("first byte, cold", statistics.median(row["first_cold_ms"] for label in ("open", "one", "base", "event") for row in rows[label]), "ms", 12)
    say("spawn to first GET /next, beside the C loop", statistics.median(
        a["cold_ms"] / b["cold_ms"] for a, b in zip(rows["StreamHandler"], rows["C loop"])), "x", 2.5,
        note=f"{middle('StreamHandler', 'cold_ms'):.2f} ms")


def saving():
    for name in ("prices", "trading"):
        say(f"saved by gzip, {name}", statistics.median(1 - row["wire_bytes"] / row["text_bytes"] for row in rows[f"bytes, {name}"]) * 100, "%", 60,
            least=True, note=f"{middle(f'bytes, {name}', 'text_bytes') / middle(f'bytes, {name}', 'deliveries'):.0f} bytes an event before")


def main():
    for line in open(sys.argv[1]):
        row = json.loads(line)
        rows.setdefault(row["label"], []).append(row)
    for part in (memory, cost, lateness, starts, saving):
        try:
            part()
        except (KeyError, statistics.StatisticsError) as error:
            print(f"sse: nothing was measured of {error}", file=sys.stderr)
            sys.exit(1)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
