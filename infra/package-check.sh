#!/usr/bin/env bash
# Builds the packages in two other places and compares them with each other, byte for byte.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for place in one two/deeper; do
  mkdir -p "$work/$place"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/$place"
  "$work/$place/infra/package.sh" ${1:+"$@"}
done
for zip in "$work"/one/.build/package/*.zip; do
  cmp "$zip" "$work/two/deeper/.build/package/$(basename "$zip")" || {
    echo "package-check: $(basename "$zip") depends on where it is built" >&2
    exit 1
  }
done
echo "package-check: the same bytes from two places"
