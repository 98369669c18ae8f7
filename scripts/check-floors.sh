#!/usr/bin/env bash
# A file imports only from lower floors (Docs/architecture.md), and nothing that is shipped imports Foundation.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A floor=(
  [CCurl]=0 [CSQLite]=0 [CCrypto]=0 [CWslay]=0 [CLinux]=0 [CZlib]=0
  [JSON]=1 [Crypto]=1 [Messaging]=1 [Telemetry]=1 [HTTPWire]=1 [WebSocketWire]=1
  [GatewayEvents]=2 [EventSources]=2 [ConnectionStore]=2 [HTTPClient]=2 [AWSSigning]=2 [Shaping]=2
  [LambdaRuntime]=3 [StreamClient]=3 [ManagementAPI]=3 [AWSCredentials]=3 [AWSClient]=3
  [ConnectionStoreMemory]=3 [ConnectionStoreFaults]=3 [ConnectionStoreSQLite]=3 [ConnectionStoreDynamoDB]=4 [ConnectionStoreSelection]=5
  [Access]=4 [Streams]=4 [Delivery]=4 [GatewayAccess]=4 [FunctionInvocation]=4
  [ConnectHandler]=6 [DisconnectHandler]=6 [DefaultHandler]=6 [Publisher]=6
  [LocalGateway]=7 [tickertape]=8
)
declare -A folder=(
  [Sources/Runtime]=LambdaRuntime [Sources/ConnectionStore/Contract]=ConnectionStore
  [Sources/ConnectionStore/DynamoDB]=ConnectionStoreDynamoDB [Sources/ConnectionStore/Faults]=ConnectionStoreFaults [Sources/ConnectionStore/Memory]=ConnectionStoreMemory [Sources/ConnectionStore/SQLite]=ConnectionStoreSQLite
  [Sources/ConnectionStore/Selection]=ConnectionStoreSelection
)
# Floor 1 holds values and formats: they may use JSON, which uses none of them.
same_floor_allowed="Messaging>JSON Telemetry>JSON"
# The gateway shares only these rooms with what is deployed; main.swift alone may know which table there is.
gateway_may_import=" CLinux GatewayEvents HTTPWire JSON Messaging Telemetry WebSocketWire "

faults=0
fault() { echo "$1" >&2; faults=1; }

while IFS= read -r file; do
  room=""
  for prefix in "${!folder[@]}"; do [[ $file == "$prefix"/* ]] && room=${folder[$prefix]}; done
  [ -n "$room" ] || { room=${file#Sources/}; room=${room%%/*}; }
  [ -n "${floor[$room]:-}" ] || { fault "$file: the room '$room' has no floor in scripts/check-floors.sh"; continue; }
  while IFS= read -r module; do
    case $module in
      Foundation | FoundationEssentials) fault "$file: imports $module; shipped code does without" ;;
    esac
    [ -n "${floor[$module]:-}" ] || continue
    if [ "${floor[$module]}" -ge "${floor[$room]}" ] && [[ " $same_floor_allowed " != *" $room>$module "* ]]; then
      fault "$file: $room (floor ${floor[$room]}) imports $module (floor ${floor[$module]})"
    fi
    if [ "$room" = LocalGateway ] && [[ $gateway_may_import != *" $module "* ]]; then
      fault "$file: the gateway imports $module"
    fi
    if [[ $module == ConnectionStore?* && $room != ConnectionStore* && $file != */main.swift && $room != tickertape ]]; then
      fault "$file: a table backend is chosen in main.swift only"
    fi
  done < <(sed -nE 's/^(package |public |internal |private |fileprivate |@[a-z]+ )*import (struct |class |enum |protocol |func )?([A-Za-z_]+).*/\3/p' "$file")
done < <(find Sources -name '*.swift' | sort)

[ $faults = 0 ] && echo "floors: every import goes down"
exit $faults
