#!/usr/bin/env bash
# Installs the Debian packages that are missing and says so; does nothing if none is.
# Usage: packages.sh build|test|package|bench ...
set -euo pipefail

declare -A sets=(
  [build]="libcurl4-openssl-dev libsqlite3-dev libssl-dev libwslay-dev zlib1g-dev pkg-config ca-certificates"
  [test]="python3 python3-venv python3-pip awscli curl nginx openssl shellcheck unzip nodejs node-typescript node-ws node-eventsource esbuild chromium"
  [package]="libc-ares-dev zlib1g-dev dpkg-dev gcc make libc6-dev binutils zip advancecomp"
  [bench]="gcc make libc6-dev libssl-dev libcurl4-openssl-dev openssl zlib1g-dev curl nginx libnginx-mod-nchan python3"
)

wanted=()
for name in "$@"; do
  [ -n "${sets[$name]:-}" ] || { echo "packages.sh: unknown set '$name', known: ${!sets[*]}" >&2; exit 64; }
  read -ra some <<<"${sets[$name]}"
  wanted+=("${some[@]}")
done

command -v dpkg-query >/dev/null || {
  echo "This is not a Debian system. Install what corresponds to: ${wanted[*]}" >&2
  exit 69
}

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$state" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {
    echo "These Debian packages are missing; install them as root: apt-get install ${missing[*]}" >&2
    exit 77
  }
  root=(sudo)
fi
echo "Installing Debian packages: ${missing[*]}"
# Daemons that a package brings (nginx) must not start: they would listen on every address.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
  "${root[@]}" chmod 755 $policy
  trap '"${root[@]}" rm -f $policy' EXIT
fi
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
