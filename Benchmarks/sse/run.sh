#!/usr/bin/env bash
# Streams of events over HTTP: what an open one holds, how late an event is, and what it costs; beside nginx with nchan's
# EventSource in the same run.
#
#   memory    N open streams of StreamHandler, 256 an environment: growth of VmRSS of gateway and environments together, against
#             as many environments with one stream each; plain and gzip; and the same of nchan
#   event     single events, twenty a second, each a write of its own: processor time an event that a client gets, of all
#             processes that the server has, the Publisher's too
#   hundred   100 events a second to each of N clients, FRAMES_PER_SECOND=0: publish to client
#   one       one stream; bytes: gzip of the documents' samples; curl: what `curl -N --compressed` shows
#   start     first bytes, and spawn to first GET /next beside a static C loop
#
# Usage: run.sh [--rounds 3] [--clients 1000] [--release] [--json]
# The functions are those of `make package` where they are there, unless --release says otherwise. --json prints a line a figure.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=Benchmarks/common.sh
. Benchmarks/common.sh
needs gcc=gcc nginx=nginx /usr/lib/nginx/modules/ngx_nchan_module.so=libnginx-mod-nchan python3=python3 curl=curl \
  /usr/include/zlib.h=zlib1g-dev
rounds=3 clients=1000 packaged=yes json=no
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --clients) clients=$2; shift 2 ;;
    --release) packaged=no; shift ;;
    --json) json=yes; shift ;;
    *) sed -n '2,16p' "$0"; exit 64 ;;
  esac
done
ulimit -n "$(ulimit -Hn)"
bin=$(swift build -c release --show-bin-path)
[ -x "$bin/tickertape" ] || { echo "Build first: make release" >&2; exit 66; }
functions=() stream_handler=$bin/StreamHandler
if [ $packaged = yes ]; then
  for bootstrap in .build/package/*/bootstrap; do
    [ -x "$bootstrap" ] && functions+=(--function "$(basename "$(dirname "$bootstrap")")=$PWD/$bootstrap")
  done
fi
[ -x .build/package/StreamHandler/bootstrap ] && stream_handler=.build/package/StreamHandler/bootstrap
tools=.build/benchmarks
mkdir -p "$tools"
gcc -O2 -Wall -Wextra -o "$tools/ssefan" Benchmarks/reference/ssefan.c -lz
gcc -O2 -Wall -o "$tools/runtime_api" Benchmarks/lambda/runtime_api.c
gcc -O2 -Wall -static -o "$tools/floor" Benchmarks/reference/floor.c
work=$(mktemp -d)
out=$work/out.jsonl
gateway='' nginx=''
cleanup() {
  stop "$gateway" "$nginx"
  rm -rf "$work"
}
trap cleanup EXIT

start_gateway() { # CONCURRENCY
  port=$(free_port)
  rm -rf "$work/table"; mkdir "$work/table"
  ACCESS=open FRAMES_PER_SECOND=0 "$bin/tickertape" serve "${functions[@]}" --port "$port" --stage dev --store "sqlite:$work/table/t.sqlite" \
    --log-level error --concurrency "StreamHandler=$1" >"$work/gateway.log" 2>&1 &
  gateway=$!
  await 10 "$gateway" "the gateway" listens "$port"
}
stop_gateway() { stop "$gateway"; gateway=''; }
# What is lacking is told by the figures, after all of them.
ours() { # LABEL CONCURRENCY OPTION...
  start_gateway "$2"
  bounded "$tools/ssefan" -p "$port" -g "$gateway" -L "$1" "${@:3}" >>"$out" || echo "sse: $1 broke off or lacks events" >&2
  stop_gateway
}
nchan() { # LABEL OPTION...
  port=$(free_port)
  sed -e "s#@DIR@#$work#g" -e "s#@PORT@#$port#g" Benchmarks/gateway/nchan.conf >"$work/nginx.conf"
  nginx -c "$work/nginx.conf" -p "$work" -e "$work/nginx.err"
  await 10 '' "nginx with nchan" listens "$port"
  nginx=$(cat "$work/nchan.pid")
  bounded "$tools/ssefan" -p "$port" -g "$nginx" -s '/sse?ch=a' -u '/pub?ch=a' -L "$1" "${@:2}" >>"$out" || echo "sse: $1 lacks events" >&2
  stop "$nginx"
  nginx=''
}
cold() { # LABEL BOOTSTRAP OPTION...
  bounded "$tools/runtime_api" -e Benchmarks/lambda/events/connect.json -r 1 -w 0 -n 1 -c 0 -L "$1" "${@:3}" -- "$2" >>"$out" 2>/dev/null
}

environments=$(((clients + 255) / 256))
for name in prices trading; do python3 Benchmarks/sse/samples.py $name 400 >"$work/$name.jsonl"; done
for _ in $(seq "$rounds"); do
  nchan 'nchan base' -n "$environments"
  nchan 'nchan event' -n "$clients" -m 200 -r 20
  ours 'base' 1 -n "$environments"
  ours 'event' 256 -n "$clients" -i 3 -m 200 -r 20 -k 500
  ours 'gzip base' 1 -n "$environments" -z
  ours 'gzip' 256 -n "$clients" -z
  ours 'hundred' 256 -n "$clients" -m 500 -r 100 -k 500
  ours 'hundred, gzip' 256 -n "$clients" -z -m 500 -r 100 -k 500
  ours 'one' 256 -n 1 -m 100 -r 7.3
  ours 'open' 256 -n 200
  for name in prices trading; do
    ours "bytes, $name" 256 -n 1 -z -B "$work/$name.jsonl" -r 40 -s "/api/stream/$name?userId=u-1"
  done
  start_gateway 256
  bounded python3 Benchmarks/sse/curl.py "$port" 50 >>"$out"
  stop_gateway
  for _ in 1 2 3; do
    cold 'C loop' "$tools/floor"
    cold 'StreamHandler' "$stream_handler" -E ACCESS=open -E "CONNECTION_STORE=sqlite:$work/cold.sqlite"
  done
done
python3 Benchmarks/sse/figures.py "$out" $json
