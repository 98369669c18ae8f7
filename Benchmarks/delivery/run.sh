#!/bin/bash
# Delivery against a raw C socket loop: 10,000 connections from a list in memory, 300 bytes each, unsigned, plain HTTP,
# 64 connections kept, no pipelining. Both run in the same minute, one after the other; what counts is their ratio.
#
#   Benchmarks/delivery/run.sh            a table, and whether the budgets hold (exit status 1 if not)
#   Benchmarks/delivery/run.sh --json     the raw lines and a summary, one JSON object a line
#   ROUNDS=9                              how often each runs (default 7)
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=Benchmarks/common.sh
. Benchmarks/common.sh
needs gcc=gcc python3=python3 /usr/include/openssl/evp.h=libssl-dev
rounds=${ROUNDS:-7} deliveries=10000 bytes=300 repeats=5
json=false
[ "${1:-}" = --json ] && json=true
build=$(mktemp -d)
sink=
trap 'stop "$sink"; rm -rf "$build"' EXIT

for program in sink fanout_raw; do gcc -O2 -Wall -o "$build/$program" "Benchmarks/reference/$program.c" -lcrypto; done
TICKERTAPE_BENCHMARKS=1 swift build -c release --product DeliveryBenchmark >&2
client=$(TICKERTAPE_BENCHMARKS=1 swift build -c release --show-bin-path)/DeliveryBenchmark

# Client and sink each have a processor to themselves where there are two.
on_sink=() on_client=()
if [ "$(nproc)" -gt 1 ]; then on_sink=(taskset -c 0) on_client=(taskset -c 1); fi
start_sink() {
  rm -f "$build/sink.out"
  "${on_sink[@]}" "$build/sink" "$@" > "$build/sink.out" &
  sink=$!
  await 10 "$sink" "the sink" test -s "$build/sink.out"
  port=$(head -1 "$build/sink.out")
}
stop_sink() {
  stop "$sink"
  sink=
}

# First a run in which the sink looks at everything.
start_sink -k $bytes
bounded "$client" "http://127.0.0.1:$port/prod" $deliveries $bytes 1 > /dev/null
stop_sink
checked=$(tail -1 "$build/sink.out")

start_sink
for _ in $(seq "$rounds"); do
  bounded "${on_client[@]}" "$build/fanout_raw" -p "$port" -n $deliveries -b $bytes -r $repeats
  bounded "${on_client[@]}" "$client" "http://127.0.0.1:$port/prod" $deliveries $bytes $repeats
done > "$build/lines"
stop_sink

python3 - "$build/lines" "$checked" "$json" $deliveries <<'PYTHON'
import json, statistics, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
checked, wants_json, deliveries = json.loads(sys.argv[2]), sys.argv[3] == "true", int(sys.argv[4])
pairs = list(zip(lines[0::2], lines[1::2]))
middle = lambda key, which: statistics.median(pair[which][key] for pair in pairs)
summary = {
    "cpu_ratio": round(statistics.median(d["cpu_us"] / c["cpu_us"] for c, d in pairs), 3),
    "first_cpu_ratio": round(statistics.median(d["first_cpu_us"] / c["cpu_us"] for c, d in pairs), 3),
    "peak_mb": round(max(d["peak_kb"] for _, d in pairs) / 1024, 1),
    "checked": checked,
}
sound = checked["ids"] == deliveries and not checked["repeated"] and not checked["wrong"]
holds = summary["cpu_ratio"] <= 1.25 and summary["peak_mb"] <= 21 and sound
if wants_json:
    for line in lines + [summary]:
        print(json.dumps(line))
else:
    print(f"{'':12} {'CPU a delivery':>15} {'first round':>12} {'a second':>10} {'peak':>8}")
    for which, name in ((0, "raw C loop"), (1, "Delivery")):
        print(f"{name:12} {middle('cpu_us', which):12.2f} us {middle('first_cpu_us', which):9.2f} us "
              f"{middle('per_second', which):10,.0f} {middle('peak_kb', which) / 1024:5.1f} MB")
    print(f"ratio of CPU, median of {len(pairs)} pairs: {summary['cpu_ratio']} (budget 1.25); "
          f"with connections to open: {summary['first_cpu_ratio']}")
    print(f"peak memory {summary['peak_mb']} MB (budget 21)")
    print(f"checked: {checked['ids']} ids, {checked['repeated']} repeated, {checked['wrong']} wrong bodies"
          f" of {checked['requests']} requests: {'right' if sound else 'WRONG'}")
sys.exit(0 if holds else 1)
PYTHON
