"""`figures.py FILE yes|no`: what run.sh measured, as sentences beside their limits, or (yes) what held as JSON. Status 1: not all held."""

import json
import statistics
import sys

path, is_json = sys.argv[1], sys.argv[2] == "yes"
rows = {}
for line in open(path):
    row = json.loads(line)
    rows.setdefault(f"{row['what']} {row.get('kind', '')}".strip(), []).append(row)
held = {}


def middle(name, key):
    return statistics.median(row[key] for row in rows[name])


def say(name, holds, text):
    held[name] = bool(holds)
    if not is_json:
        print(text + ("" if holds else "   NOT HELD"))


for name in [name for name in rows if name.startswith("decode ")]:
    rate, complete = middle(name, "per_s"), all(row["complete"] for row in rows[name])
    say(name, rate >= 50_000 and complete,
        f"decoded and ordered, {name[7:]}: {rate:,.0f} events/s (limit 50,000), {middle(name, 'parse_ratio'):.2f} x JSON.parse alone"
        f"{'' if complete else '; not all in order'}")
growth, all_shown = middle("memory", "growth_mb"), all(row["shown"] == row["events"] and not row["passed_over"] for row in rows["memory"])
say("memory", growth <= 0.5 and all_shown,
    f"heap over an hour of virtual time, {middle('memory', 'events'):,.0f} events: {middle('memory', 'early_mb'):.1f} MB from minute 10 to 24, "
    f"{growth:+.2f} MB in the last quarter (limit +0.5), {middle('memory', 'peak_mb'):.1f} MB at most")
fps = middle("page", "fps")
say("frames", fps >= 50, f"frames a second: {fps:.0f} (limit 50); without events {middle('page', 'idle_fps'):.0f}; p99 between two {middle('page', 'gap_p99_ms'):.0f} ms")
say("tasks", middle("page", "task_p99_ms") < 50,
    f"main-thread tasks: p99 {middle('page', 'task_p99_ms'):.1f} ms (limit 50), longest {middle('page', 'task_max_ms'):.0f} ms, "
    f"{middle('page', 'over_50_ms'):.0f} of {middle('page', 'tasks'):,.0f} over 50 ms; busy for {100 * middle('page', 'busy'):.0f} %")
delays, arrivals = (sorted(delay for row in rows["page"] for delay in row[name]) for name in ("delays_ms", "arrivals_ms"))
share = sum(row["seen"] for row in rows["page"]) / sum(row["in_sight"] for row in rows["page"])
p50, p99, plain50, plain99 = (found[int(part * (len(found) - 1))] for found in (delays, arrivals) for part in (0.5, 0.99))
say("delay", p99 < 100 and share >= 0.95,
    f"publish to screen, {len(delays)} of the rows in sight: p50 {p50:.0f} ms, p99 {p99:.0f} ms (limit 100), {100 * share:.1f} % seen by "
    f"themselves; a plain client beside it has them after {plain50:.0f} and {plain99:.0f} ms; {rows['page'][-1]['losses']}")
say("paint", middle("page", "first_paint_ms") < 1_000, f"first paint of a fresh profile: {middle('page', 'first_paint_ms'):.0f} ms (limit 1,000)")
size = max(row["bytes"] for row in rows["page"])
say("bytes", 10_000 < size <= 25 * 1024, f"page and client as transferred, gzipped: {size:,} bytes (limit 25,600)")
if is_json:
    print(json.dumps({"held": held}))
sys.exit(0 if all(held.values()) else 1)
