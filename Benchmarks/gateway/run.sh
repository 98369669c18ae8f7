#!/usr/bin/env bash
# The local gateway as a fan-out server, beside nginx with nchan in the same run.
#
#   idle      N idle WebSocket connections: growth of the gateway's Pss, bytes each (the functions' processes apart)
#   fan-out   one event published to M subscribers, through the Publisher and the @connections API: publish to last frame; the
#             next one 150 ms later, since a stream has a round in 100 ms
#
# Usage: run.sh [--rounds 3] [--idle 10000] [--subscribers 5000] [--messages 30] [--json]
# Needs the release build and the Debian packages of `scripts/packages.sh bench`.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=Benchmarks/common.sh
. Benchmarks/common.sh
needs gcc=gcc nginx=nginx /usr/lib/nginx/modules/ngx_nchan_module.so=libnginx-mod-nchan python3=python3
rounds=3 idle=10000 subscribers=5000 messages=30 json=no
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --idle) idle=$2; shift 2 ;;
    --subscribers) subscribers=$2; shift 2 ;;
    --messages) messages=$2; shift 2 ;;
    --json) json=yes; shift ;;
    *) sed -n '2,9p' "$0"; exit 64 ;;
  esac
done
ulimit -n "$(ulimit -Hn)"
bin=$(swift build -c release --show-bin-path)
[ -x "$bin/tickertape" ] || { echo "Build first: make release" >&2; exit 66; }
tools=.build/benchmarks
mkdir -p "$tools"
gcc -O2 -Wall -Wno-format-truncation -o "$tools/wsfan" Benchmarks/reference/wsfan.c
work=$(mktemp -d)
out=$work/out.jsonl
gateway='' nginx=''
cleanup() {
  stop "$gateway" "$nginx"
  rm -rf "$work"
}
trap cleanup EXIT

start_gateway() {
  port=$(free_port)
  rm -rf "$work/table"; mkdir "$work/table"
  ACCESS=open taskset -c 0 "$bin/tickertape" serve --port "$port" --stage dev --store "sqlite:$work/table/t.sqlite" \
    --log-level error >"$work/gateway.log" 2>&1 &
  gateway=$!
  await 10 "$gateway" "the gateway" listens "$port"
}
stop_gateway() { stop "$gateway"; gateway=''; }

start_nchan() {
  port=$(free_port)
  sed -e "s#@DIR@#$work#g" -e "s#@PORT@#$port#g" Benchmarks/gateway/nchan.conf >"$work/nginx.conf"
  nginx -c "$work/nginx.conf" -p "$work" -e "$work/nginx.err"
  await 10 '' "nginx with nchan" listens "$port"
  nginx=$(cat "$work/nchan.pid")
}
stop_nchan() { stop "$nginx"; nginx=''; }

for _ in $(seq "$rounds"); do
  start_nchan
  bounded "$tools/wsfan" -p "$port" -n "$subscribers" -m "$messages" -b 300 -w 150 -g "$nginx" -c 1 -L "nchan fan-out" >>"$out"
  stop_nchan
  start_gateway
  bounded "$tools/wsfan" -p "$port" -n "$subscribers" -m "$messages" -b 300 -w 150 -g "$gateway" -a -c 1 -J price:update \
    -s '/dev?eventTypes=price:update' -u /2015-03-31/functions/Publisher/invocations \
    -L "gateway fan-out" >>"$out"
  stop_gateway
done
start_nchan
bounded "$tools/wsfan" -p "$port" -n "$idle" -g "$nginx" -c 1 -I -L "nchan idle" >>"$out"
stop_nchan
start_gateway
bounded "$tools/wsfan" -p "$port" -n "$idle" -g "$gateway" -a -c 1 -I -s '/dev' -L "gateway idle" >>"$out"
stop_gateway

if [ $json = yes ]; then cat "$out"; exit; fi
python3 - "$out" <<'PY'
import json, statistics, sys
rows = {}
for line in open(sys.argv[1]):
    row = json.loads(line)
    rows.setdefault(row["label"], []).append(row)
middle = lambda label, key: statistics.median(r[key] for r in rows[label])
print("| measured | gateway | nchan | ratio | budget |\n|---|---|---|---|---|")
ours, theirs = middle("gateway fan-out", "last_p50_ms"), middle("nchan fan-out", "last_p50_ms")
ratio = statistics.median(a["last_p50_ms"] / b["last_p50_ms"] for a, b in zip(rows["gateway fan-out"], rows["nchan fan-out"]))
n = rows["gateway fan-out"][0]["subs"]
print(f"| publish to last of {n}, p50, ms | {ours:.1f} | {theirs:.1f} | {ratio:.2f} | 3 |")
lost = sum(r["lost"] + r["burst_lost"] + r["failed"] for r in rows["gateway fan-out"])
print(f"| frames lost | {lost} | {sum(r['lost'] + r['burst_lost'] for r in rows['nchan fan-out'])} | | 0 |")
idle, nidle = rows["gateway idle"][0], rows["nchan idle"][0]
print(f"| bytes an idle connection ({idle['subs']}) | {idle['bytes_per_sub']:.0f} | {nidle['bytes_per_sub']:.0f} | {idle['bytes_per_sub']/nidle['bytes_per_sub']:.2f} | 10500 bytes |")
print(f"| connects a second, with their table write | {idle['connect_per_s']:.0f} | {nidle['connect_per_s']:.0f} | | |")
PY
