#!/usr/bin/env bash
# What runs on Lambda must not pull in Foundation: ICU alone is 40 MB and milliseconds of start-up.
# Usage: check-linkage.sh [FOLDER]     (default: the debug build)
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-.build/debug}
for program in $(swift package dump-package | python3 scripts/floors.py --programs); do
  [ -x "$folder/$program" ] || { echo "linkage: $folder/$program is not built" >&2; exit 1; }
  if ldd "$folder/$program" | grep -E 'libFoundation|libicu|lib_FoundationICU'; then
    echo "linkage: $program links the libraries above" >&2
    exit 1
  fi
done
echo "linkage: no Foundation, no ICU"
