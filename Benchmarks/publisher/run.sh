#!/usr/bin/env bash
# The whole Publisher against a raw C socket loop: 10,000 connections in a SQLite table, one event, plain HTTP, 64 in
# flight, unsigned. CPU of a delivery, with the listeners' query, the encoding and the answer.
#
# Usage: run.sh [--rounds 5]
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=Benchmarks/common.sh
. Benchmarks/common.sh
needs gcc=gcc python3=python3 taskset=util-linux /usr/include/openssl/evp.h=libssl-dev
rounds=5 connections=10000
case ${1:-} in
  '') ;;
  --rounds) rounds=$2 ;;
  *) sed -n '2,5p' "$0"; exit 64 ;;
esac
swift build -c release >&2
bin=$(swift build -c release --show-bin-path)
work=$(mktemp -d)
sink=''
trap 'stop "$sink"; rm -rf "$work"' EXIT
gcc -O2 -Wall -o "$work/runtime_api" Benchmarks/lambda/runtime_api.c
for program in sink fanout_raw; do gcc -O2 -Wall -o "$work/$program" "Benchmarks/reference/$program.c" -lcrypto; done

# The listeners come into the table as they do in life: through ConnectHandler, subscribed by their query. Nobody in
# particular: a person has ten connections at most.
sed 's/"queryStringParameters":{/&"eventTypes":"price:update",/' Benchmarks/lambda/events/connect.json \
  >"$work/connect.json"
store=sqlite:$work/table.sqlite
bounded "$work/runtime_api" -i -e "$work/connect.json" -r 1 -w 0 -n "$connections" -E ACCESS=open \
  -E CONNECTION_STORE="$store" -L rows -- "$bin/ConnectHandler" >/dev/null

printf '{"type":"price:update","key":"AAPL","data":"%0150d"}' 7 >"$work/event.json"
taskset -c 0 "$work/sink" >"$work/sink.out" &
sink=$!
await 10 "$sink" "the sink" test -s "$work/sink.out"
port=$(head -1 "$work/sink.out")
for _ in $(seq "$rounds"); do
  bounded taskset -c 1 "$work/fanout_raw" -p "$port" -n "$connections" -b 300 -r 5 >>"$work/c"
  bounded "$work/runtime_api" -e "$work/event.json" -r 1 -w 1 -n 5 -c 0 -C 1 -E CONNECTION_STORE="$store" \
    -E API_GATEWAY_ENDPOINT="http://127.0.0.1:$port/dev" -L publisher -- "$bin/Publisher" >>"$work/swift"
done
python3 - "$work/c" "$work/swift" "$connections" <<'PY'
import json, statistics, sys
c, swift = ([json.loads(line) for line in open(path)] for path in sys.argv[1:3])
n = int(sys.argv[3])
ours = [row["warm_cpu_us"] / n for row in swift]
ratio = statistics.median(b / a["cpu_us"] for a, b in zip(c, ours))
print(f"CPU a delivery: Publisher {statistics.median(ours):.2f} us, raw C loop "
      f"{statistics.median(a['cpu_us'] for a in c):.2f} us, ratio {ratio:.2f} (budget 2)")
print(f"peak memory {max(row['hwm_kb'] for row in swift) / 1024:.1f} MB; last answer {swift[-1]['response']}")
PY
