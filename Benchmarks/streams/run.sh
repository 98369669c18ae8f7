#!/usr/bin/env bash
# What the log, a resume and a round cost, and how long an event is on its way to a thousand clients.
#
#   append    events into a log in a SQLite file, on disk, beside the same transactions by SQLite's C API
#   resume    1,000 missed events, from the log to frames; and by a client that comes back to the local gateway
#   shape     a round's events folded, encoded and batched
#   arrival   publish to arrival at 1,000 clients of the local gateway that said hello: single events, a stream of a hundred a
#             second, and one of few keys, which folds
#
# Usage: run.sh [--rounds 3] [--clients 1000] [--json]
# lagging.py beside it measures healthy clients beside slow ones and gone ones.
# before.sh compares a delivery's CPU with that of an earlier commit.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=Benchmarks/common.sh
. Benchmarks/common.sh
needs gcc=gcc python3=python3 /usr/include/zlib.h=zlib1g-dev /usr/include/sqlite3.h=libsqlite3-dev
rounds=3 clients=1000 json=no
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --clients) clients=$2; shift 2 ;;
    --json) json=yes; shift ;;
    *) sed -n '2,13p' "$0"; exit 64 ;;
  esac
done
ulimit -n "$(ulimit -Hn)"
export TICKERTAPE_BENCHMARKS=1
swift build -c release >&2
bin=$(swift build -c release --show-bin-path)
work=$(mktemp -d)
out=$work/out.jsonl
gateway=''
cleanup() {
  stop "$gateway"
  rm -rf "$work"
}
trap cleanup EXIT
gcc -O2 -Wall -Wextra -o "$work/subscribers" Benchmarks/reference/subscribers.c -lz
gcc -O2 -Wall -Wextra -o "$work/appends" Benchmarks/reference/appends.c -lsqlite3

start_gateway() {
  port=$(free_port)
  rm -rf "$work/table"; mkdir "$work/table"
  ACCESS=open "$bin/tickertape" serve --port "$port" --stage dev --store "sqlite:$work/table/t.sqlite" --log-level error \
    >"$work/gateway.log" 2>&1 &
  gateway=$!
  await 10 "$gateway" "the gateway" listens "$port"
}
stop_gateway() { stop "$gateway"; gateway=''; }
# What is lacking is told by the figures, after all of them.
subscribers() { bounded "$work/subscribers" -p "$port" "$@" >>"$out" || true; }

