#!/usr/bin/env bash
# Words that must not stand in shipped sources: crashes on input, and marks of unfinished work.
set -euo pipefail
cd "$(dirname "$0")/.."
if grep -rnE 'try!|fatalError\(|TODO|FIXME|XXX|@unchecked Sendable|nonisolated\(unsafe\)' Sources --include '*.swift'; then
  echo "words: the lines above have no place in Sources" >&2
  exit 1
fi
echo "words: none of the forbidden ones"
