#!/usr/bin/env bash
# Words that must not stand in shipped sources: crashes on input, marks of unfinished work, and declarations by a name that was
# replaced (scripts/renamed-words.tsv). Only declared names are looked at for those: in a sentence they are ordinary words.
set -euo pipefail
cd "$(dirname "$0")/.."
if grep -rnE 'try!|fatalError\(|TODO|FIXME|XXX|@unchecked Sendable|nonisolated\(unsafe\)' Sources --include '*.swift'; then
  echo "words: the lines above have no place in Sources" >&2
  exit 1
fi
old=$(grep -v '^#' scripts/renamed-words.tsv | cut -f1 | paste -sd'|')
if grep -rnE "\b(struct|class|enum|protocol|typealias|func|let|var|case) ($old)\b" Sources Tests --include '*.swift'; then
  echo "words: the names above were replaced; scripts/renamed-words.tsv says by what" >&2
  exit 1
fi
echo "words: none of the forbidden ones"
