#!/usr/bin/env bash
# Every figure of Docs/budgets.md, one table after the other. Takes some minutes; each part has its own run.sh.
# Other programs on the machine disturb: only ratios within one run mean anything.
#
# A part that cannot run here (exit status 69) says what it lacks and is passed over. The status is 1 if a part was not held
# or broke off, else 69 if one was passed over.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/packages.sh bench || echo "some parts will lack packages" >&2
failed=() skipped=()
run() { # PART OPTION...
  local status=0
  "Benchmarks/$1/run.sh" "${@:2}" || status=$?
  case $status in
    0) ;;
    69) skipped+=("$1") ;;
    *) failed+=("$1 ($status)") ;;
  esac
}
for part in lambda delivery signed publisher gateway streams sse browser; do
  echo
  echo "## $part"
  run "$part"
done
echo
echo "## streams: clients that lag"
.build/venv/bin/python Benchmarks/streams/lagging.py
echo
echo "## billed (some minutes: the reference takes half a minute a fan-out)"
run billed --rounds 1
[ ${#skipped[@]} -eq 0 ] || echo "not measured: ${skipped[*]}" >&2
if [ ${#failed[@]} -gt 0 ]; then
  echo "not held or broken off: ${failed[*]}" >&2
  exit 1
fi
[ ${#skipped[@]} -eq 0 ] || exit 69
