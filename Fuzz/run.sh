#!/bin/sh
# Fuzzes the parsers: Fuzz/run.sh [SECONDS for each target, 60 if not given] [TARGET …]
# What it finds is kept under Fuzz/FailCases/TARGET, where the ordinary tests try it ever after.
#
# Fuzz/run.sh --check [TARGET …] only sees whether the targets still fit the sources; make lint does. A few seconds.
set -eu
cd "$(dirname "$0")/.."
check=
seconds=60
case ${1:-} in
--check) check=yes && shift ;;
[0-9]*) seconds=$1 && shift ;;
esac
[ $# -gt 0 ] || set -- JSONReader HTTPReader GatewayEvents HTTPEvents Tokens WebSocketFrames

build=Fuzz/.build
mkdir -p "$build"
common="-swift-version 6 -parse-as-library -enable-upcoming-feature InternalImportsByDefault -package-name tickertape \
  -I Sources/CLibraries/CCrypto -I Sources/CLibraries/CWslay"
# Without -O a hundred times fewer texts are tried; overflow and bounds are checked all the same.
flags="$common -O -sanitize=fuzzer,address -I $build -L $build"
if [ -n "$check" ]; then
  build=$(mktemp -d)
  trap 'rm -rf "$build"' EXIT
fi
checked="$common -I $build"

interface() { # MODULE FILE…: what others see of a module, its functions' bodies passed over
  module=$1
  shift
  swiftc $checked -enable-testing -Xfrontend -experimental-skip-all-function-bodies -module-name "$module" -emit-module \
    -emit-module-path "$build/$module.swiftmodule" "$@"
}

room() { # MODULE: a room of the house, built with the fuzzer's counters in it
  if [ -n "$check" ]; then
    # shellcheck disable=SC2046  # as below
    [ -e "$build/$1.swiftmodule" ] || interface "$1" $(find "Sources/$1" -name '*.swift')
    return
  fi
  # shellcheck disable=SC2046  # names of sources have no spaces
  swiftc $flags -module-name "$1" -emit-module -emit-module-path "$build/$1.swiftmodule" \
    -emit-library -static -o "$build/lib$1.a" $(find "Sources/$1" -name '*.swift')
}

part() { # MODULE FILE…: some files of a room as a module, open to the tests
  module=$1
  shift
  if [ -n "$check" ]; then
    swiftc $checked -typecheck -module-name "$module" "$@"
    interface "$module" "$@"
  else
    swiftc $flags -enable-testing -module-name "$module" -emit-module -emit-module-path "$build/$module.swiftmodule" \
      -emit-library -static -o "$build/lib$module.a" "$@"
  fi
}

target() { # NAME "ROOM…" FILE…: the target, over its rooms from the lowest up, with what the tests say must hold
  name=$1 rooms=$2 libraries=
  shift 2
  for room in $rooms; do
    [ "$room" = Access ] || room "$room"
    libraries="-l$room $libraries"
  done
  if [ -n "$check" ]; then
    swiftc $checked -typecheck -module-name "${name}Fuzz" "Fuzz/Targets/${name}Fuzz.swift" "$@"
    return
  fi
  swiftc $flags -module-name "${name}Fuzz" "Fuzz/Targets/${name}Fuzz.swift" "$@" $libraries -lcrypto -lwslay \
    -o "$build/$name"
}

prepare() { # NAME: builds the target, or checks it; `seeds` are inputs from elsewhere
  seeds=
  case $1 in
  JSONReader)
    target JSONReader JSON Tests/JSONTests/JSONTree.swift Tests/JSONTests/JSONOracle.swift \
      Tests/JSONTests/JSONAgreement.swift
    seeds=Tests/Fixtures/json-test-suite/test_parsing
    ;;
  HTTPReader) target HTTPReader HTTPWire Tests/HTTPWireTests/HTTPOutcome.swift ;;
  GatewayEvents)
    target GatewayEvents "JSON Messaging Crypto HTTPWire LambdaEvents" Tests/LambdaEventsTests/GatewayEventAgreement.swift
    seeds=Tests/Fixtures/gateway
    ;;
  HTTPEvents)
    target HTTPEvents "JSON Messaging Crypto HTTPWire LambdaEvents" Tests/LambdaEventsTests/HTTPEventAgreement.swift
    seeds=Tests/Fixtures/http
    ;;
  Tokens)
    for room in JSON Messaging Telemetry Crypto; do room "$room"; done
    # What reads bytes from outside, without what asks the table or the network.
    part Access Sources/Access/APIKey.swift Sources/Access/CompactToken.swift Sources/Access/Credentials.swift \
      Sources/Access/JSONWebKeys.swift Sources/Access/MemberReader.swift Sources/Access/PEM.swift \
      Sources/Access/Subprotocol.swift Sources/Access/TokenClaims.swift Sources/Access/TokenKeys.swift \
      Sources/Access/TokenRules.swift
    target Tokens "JSON Messaging Telemetry Crypto Access" Tests/AccessTests/TokenAgreement.swift
    ;;
  WebSocketFrames) target WebSocketFrames WebSocketWire Tests/WebSocketWireTests/FrameAgreement.swift ;;
  *)
    echo "no such target: $1" >&2
    exit 64
    ;;
  esac
}

for name in "$@"; do
  prepare "$name"
  [ -z "$check" ] || continue
  mkdir -p "Fuzz/FailCases/$name" "$build/found/$name"
  # New inputs go to a folder of their own. The seed is printed first: -seed=N repeats a run.
  SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0 "$build/$name" -max_total_time="$seconds" -max_len=4096 \
    -timeout=10 -dict="Fuzz/Dictionaries/$name.txt" -artifact_prefix="Fuzz/FailCases/$name/" -print_final_stats=1 \
    "$build/found/$name" "Fuzz/Corpus/$name" $seeds
  # Only what reaches something that the kept corpus does not is added to it.
  SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0 "$build/$name" -set_cover_merge=1 -max_len=1024 \
    "Fuzz/Corpus/$name" "$build/found/$name" $seeds 2>&1 | tail -n 1
done
