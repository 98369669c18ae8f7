#!/usr/bin/env bash
# A file imports only from lower floors, and nothing that is shipped imports Foundation. The targets and what they depend on are
# those of Package.swift, the floors those of Docs/architecture.md: what the two say differently is a fault as well.
set -euo pipefail
cd "$(dirname "$0")/.."
swift package dump-package | python3 scripts/floors.py "$@"
