#!/usr/bin/env bash
# The first page in a browser, and the JavaScript client in Node.js.
#
#   decode    events decoded and ordered by the client's state machine, beside JSON.parse alone of the same frames
#   memory    a client and the page's prices over an hour of virtual time, 200 events a second, with losses
#   page      Chromium on the page with 500 symbols at 200 events a second: frames, main-thread tasks, publish to screen;
#             first paint, and the bytes of page and client, of a fresh profile
#
# Usage: run.sh [--rounds 3] [--seconds 20] [--symbols 500] [--rate 200] [--json]
#   --rounds N    of each part; medians are judged
#   --seconds N   how long the page is watched in a round
#   --json        a line of JSON a run, and what held, instead of the sentences
#
# PROGRAMS names a folder with built executables, in place of `swift build -c release`.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=Benchmarks/common.sh
. Benchmarks/common.sh
rounds=3 seconds=20 symbols=500 rate=200 json=no
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --symbols) symbols=$2; shift 2 ;;
    --rate) rate=$2; shift 2 ;;
    --json) json=yes; shift ;;
    --help) sed -n '2,16p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
    *) sed -n '2,16p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 64 ;;
  esac
done
needs chromium=chromium node=nodejs python3=python3
python=.build/venv/bin/python
[ -x "$python" ] || refuse "$python is missing: make python"
if [ -z "${PROGRAMS:-}" ]; then
  swift build -c release >&2
  PROGRAMS=$(swift build -c release --show-bin-path)
fi
work=$(mktemp -d)
gateway=''
cleanup() {
  stop "$gateway"
  rm -rf "$work"
}
trap cleanup EXIT

for _ in $(seq "$rounds"); do
  bounded node Benchmarks/browser/decode.mjs >>"$work/out"
  bounded node --expose-gc Benchmarks/browser/memory.mjs --rate "$rate" --symbols "$symbols" >>"$work/out"
  port=$(free_port)
  rm -f "$work"/table.sqlite*
  ACCESS=open "$PROGRAMS/tickertape" serve --port "$port" --stage dev --store "sqlite:$work/table.sqlite" --log-level error \
    --pages Pages --pages /client=Clients/js/src --about "Figures" >"$work/gateway.log" 2>&1 &
  gateway=$!
  await 20 "$gateway" "the gateway" listens "$port"
  bounded "$python" Benchmarks/browser/page.py --port "$port" --symbols "$symbols" --rate "$rate" --seconds "$seconds" >>"$work/out"
  stop "$gateway"
  gateway=''
done
[ "$json" = no ] || cat "$work/out"
python3 Benchmarks/browser/figures.py "$work/out" "$json"
