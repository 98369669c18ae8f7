#!/bin/bash
# Cold start and warm invocations of the shipped functions through the Runtime API, against a static C loop that decodes
# nothing, on loopback.
#
#   Benchmarks/lambda/run.sh [--rounds N] [--warm N] [--json] [--pinned] [LABEL=PATH ...]
#
#   --rounds N   rounds, each a run of every bootstrap in turn, so that a busy machine disturbs all alike (7)
#   --warm N     measured invocations of a run, after 300 that are not (2000)
#   --json       the JSON line of every run instead of the table
#   --pinned     each bootstrap on one CPU, as Lambda gives below about 1.8 GB
#   LABEL=PATH   one more bootstrap, without the functions' environment
#
# Environment: SWIFT_BUILD_OPTIONS for `swift build -c release` (such as --static-swift-stdlib), BUILD_PATH (.build) for where.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=Benchmarks/common.sh
. Benchmarks/common.sh
needs gcc=gcc python3=python3
here=Benchmarks/lambda
rounds=7 warm=2000 json='' pin='' extra=()
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift 2;;
    --warm) warm=$2; shift 2;;
    --json) json=1; shift;;
    --pinned) pin='-C 1'; shift;;
    *=*) extra+=("$1"); shift;;
    *) sed -n '2,15p' "$0" | sed 's/^# \{0,1\}//'; exit 64;;
  esac
done

build=${BUILD_PATH:-.build}
export TICKERTAPE_BENCHMARKS=1
for product in DecodeBootstrap ConnectHandler; do
  # shellcheck disable=SC2086
  swift build -c release --scratch-path "$build" --product "$product" ${SWIFT_BUILD_OPTIONS:-} >&2
done
release=$(swift build -c release --scratch-path "$build" --show-bin-path)
tools=.build/benchmarks
mkdir -p "$tools"
gcc -O2 -Wall -o "$tools/runtime_api" $here/runtime_api.c
gcc -O2 -Wall -static -o "$tools/floor" Benchmarks/reference/floor.c

# As it is deployed, if `make package` made it.
packaged=.build/package/ConnectHandler/bootstrap

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
measure() { # label bootstrap [options of runtime_api]
  local label=$1 bootstrap=$2
  shift 2
  # shellcheck disable=SC2086
  bounded "$tools/runtime_api" -i -e $here/events/connect.json -r 1 -w 300 -n "$warm" -c 0 $pin "$@" -L "$label" -- "$bootstrap" \
    >> "$work/lines" || echo "$label: a run failed" >&2
}
measure_sqlite() { # label bootstrap
  local table
  table="sqlite:$work/$((++tables)).sqlite"
  # The file is made beforehand, as it is made once in its life: what is measured opens it and writes.
  bounded "$tools/runtime_api" -e $here/events/connect.json -r 1 -w 0 -n 1 -E ACCESS=open -E CONNECTION_STORE="$table" \
    -- "$2" > /dev/null
  measure "$1" "$2" -E ACCESS=open -E CONNECTION_STORE="$table"
}
tables=0
for _ in $(seq "$rounds"); do
  measure 'C loop, decodes nothing' "$tools/floor"
  measure 'DecodeBootstrap' "$release/DecodeBootstrap"
  measure 'ConnectHandler, table in memory' "$release/ConnectHandler" -E ACCESS=open -E CONNECTION_STORE=memory:
  measure_sqlite 'ConnectHandler, SQLite' "$release/ConnectHandler"
  if [ -x "$packaged" ]; then
    measure 'ConnectHandler packaged, memory' "$packaged" -E ACCESS=open -E CONNECTION_STORE=memory:
    measure_sqlite 'ConnectHandler packaged, SQLite' "$packaged"
  fi
  for bootstrap in ${extra[@]+"${extra[@]}"}; do measure "${bootstrap%%=*}" "${bootstrap#*=}"; done
done
if [ -n "$json" ]; then cat "$work/lines"; else python3 $here/table.py "$work/lines"; fi
