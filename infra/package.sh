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

# Zeros are written over what nothing reads any more.
blank() { # BINARY SECTION
  local size
  size=$((16#$(place "$1" "$2" | cut -d ' ' -f 3)))
  head -c "$size" /dev/zero >"$build.zeros"
  objcopy --update-section "$2=$build.zeros" "$1"
}

# A section's address, its place in the file, and its size, in hexadecimal.
place() { # BINARY SECTION
  readelf -S -W "$1" | sed -n "s/.* ${2//./\\.} *[A-Z0-9_]* *\([0-9a-f]*\) \([0-9a-f]*\) \([0-9a-f]*\) .*/\1 \2 \3/p"
}

# Unicode's names of characters: half a megabyte in Swift's library that only Unicode.Scalar.Properties.name reads.
forget_names() { # BINARY UNSTRIPPED
  local address offset size symbol length
  if grep -rqE '\.properties\.name' Sources --include '*.swift'; then fault "a source asks for the name of a character"; fi
  read -r address offset size < <(place "$1" .rodata)
  nm -S "$2" | sed -nE 's/^([0-9a-f]+) ([0-9a-f]+) . _ZL[0-9]+_swift_stdlib_(names|word).*/\1 \2/p' >"$build.names"
  while read -r symbol length; do
    if ((16#$symbol < 16#$address || 16#$symbol + 16#$length > 16#$address + 16#$size)); then
      fault "the names of characters are not in .rodata"
    fi
    head -c "$((16#$length))" /dev/zero |
      dd of="$1" bs=64K conv=notrunc oflag=seek_bytes seek="$((16#$symbol - 16#$address + 16#$offset))" status=none
  done <"$build.names"
}

fault() { echo "package: $1" >&2; exit 1; }

# Which of the functions that infra/absent.c stands in for are called by what was compiled here.
called() { # LIST OF OBJECTS
  xargs nm -u <"$1" 2>/dev/null | awk 'NF == 2 { print $2 }' | sort -u | grep -xF -f "$build.absent" || true
}

check() { # NAME BINARY ZIP
  local symbols called
  if readelf -d "$2" | grep -q 'Dynamic section'; then fault "$1 has a dynamic section: it needs libraries of its host"; fi
  if readelf -l "$2" | grep -q INTERP; then fault "$1 asks for a program interpreter"; fi
  # shellcheck disable=SC2016  # the symbols begin with a dollar sign
  symbols=$(nm "$build/release/$1" 2>/dev/null | grep -cE ' (T|t) (ubrk_|ucol_|\$s10Foundation|\$s20FoundationEssentials)' || true)
  [ "$symbols" = 0 ] || fault "$1 holds $symbols symbols of Foundation or ICU"
  called=$(called "$build/release/$1.product/Objects.LinkFileList")
  [ -z "$called" ] || fault "$1 calls ${called//$'\n'/ }: infra/absent.c stands in for them"
  if grep -qaF "$here" "$2"; then fault "$1 holds the path it was built at"; fi
  [ "$(stat -c %s "$3")" -le $limit ] || fault "$1.zip is over 6 MB: $(stat -c %s "$3") bytes"
}

build=.build/static-build out=.build/package
mkdir -p "$out"
{
  sed -nE '/^UNCALLED/s/UNCALLED\(([a-z0-9_]+)\) ?/\1\n/gp' infra/absent.c
  printf '%s\n' getaddrinfo gethostbyname getnameinfo
} | sed '/^$/d' >"$build.absent"
# Nothing that is built here may hold where it was built.
here=$(pwd)
flags=(
  -c release --scratch-path "$build" -Xswiftc -static-executable -Xswiftc -gnone
  -Xswiftc -file-prefix-map -Xswiftc "$here=." -Xlinker --gc-sections -Xlinker --build-id=none
  # Imported by default everywhere, and a megabyte as soon as somebody calls `contains` with a string.
  -Xswiftc -Xfrontend -Xswiftc -disable-implicit-string-processing-module-import
  -Xswiftc -Xfrontend -Xswiftc -disable-implicit-concurrency-module-import
)
# SwiftPM's plan keeps the paths of the libraries that it began with.
[ "$build/release.yaml" -nt .build/static/.done ] || rm -f "$build/release.yaml"
for name in "${functions[@]}"; do
  echo "package: building $name …"
  # SwiftPM does not see that a static library was made anew: a function that is there would keep the old one.
  rm -f "$build/release/$name"
  if ! PKG_CONFIG_PATH="$here/.build/static/pkgconfig" "$swift" build "${flags[@]}" --product "$name" >"$build.log" 2>&1; then
    grep -vE '^\[' "$build.log" | tail -30 >&2
    fault "$name does not build"
  fi
  rm -rf "${out:?}/$name" "$out/$name.zip"
  mkdir -p "$out/$name"
  strip --strip-all --remove-section=.comment -o "$out/$name/bootstrap" "$build/release/$name"
  # The compiler's hashes of the modules are over the paths, too. Nothing here throws C++ exceptions or prints its own stack,
  # so nobody unwinds: these tables are a tenth of the file.
  for section in .swift_modhash .eh_frame .eh_frame_hdr; do blank "$out/$name/bootstrap" "$section"; done
  forget_names "$out/$name/bootstrap" "$build/release/$name"
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
