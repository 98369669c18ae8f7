#!/usr/bin/env bash
# Packages the functions for Lambda: .build/package/NAME.zip with a static `bootstrap` and the roots AWS uses, and the same
# unpacked beside it. The same sources and the same Debian packages give the same bytes, wherever they are built.
# Usage: infra/package.sh [NAME …]     (default: every function)
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C TZ=UTC

functions=(ConnectHandler DisconnectHandler DefaultHandler Publisher)
case ${1:-} in -h | --help) sed -n '2,4p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;; esac
if [ $# -gt 0 ]; then
  for name in "$@"; do
    [[ " ${functions[*]} " == *" $name "* ]] || { echo "package: no function '$name'; there are ${functions[*]}" >&2; exit 64; }
  done
  functions=("$@")
fi
swift=${SWIFT:-swift} limit=$((6 * 1024 * 1024))
for tool in "$swift" gcc strip objcopy readelf nm zip advzip apt-get; do
  command -v "$tool" >/dev/null || { echo "package: '$tool' is missing; 'make package' installs what is needed" >&2; exit 69; }
done
infra/static-libraries.sh .build/static

# In the order of their names; the roots of AWS's services, of all those that Debian carries.
roots=.build/static/roots.pem
folder=/usr/share/ca-certificates/mozilla
certificates=("$folder"/Amazon_Root_CA_{1,2,3,4}.crt "$folder/Starfield_Services_Root_Certificate_Authority_-_G2.crt")
for file in "${certificates[@]}"; do
  [ -e "$file" ] || { echo "package: $file is missing; install ca-certificates" >&2; exit 69; }
done
cat "${certificates[@]}" >"$roots"

# The compiler's hashes of the modules, which nothing reads any more: they are over the paths, too.
blank() { # BINARY SECTION
  local size
  size=$((16#$(readelf -S -W "$1" | sed -n "s/.* $2 *[A-Z]* *[0-9a-f]* *[0-9a-f]* *\([0-9a-f]*\) .*/\1/p")))
  head -c "$size" /dev/zero >"$build.zeros"
  objcopy --update-section "$2=$build.zeros" "$1"
}

fault() { echo "package: $1" >&2; exit 1; }

check() { # NAME BINARY ZIP
  local symbols
  if readelf -d "$2" | grep -q 'Dynamic section'; then fault "$1 has a dynamic section: it needs libraries of its host"; fi
  if readelf -l "$2" | grep -q INTERP; then fault "$1 asks for a program interpreter"; fi
  # shellcheck disable=SC2016  # the symbols begin with a dollar sign
  symbols=$(nm "$build/release/$1" 2>/dev/null | grep -cE ' (T|t) (ubrk_|ucol_|\$s10Foundation|\$s20FoundationEssentials)' || true)
  [ "$symbols" = 0 ] || fault "$1 holds $symbols symbols of Foundation or ICU"
  if grep -qaF "$here" "$2"; then fault "$1 holds the path it was built at"; fi
  [ "$(stat -c %s "$3")" -le $limit ] || fault "$1.zip is over 6 MB: $(stat -c %s "$3") bytes"
}

build=.build/static-build out=.build/package
mkdir -p "$out"
# Nothing that is built here may hold where it was built.
here=$(pwd)
flags=(
  -c release --scratch-path "$build" -Xswiftc -static-executable -Xswiftc -gnone
  -Xswiftc -file-prefix-map -Xswiftc "$here=." -Xlinker --gc-sections -Xlinker --build-id=none
  # Imported by default everywhere, and a megabyte as soon as somebody calls `contains` with a string.
  -Xswiftc -Xfrontend -Xswiftc -disable-implicit-string-processing-module-import
  -Xswiftc -Xfrontend -Xswiftc -disable-implicit-concurrency-module-import
)
for name in "${functions[@]}"; do
  echo "package: building $name …"
  if ! PKG_CONFIG_PATH="$here/.build/static/pkgconfig" "$swift" build "${flags[@]}" --product "$name" >"$build.log" 2>&1; then
    grep -vE '^\[' "$build.log" | tail -30 >&2
    fault "$name does not build"
  fi
  rm -rf "${out:?}/$name" "$out/$name.zip"
  mkdir -p "$out/$name"
  strip --strip-all --remove-section=.comment -o "$out/$name/bootstrap" "$build/release/$name"
  blank "$out/$name/bootstrap" .swift_modhash
  cp "$roots" "$out/$name/roots.pem"
  chmod 0755 "$out/$name/bootstrap"
  chmod 0644 "$out/$name/roots.pem"
  touch -d '2020-01-01T00:00:00Z' "$out/$name/bootstrap" "$out/$name/roots.pem"
  (cd "$out/$name" && zip -q -X -9 "../$name.zip" bootstrap roots.pem)
  # The same zip, packed tighter.
  advzip --recompress --shrink-extra --quiet "$out/$name.zip"
  check "$name" "$out/$name/bootstrap" "$out/$name.zip"
  printf 'package: %s.zip  %s bytes  sha256 %s\n' "$name" "$(stat -c %s "$out/$name.zip")" \
    "$(sha256sum "$out/$name.zip" | cut -c1-16)"
done
