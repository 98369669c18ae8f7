#!/usr/bin/env bash
# The eight gates of the roles protocol. Each is a link to this script, under the name by which the protocol runs it.
set -euo pipefail
cd "$(dirname "$0")/.."

names=(connections reconnect events batching performance load integration e2e)
prefix=test:streaming:
gate=${0##*/}
gate=${gate#"$prefix"}

# What a gate is about, which Swift suites it runs, which files (or single tests) of Tests/SystemTests, and which load.
suites="" systems=() load=()
case $gate in
  connections)
    about="clients come in, are refused, limited and leave"
    suites='ConnectTests|ConnectAccessTests|TrustedProxyTests|UserConnectionsTests|GatewayHandshakeTests|GatewayClosingTests|PathAliasTests'
    systems=(test_gateway_clients.py::test_clients_of_the_source_documents_paths_are_let_in
      test_gateway_clients.py::test_a_refused_connect_is_an_http_status_with_a_reason) ;;
  reconnect)
    about="clients that lost their connection go on where they were"
    suites='ResumptionTests|VectorTests|RecoveryReaderTests|NothingLostTests|BackoffTests'
    systems=(test_watch_resumes.py) ;;
  events)
    about="events keep their bytes and order and reach whom they are for, in every dialect"
    suites='EventDecodingTests|EventFrameTests|FrameMembersTests|EventTypesTests|VisibilityTests|PublishTests'
    systems=(test_gateway_clients.py::test_a_subscriber_gets_a_published_event_with_its_bytes_unchanged
      test_gateway_clients.py::test_every_subscriber_gets_every_event_once_and_in_order
      test_gateway_clients.py::test_an_event_for_one_person_reaches_nobody_else) ;;
  batching)
    about="several events go in one frame, of a key the newest, large frames compressed"
    suites='FramePackingTests|ConflationTests|StreamSenderTests|TimedBatchTests|GunzipTests'
    systems=(test_javascript_client.py::test_large_events_arrive_whole_compressed_or_in_parts) ;;
  performance)
    about="an action makes so many requests and no more; 20 clients get an event within 100 ms (the 99th of a hundred)"
    suites='TableCostTests|LagCostTests'
    load=(--clients 20 --rate 8 --seconds 5 --most-milliseconds 100) ;;
  load)
    about="150 clients at 30 events a second get all of them and stay connected; a client that does not read costs nobody anything"
    suites='LagDeliveryTests|ParallelConnectionsTests'
    systems=(test_lagging_clients.py)
    load=(--clients 150 --rate 30 --seconds 5 --most-milliseconds 0) ;;
  integration)
    about="the real functions behind the gateway, with clients of others: websockets, boto3, the AWS CLI"
    systems=(test_gateway_clients.py test_access.py) ;;
  e2e)
    about="from a publisher to a browser's page and back over a gateway that is killed"
    systems=(test_page.py::test_over_a_killed_gateway_the_page_goes_on_by_itself
      test_javascript_client.py::test_over_a_killed_gateway_each_event_comes_once_and_in_order
      test_command_line.py) ;;
  *)
    echo "${0##*/}: run one of ${names[*]/#/scripts/$prefix}" >&2
    exit 64 ;;
esac

usage() {
  cat <<END
usage: scripts/$prefix$gate [--no-build]

Gate: $about.

  --no-build   use what 'make build python' has made
  --help       this text

SWIFT names the Swift toolchain's driver (default: swift). Exit codes: 0 all passed, 64 wrong usage, else something failed.
Swift suites: ${suites:-none}
System tests: ${systems[*]:-none}
Load: ${load[*]:-none}
END
}

build=yes
while [ $# -gt 0 ]; do
  case $1 in
    --no-build) build=no ;;
    --help | -h) usage; exit 0 ;;
    *) echo "$prefix$gate: unknown option '$1'; see scripts/$prefix$gate --help" >&2; exit 64 ;;
  esac
  shift
done

swift=${SWIFT:-swift} flags=(--explicit-target-dependency-import-check error) python=.build/venv/bin/python

run_suites() {
  local log suite
  # A suite that was renamed would be left out in silence, and a filter that matches nothing passes.
  for suite in ${suites//|/ }; do
    grep -Eqr "(struct|class) $suite\b" Tests --include='*.swift' || { echo "$prefix$gate: there is no $suite" >&2; return 1; }
  done
  log=$(mktemp)
  if ! "$swift" test --skip-build "${flags[@]}" --filter "(^|\.|/)($suites)(/|$)" >"$log" 2>&1; then
    { grep -E '✘|error:' "$log" || tail -20 "$log"; } >&2
    rm -f "$log"
    return 1
  fi
  grep -oE 'Test run with [1-9][0-9]* tests? .*passed' "$log" || { echo "$prefix$gate: no test of $suites ran" >&2; rm -f "$log"; return 1; }
  rm -f "$log"
}

if [ $build = yes ]; then make --no-print-directory build python SWIFT="$swift"; fi
[ -z "$suites" ] || run_suites
[ ${#systems[@]} -eq 0 ] || AWS_CLI="$PWD/.build/venv-cli/bin/aws" $python -m pytest "${systems[@]/#/Tests/SystemTests/}"
[ ${#load[@]} -eq 0 ] || $python Tests/SystemTests/streaming_load.py "${load[@]}"
echo "$prefix$gate: passed"
