#!/bin/sh
# Fuzzes the parsers: Fuzz/run.sh [SECONDS for each target, 60 if not given] [TARGET …]
# What it finds is kept under Fuzz/FailCases/TARGET, where the ordinary tests try it ever after.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- JSONReader HTTPReader GatewayEvents Tokens

build=Fuzz/.build
mkdir -p "$build"
# Without -O a hundred times fewer texts are tried; overflow and bounds are checked all the same.
flags="-swift-version 6 -O -parse-as-library -enable-upcoming-feature InternalImportsByDefault -sanitize=fuzzer,address -package-name tickertape -I $build -L $build -I Sources/CLibraries/CCrypto"

room() { # MODULE: a room of the house, built with the fuzzer's counters in it
  swiftc $flags -module-name "$1" -emit-module -emit-module-path "$build/$1.swiftmodule" \
    -emit-library -static -o "$build/lib$1.a" $(find "Sources/$1" -name '*.swift')
}

part() { # MODULE FILE…: some files of a room as a module, open to the tests
  module=$1
  shift
  swiftc $flags -enable-testing -module-name "$module" -emit-module -emit-module-path "$build/$module.swiftmodule" \
    -emit-library -static -o "$build/lib$module.a" "$@"
}

target() { # NAME "ROOM…" FILE…: the target, over its rooms from the lowest up, with what the tests say must hold
  name=$1 libraries=
  for room in $2; do
    [ "$room" = Access ] || room "$room"
    libraries="-l$room $libraries"
  done
  shift 2
  swiftc $flags -module-name "${name}Fuzz" "Fuzz/Targets/${name}Fuzz.swift" "$@" $libraries -lcrypto -o "$build/$name"
}

for name in "$@"; do
  case $name in
  JSONReader)
    target JSONReader JSON Tests/JSONTests/JSONTree.swift Tests/JSONTests/JSONOracle.swift \
      Tests/JSONTests/JSONAgreement.swift
    seeds=Tests/Fixtures/json-test-suite/test_parsing
    ;;
  HTTPReader)
    target HTTPReader HTTPWire Tests/HTTPWireTests/HTTPOutcome.swift
    seeds=
    ;;
  GatewayEvents)
    target GatewayEvents "JSON Messaging GatewayEvents" Tests/GatewayEventsTests/GatewayEventAgreement.swift
    seeds=Tests/Fixtures/gateway
    ;;
  Tokens)
    for room in JSON Messaging Telemetry Crypto; do room "$room"; done
    # What reads bytes from outside, without what asks the table or the network.
    part Access Sources/Access/APIKey.swift Sources/Access/CompactToken.swift Sources/Access/Credentials.swift \
      Sources/Access/JSONWebKeys.swift Sources/Access/MemberReader.swift Sources/Access/PEM.swift \
      Sources/Access/TokenClaims.swift Sources/Access/TokenKeys.swift Sources/Access/TokenRules.swift
    target Tokens "JSON Messaging Telemetry Crypto Access" Tests/AccessTests/TokenAgreement.swift
    seeds=
    ;;
  *)
    echo "no such target: $name" >&2
    exit 64
    ;;
  esac
  mkdir -p "Fuzz/FailCases/$name" "$build/found/$name"
  # New inputs go to a folder of their own. The seed is printed first: -seed=N repeats a run.
  SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0 "$build/$name" -max_total_time="$seconds" -max_len=4096 \
    -timeout=10 -dict="Fuzz/Dictionaries/$name.txt" -artifact_prefix="Fuzz/FailCases/$name/" -print_final_stats=1 \
    "$build/found/$name" "Fuzz/Corpus/$name" $seeds
  # Only what reaches something that the kept corpus does not is added to it.
  SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0 "$build/$name" -set_cover_merge=1 -max_len=1024 \
    "Fuzz/Corpus/$name" "$build/found/$name" $seeds 2>&1 | tail -n 1
done
