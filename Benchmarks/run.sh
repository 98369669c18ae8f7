#!/usr/bin/env bash
# Every figure of Docs/budgets.md, one table after the other. Takes some minutes; each part has its own run.sh.
# Other programs on the machine disturb: only ratios within one run mean anything.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/packages.sh bench
for part in lambda delivery signed publisher gateway streams; do
  echo
  echo "## $part"
  "Benchmarks/$part/run.sh"
done
echo
echo "## streams: clients that lag"
.build/venv/bin/python Benchmarks/streams/lagging.py
echo
echo "## billed (some minutes: the reference takes half a minute a fan-out)"
Benchmarks/billed/run.sh --rounds 1