events=100000
for _ in $(seq "$rounds"); do
  rm -f "$work"/*.sqlite*
  bounded "$bin/StreamBenchmark" append "$work/a.sqlite" $events 500 96 >>"$out"
  # A segment of 500 such events takes 500 times 212 bytes.
  bounded "$work/appends" "$work/ra.sqlite" $((events / 500)) 500 212 >>"$out"
  bounded "$bin/StreamBenchmark" append "$work/s.sqlite" 1000 1 96 >>"$out"
  bounded "$work/appends" "$work/rs.sqlite" 1000 1 212 >>"$out"
  bounded "$bin/StreamBenchmark" append "$work/k.sqlite" 10000 500 96 keys >>"$out"
  for segment in 500 10 1; do bounded "$bin/StreamBenchmark" resume "$work/r$segment.sqlite" $segment 30 >>"$out"; done
  bounded "$bin/StreamBenchmark" shape 500 500 200 >>"$out"
  bounded "$bin/StreamBenchmark" shape 500 50 200 >>"$out"
  bounded "$bin/StreamBenchmark" shape 10 10 2000 >>"$out"
  start_gateway
  subscribers -L single -n "$clients" -m 50 -r 5
  subscribers -L stream -n "$clients" -m 100 -r 10 -e 10 -k 500 -u 10
  subscribers -L folding -n "$clients" -m 400 -r 40 -e 5 -k 10
  subscribers -L back -m 1000 -R 20
  subscribers -L 'back, gzip' -m 1000 -R 20 -g
  stop_gateway
done

if [ $json = yes ]; then cat "$out"; fi
python3 - "$out" $json <<'PY'
import json, statistics, sys
rows = {}
for line in open(sys.argv[1]):
    row = json.loads(line)
    name = row.get("label") or row["what"]
    if name in ("append", "reference", "append, keys"):
        name = f"{name} {row['batch']}"
    if name == "shape":
        name = f"shape {row['events']}/{row['keys']}"
    if name.startswith("resume"):
        name = f"{name} {row['segment']}"
    rows.setdefault(name, []).append(row)
middle = lambda name, key: statistics.median(row[key] for row in rows[name])
ratio = lambda name, other, key: statistics.median(a[key] / b[key] for a, b in zip(rows[name], rows[other]))
checks = {}
def say(text, name=None, holds=True):
    if name:
        checks[name] = bool(holds)
        text += "" if holds else "   NOT HELD"
    if sys.argv[2] == "no":
        print(text)
per_s = middle("append 500", "per_s")
say(f"append, 500 a batch: {per_s:,.0f} events/s (budget 20,000), {ratio('append 500', 'reference 500', 'per_s'):.2f} x SQLite's C API; "
    f"CPU {middle('append 500', 'cpu_us'):.2f} us an event, {ratio('append 500', 'reference 500', 'cpu_us'):.2f} x", "append", per_s >= 20000)
say(f"append, one at a time: {middle('append 1', 'per_s'):,.0f} a second, {ratio('append 1', 'reference 1', 'per_s'):.2f} x; "
    f"CPU {middle('append 1', 'cpu_us'):.0f} us, {ratio('append 1', 'reference 1', 'cpu_us'):.2f} x")
say(f"append, 500 a batch, each with an idempotency key: {middle('append, keys 500', 'per_s'):,.0f} events/s; "
    f"CPU {middle('append, keys 500', 'cpu_us'):.1f} us an event")
for segment, how in ((500, "500 an append"), (10, "10 an append"), (1, "each its own append")):
    name = f"resume {segment}"
    took = middle(name, "p50_ms")
    say(f"resume of 1,000 missed events, {how}: read {middle(name, 'read_ms'):.1f} ms, with framing {took:.1f} ms, gzip too "
        f"{middle(f'resume, gzip {segment}', 'p50_ms'):.1f} ms (budget 20)", name, took <= 20)
for name in ("back", "back, gzip"):
    took = middle(name, "p50_ms")
    complete = all(row["came"] == row["rounds"] * row["missed"] for row in rows[name])
    say(f"client that comes {name}: hello to ready with 1,000 events, p50 {took:.1f} ms, p95 {middle(name, 'p95_ms'):.1f} ms (budget 20)",
        name, took <= 20 and complete)
for name, how in (("shape 500/500", "500 events, nothing to fold"), ("shape 500/50", "500 events of 50 keys"),
                  ("shape 10/10", "10 events")):
    cost = middle(name, "us_an_event")
    say(f"shaping, {how}: {cost:.2f} us an event (budget 2), gzip {middle(name, 'gzip_us_an_event'):.2f} us more", name, cost <= 2)
for name, how in (("single", "5 single events a second"), ("stream", "10 publishes of 10 events a second, 500 keys"),
                  ("folding", "40 publishes of 5 events a second, 10 keys")):
    least = min(row["ratio"] for row in rows[name])
    repeated = sum(row["repeated"] for row in rows[name])
    p99 = middle(name, "p99_ms")
    text = (f"{int(middle(name, 'clients')):,} clients, {how}: delivered {100 * least:.3f} % (target 99.9), twice {repeated}; publish to arrival "
            f"p50 {middle(name, 'p50_ms'):.0f} ms, p95 {middle(name, 'p95_ms'):.0f} ms, p99 {p99:.0f} ms")
    if name == "single":
        say(text + " (target < 100)", name, least >= 0.999 and p99 < 100 and not repeated)
    else:
        say(text + " (up to 100 of them the window)" + (
            f"; urgent ones p50 {middle(name, 'urgent_p50_ms'):.0f} ms, p99 {middle(name, 'urgent_p99_ms'):.0f} ms" if name == "stream" else
            f"; {100 * middle(name, 'folded') / middle(name, 'wanted'):.0f} % folded"), name, least >= 0.999 and not repeated)
if sys.argv[2] == "yes":
    print(json.dumps({"held": checks}))
sys.exit(0 if all(checks.values()) else 1)
PY
