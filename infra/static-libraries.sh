#!/usr/bin/env bash
# Builds what the packaged functions link statically: a minimal libcurl from Debian's own source package, SQLite without the
# parts nobody uses, OpenSSL with the algorithms of TLS alone, and .pc files that name the static libraries. Does nothing if the result is there and was made by this very script from the same sources.
# Usage: infra/static-libraries.sh [FOLDER]     (default: .build/static)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
folder=${1:-.build/static}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

version=$(dpkg-query -W -f '${Version}' libcurl4-openssl-dev)
stamp="$version $(dpkg-query -W -f '${Version} ' libssl-dev zlib1g-dev libc-ares-dev libsqlite3-dev) $(gcc -dumpfullversion) $(cat "$here/static-libraries.sh" "$here/absent.c" "$here/provider.c" | sha256sum)"
if [ -e "$folder/.done" ] && [ "$(cat "$folder/.done")" = "$stamp" ]; then
  echo "static libraries: $folder is up to date"
  exit 0
fi
rm -rf "${folder:?}"/*
rm -f "$folder/.done"

# The source packages come from where this machine's packages come from; apt's own lists are left as they are.
apt_folder=$folder/apt
mkdir -p "$apt_folder/sources" "$apt_folder/lists/partial" "$apt_folder/cache/archives/partial"
shopt -s nullglob
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ -e "$file" ] || continue
  sed -nE 's/^deb(-src)?[[:space:]]/deb-src /p' "$file" | sort -u >"$apt_folder/sources/$(basename "$file" .list).list"
done
for file in /etc/apt/sources.list.d/*.sources; do
  sed -E 's/^Types:.*/Types: deb-src/' "$file" >"$apt_folder/sources/$(basename "$file")"
done
shopt -u nullglob
apt_options=(
  -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt_folder/sources" -o "Dir::State::lists=$apt_folder/lists"
  -o "Dir::Cache=$apt_folder/cache" -o APT::Sandbox::User=root
)
work=$folder/work
mkdir -p "$work"
echo "static libraries: fetching the source package of curl $version …"
(
  cd "$work"
  apt-get "${apt_options[@]}" update -qq
  apt-get "${apt_options[@]}" source -qq --download-only "curl=$version"
  dpkg-source --no-check -x ./*.dsc source >/dev/null
)

echo "static libraries: building a minimal libcurl …"
mkdir "$work/build"
cd "$work/build"
# HTTP and HTTPS only. c-ares reads resolv.conf and the hosts file itself: the C library's resolver would load NSS
# modules of the host, which a fully static program cannot. OpenSSL's configuration file is not read.
../source/configure --prefix="$folder/curl" --disable-shared --enable-static --with-openssl --with-zlib --enable-ares \
  --without-nghttp2 --without-libpsl --without-libidn2 --without-brotli --without-zstd --without-librtmp --without-libssh2 \
  --without-libssh --without-gssapi --without-nghttp3 --without-ngtcp2 --without-quiche --without-msh3 --without-libgsasl \
  --without-ca-bundle --without-ca-path --disable-ldap --disable-ldaps --disable-rtsp --disable-dict --disable-telnet \
  --disable-tftp --disable-pop3 --disable-imap --disable-smb --disable-smtp --disable-gopher --disable-mqtt --disable-ftp \
  --disable-file --disable-manual --disable-libcurl-option --disable-ntlm --disable-tls-srp --disable-unix-sockets \
  --disable-cookies --disable-alt-svc --disable-hsts --disable-doh --disable-netrc --disable-headers-api --disable-mime \
  --disable-openssl-auto-load-config --disable-dependency-tracking \
  CFLAGS="-O2 -ffunction-sections -fdata-sections -ffile-prefix-map=$work=. -fmacro-prefix-map=$work=." >configure.log
# Debian patches Makefile.am after the generated files were made: without this make would want to make them anew.
keep=(AUTOMAKE=: ACLOCAL=: AUTOCONF=: AUTOHEADER=:)
make -s -j"$(nproc)" -C lib "${keep[@]}" >make.log 2>&1 || { tail -20 make.log >&2; exit 1; }
make -s -C lib install "${keep[@]}" >>make.log 2>&1
make -s -C include install "${keep[@]}" >>make.log 2>&1

libraries=/usr/lib/$(gcc -print-multiarch)
for name in ssl crypto z cares sqlite3; do
  [ -e "$libraries/lib$name.a" ] || { echo "static libraries: $libraries/lib$name.a is missing" >&2; exit 69; }
done

# Debian's SQLite, without its extensions.
mkdir -p "$folder/sqlite"
cp "$libraries/libsqlite3.a" "$folder/sqlite/"
gcc -O2 -Wall -Wextra -Werror -fno-builtin -ffunction-sections -c "$here/absent.c" -o "$folder/sqlite/absent.o"
ar t "$folder/sqlite/libsqlite3.a" | grep -E '^(fts[35].*|rtree|dbstat|stmt|json)\.o$' |
  xargs ar dD "$folder/sqlite/libsqlite3.a"
# Its functions of mathematics are named in func.o alone.
(
  cd "$folder/sqlite"
  ar x libsqlite3.a func.o
  names=$(sed -nE '/^ABSENT/s/ABSENT\(([a-z0-9]+)\)/\1/gp' "$here/absent.c")
  for name in $names; do printf '%s absent_%s\n' "$name" "$name"; done >renamed
  objcopy --redefine-syms=renamed func.o
  ar rD libsqlite3.a func.o
  rm func.o renamed
)
ar rsD "$folder/sqlite/libsqlite3.a" "$folder/sqlite/absent.o"

# Debian's libcrypto, with a provider of ours instead of its own, whose tables hold every algorithm there is.
mkdir -p "$folder/openssl"
cp "$libraries/libcrypto.a" "$folder/openssl/"
gcc -O2 -Wall -Wextra -Werror -ffunction-sections -c "$here/provider.c" -o "$folder/openssl/provider.o"
ar dD "$folder/openssl/libcrypto.a" libcrypto-lib-{defltprov,baseprov,c_allc,c_alld}.o
ar rsD "$folder/openssl/libcrypto.a" "$folder/openssl/provider.o"

# GCC's libstdc++ without its reader of mangled names. The linker looks here first.
mkdir -p "$folder/c++"
cp "$(gcc -print-file-name=libstdc++.a)" "$folder/c++/"
gcc -O2 -Wall -Wextra -Werror -DDEMANGLER -c "$here/absent.c" -o "$folder/c++/absent.o"
ar dD "$folder/c++/libstdc++.a" cp-demangle.o
ar rsD "$folder/c++/libstdc++.a" "$folder/c++/absent.o"

pc() { # NAME INCLUDES LIBRARIES…
  local name=$1 includes=$2
  shift 2
  mkdir -p "$folder/pkgconfig"
  printf 'Name: %s\nDescription: static\nVersion: 0\nCflags: %s\nLibs: %s\n' "$name" "$includes" "$*" \
    >"$folder/pkgconfig/$name.pc"
}
pc libcurl "-I$folder/curl/include" "-L$folder/curl/lib -L$folder/openssl -lcurl -lcares -lssl -lcrypto -lz"
pc sqlite3 "" "-L$folder/sqlite -L$folder/c++ -lsqlite3 -lm"
pc libcrypto "" "-L$folder/openssl -lcrypto"
pc zlib "" "-lz"
rm -rf "$work" "$apt_folder"
printf '%s' "$stamp" >"$folder/.done"
echo "static libraries: $folder is ready"
