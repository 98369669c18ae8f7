#!/usr/bin/env bash
# Deploys Tickertape into an AWS account, or an emulator of one. May be run again: it changes what has changed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=infra/account.sh
source "$here/account.sh"

usage() {
  cat <<'END'
usage: infra/deploy.sh --stage NAME [options]

Packages the functions, uploads them, deploys infra/template.yaml, waits, sends an event through it all, and prints the URL.

  --stage NAME          name of this deployment: dev, prod, … (prod keeps its table and logs when it is destroyed)
  --region REGION       default: AWS_REGION, or what the profile says
  --profile NAME        a profile of ~/.aws/config
  --public              let everybody on the internet connect without a key or a token, as whomever they say they are
  --memory MB           of each function (default 128)
  --shards N            partitions that the listeners of a topic are spread over (default 8)
  --stream-concurrency N
                        so many event streams over HTTP at once, reserved from the account's concurrency (default 100);
                        0 reserves none, for an account whose limit leaves no room
  --table NAME          use a table that is there, such as one that stage prod kept, instead of making one
  --documents-paths     also serve the source protocols' paths (/stream/ws, /realtime/ws/…), by a CloudFront distribution
  --no-documents-paths  take that distribution away again
  --alarm-topic ARN     an SNS topic that hears of alarms
  --packages FOLDER     upload the zip files of this folder instead of running infra/package.sh
  --tool PATH           the tickertape that sends the test event (default: it is built)
  --no-smoke-test       do not send the test event
  --endpoint-url URL    an emulator of AWS, such as http://127.0.0.1:4566
  --json                print what was deployed as JSON
  --help                this text

Clients connect with a key ('tickertape keys create'), or with a token if these say how tokens are checked: JWT_SECRET,
JWT_PUBLIC_KEY, JWT_JWKS_URL, JWT_ISSUER, JWT_AUDIENCE, JWT_LEEWAY_SECONDS, JWT_USER_CLAIM; ACCESS_ORIGINS names pages of
other hosts that may use the session cookie, ANONYMOUS_ROLE says who comes in without any, ORIGIN_SECRET is what the
distribution says to be believed where a client is (--documents-paths makes one). Limits are MAX_SUBSCRIPTIONS,
CLIENT_FRAMES_PER_SECOND, CLIENT_FRAMES_BURST, FRAMES_PER_SECOND, BATCH_EVENTS, BATCH_MILLISECONDS, PERSONAL_EVENTS, PERSONAL_SECONDS,
LOG_SECONDS, REPLAY_EVENTS, EVENT_BYTES, PING_SECONDS, STATE_KEYS, STATE_SECONDS, MAX_CONNECTIONS_PER_USER,
MAX_CONNECTIONS_PER_CLIENT, CONNECT_REFUSALS_PER_MINUTE, CONNECT_LIMIT_COUNTS, STREAM_SLICE_SECONDS,
STREAM_POLL_MILLISECONDS, STREAM_PAD_BYTES, STREAM_KEEPALIVE_SECONDS, STREAM_RETRY_MILLISECONDS, STREAM_SECOND_CHUNK,
STREAM_WHOLE_ANSWERS, LATEST_SECONDS; POSITIONS says who works out positions;
EVENT_TYPES_FILE with EVENT_TYPES_LAYER says which types there are. All are taken from the environment; one that is set to
nothing is what it was without it.

A setting that is not given stays as it was deployed last. Without --public, a key or a token is needed again.
Exit codes: 64 wrong usage, 69 a tool is missing, 70 AWS refused, 75 another deployment is running, 76 the test event did
not arrive, 77 no credentials, 78 no region.
END
}

functions=(ConnectHandler DisconnectHandler DefaultHandler Publisher StreamHandler)
packages="" tool="" memory="" shards="" stream_concurrency="" smoke_test=yes public=no json=no documents_paths="" folder="" watcher="" smoke_key=""
parameters=()

while [ $# -gt 0 ]; do
  case $1 in
    --stage) stage=$(value "$@"); shift ;;
    --region) region=$(value "$@"); shift ;;
    --profile) profile=$(value "$@"); shift ;;
    --memory) memory=$(value "$@"); shift ;;
    --shards) shards=$(value "$@"); shift ;;
    --stream-concurrency) stream_concurrency=$(value "$@"); shift ;;
    --table) parameters+=("ExistingTable=$(value "$@")"); shift ;;
    --alarm-topic) parameters+=("AlarmTopic=$(value "$@")"); shift ;;
    --documents-paths) documents_paths=served ;;
    --no-documents-paths) documents_paths=refused ;;
    --packages) packages=$(value "$@"); shift ;;
    --tool) tool=$(value "$@"); shift ;;
    --endpoint-url) endpoint=$(value "$@"); endpoint=${endpoint%/}; shift ;;
    --public) public=yes ;;
    --no-smoke-test) smoke_test=no ;;
    --json) json=yes ;;
    --help | -h) usage; exit 0 ;;
    *) fail 64 "unknown option '$1'" "see infra/deploy.sh --help" ;;
  esac
  shift
done

# --- Packages ---------------------------------------------------------------------------------------------------------

make_packages() {
  if [ -z "$packages" ]; then
    need swift "install the Swift 6.3 toolchain, or give --packages FOLDER with packages built elsewhere"
    say "Packaging"
    "$here/package.sh" >&2 || fail 70 "infra/package.sh failed, see above"
    packages=$root/.build/package
  fi
  local name
  for name in "${functions[@]}"; do
    [ -f "$packages/$name.zip" ] || fail 66 "$packages/$name.zip is missing" "run infra/package.sh"
    parameters+=("${name}Key=$name-$(sha256sum "$packages/$name.zip" | cut -c 1-16).zip")
  done
  parameters+=("Architecture=$(architecture "$packages/Publisher.zip")")
}

# The architecture of a package's bootstrap, from its ELF header.
architecture() {
  case $(unzip -p "$1" bootstrap 2>/dev/null | od -An -j18 -N2 -tx1 | tr -d ' \n') in
    3e00) echo x86_64 ;;
    b700) echo arm64 ;;
    *) fail 66 "$1 has no bootstrap for x86_64 or arm64 at its root" "run infra/package.sh" ;;
  esac
}

upload_packages() {
  if ! bucket_exists; then
    say "Making the bucket $bucket"
    local place=(--create-bucket-configuration "LocationConstraint=$region")
    [ "$region" != us-east-1 ] || place=()
    attempt "cannot make the bucket $bucket" s3api create-bucket --bucket "$bucket" "${place[@]}" >/dev/null
    attempt "cannot close the bucket $bucket" s3api put-public-access-block --bucket "$bucket" \
      --public-access-block-configuration \
      BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
  fi
  local name key there
  there=$(attempt "cannot list the bucket $bucket" s3api list-objects-v2 --bucket "$bucket" --query 'Contents[].Key' \
    --output text)
  for name in "${functions[@]}"; do
    key=$name-$(sha256sum "$packages/$name.zip" | cut -c 1-16).zip
    if [[ $there != *"$key"* ]]; then
      say "Uploading $name"
      attempt "cannot upload $name.zip" s3 cp --only-show-errors "$packages/$name.zip" "s3://$bucket/$key" >&2
    fi
  done
  parameters+=("CodeBucket=$bucket")
}

# The CLI does not hand --endpoint-url on to the upload of a template; by AWS_ENDPOINT_URL it knows since these versions.
need_uploads_to_endpoint() {
  [ -n "$endpoint" ] || return 0
  local version major minor
  version=$(command aws --version 2>&1)
  IFS=. read -r major minor _ <<<"${version#aws-cli/}"
  [[ $major.$minor =~ ^[0-9]+[.][0-9]+$ ]] || return 0
  case $major in
    1) [ "$minor" -lt 29 ] || return 0 ;;
    2) [ "$minor" -lt 13 ] || return 0 ;;
    *) return 0 ;;
  esac
  fail 69 "the AWS CLI is ${version%% *}, which uploads templates to AWS whatever --endpoint-url says" \
    "for an emulator take 2.13, or 1.29 of pip, or newer; AWS itself takes this one too"
}

# --- The stack --------------------------------------------------------------------------------------------------------

# What is left of a creation that failed must go before the next; what is in progress must end.
clear_the_way() {
  local status
  status=$(stack_status)
  case $status in
    ROLLBACK_COMPLETE | ROLLBACK_FAILED | CREATE_FAILED | DELETE_FAILED)
      say "Removing what is left of a failed attempt ($status)"
      delete_stack ;;
    UPDATE_ROLLBACK_FAILED)
      fail 70 "the stack $stack is stuck (UPDATE_ROLLBACK_FAILED)" \
        "run 'aws cloudformation continue-update-rollback --stack-name $stack', then this again" ;;
    REVIEW_IN_PROGRESS) ;;
    *_IN_PROGRESS) fail 75 "another operation on the stack $stack is running ($status)" "wait for it, then run this again" ;;
  esac
  [ -n "$status" ] || mention_kept_table
}

mention_kept_table() {
  [[ "${parameters[*]}" != *ExistingTable=* ]] || return 0
  local kept
  kept=$(aws dynamodb list-tables --output text --query "TableNames[?starts_with(@, '$stack-Table-')]" 2>/dev/null || true)
  [ -z "$kept" ] || [ "$kept" = None ] ||
    say "Note: a table is left from before, and a new one will be made. To use the old one: --table ${kept%%[[:space:]]*}"
}

# Leaves nothing behind, however the script ends.
clean_up() {
  [ -z "$watcher" ] || kill "$watcher" 2>/dev/null || true
  forget_key
  [ -z "$folder" ] || rm -rf "$folder"
  folder=""
}

# Who may come in, and the limits: the template's parameters, the variables of the same meaning, and what nothing means where
# the template takes no empty word.
settings=(
  JwtSecret:JWT_SECRET JwtPublicKey:JWT_PUBLIC_KEY JwtJwksUrl:JWT_JWKS_URL JwtIssuer:JWT_ISSUER JwtAudience:JWT_AUDIENCE
  JwtLeewaySeconds:JWT_LEEWAY_SECONDS:60 JwtUserClaim:JWT_USER_CLAIM:sub AccessOrigins:ACCESS_ORIGINS
  OriginSecret:ORIGIN_SECRET AnonymousRole:ANONYMOUS_ROLE ConnectRefusalsPerMinute:CONNECT_REFUSALS_PER_MINUTE:5
  ConnectLimitCounts:CONNECT_LIMIT_COUNTS:refused MaxConnectionsPerUser:MAX_CONNECTIONS_PER_USER:10
  MaxConnectionsPerClient:MAX_CONNECTIONS_PER_CLIENT:0 BatchEvents:BATCH_EVENTS:10 BatchMilliseconds:BATCH_MILLISECONDS:1000
  MaxSubscriptions:MAX_SUBSCRIPTIONS:128 ClientFramesPerSecond:CLIENT_FRAMES_PER_SECOND:10
  ClientFramesBurst:CLIENT_FRAMES_BURST:20 FramesPerSecond:FRAMES_PER_SECOND:10 PersonalEvents:PERSONAL_EVENTS:100
  PersonalSeconds:PERSONAL_SECONDS:300 LogSeconds:LOG_SECONDS:86400 ReplayEvents:REPLAY_EVENTS:10000
  StreamSliceSeconds:STREAM_SLICE_SECONDS:20 StreamPollMilliseconds:STREAM_POLL_MILLISECONDS:250
  StreamPadBytes:STREAM_PAD_BYTES:0 StreamKeepaliveSeconds:STREAM_KEEPALIVE_SECONDS:30
  StreamRetryMilliseconds:STREAM_RETRY_MILLISECONDS:5000 StreamSecondChunk:STREAM_SECOND_CHUNK:0
  StreamWholeAnswers:STREAM_WHOLE_ANSWERS:0 LatestSeconds:LATEST_SECONDS:3600
  EventBytes:EVENT_BYTES:98304 PingSeconds:PING_SECONDS:120 StateKeys:STATE_KEYS:500
  StateSeconds:STATE_SECONDS:31536000 Positions:POSITIONS:application
  EventTypesFile:EVENT_TYPES_FILE EventTypesLayer:EVENT_TYPES_LAYER
)

take_settings() {
  local setting parameter variable standard taken=""
  for setting in "${settings[@]}"; do
    IFS=: read -r parameter variable standard <<<"$setting"
    [ -n "${!variable+set}" ] || continue
    [[ ! $standard =~ ^[0-9]+$ ]] || whole_number "$variable" "${!variable:-$standard}" "$standard"
    parameters+=("$parameter=${!variable:-$standard}")
    taken+=" $variable"
  done
  [ -z "$taken" ] || say "Settings that the environment gives:$taken"
}

# CloudFormation's numbers may have fractions, which the functions would refuse at their start: whole_number NAME VALUE EXAMPLE
whole_number() {
  [[ $2 =~ ^[0-9]{1,9}$ ]] || fail 64 "$1 takes a whole number, not '$2'" "for example $1=$3"
}

# In a file that only we may read: a command line is seen by everybody on the machine.
write_parameters() {
  local parameter comma=""
  printf '['
  for parameter in "${parameters[@]}"; do
    printf '%s' "$comma"
    json_string "$parameter"
    comma=,
  done
  printf ']'
}

# Every byte as it stands: a secret may hold quotes, tabs and line ends, also at its end.
json_string() {
  local text=$1 code character escaped
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  if [[ $text == *[[:cntrl:]]* ]]; then
    for code in {1..31} 127; do
      printf -v character '%b' "\\0$(printf '%o' "$code")"
      printf -v escaped '\\u%04x' "$code"
      text=${text//"$character"/$escaped}
    done
  fi
  printf '"%s"' "$text"
}

# The secret that the distribution sends is made once and kept, for CloudFront takes minutes to change it.
choose_documents_paths() {
  [ -n "$documents_paths" ] || return 0
  parameters+=("DocumentsPaths=$documents_paths")
  if [ "$documents_paths" = served ] && [ -z "${ORIGIN_SECRET:-}" ] && ! has_distribution; then
    parameters+=("OriginSecret=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')")
  fi
}

has_distribution() {
  local found
  found=$(aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query "Stacks[0].Outputs[?OutputKey=='DocumentsPathsUrl'].OutputValue" 2>/dev/null) || return 1
  [ -n "$found" ] && [ "$found" != None ]
}

deploy_stack() {
  if [ "$public" = yes ]; then
    say "--public: everybody on the internet who knows the URL may connect, claim any user and role, and read every event."
    parameters+=("Access=open")
  else
    parameters+=("Access=required")
  fi
  choose_documents_paths
  parameters+=("Stage=$stage" "EmulatorEndpoint=$endpoint")
  folder=$(mktemp -d)
  trap clean_up EXIT
  (umask 077 && write_parameters >"$folder/parameters.json")
  say "Deploying the stack $stack (a first time takes about two minutes)"
  local answer failures
  # By way of the bucket: in a request itself a template may have 51,200 bytes.
  answer=$([ -z "$endpoint" ] || export AWS_ENDPOINT_URL="$endpoint"
    aws cloudformation deploy --stack-name "$stack" --template-file "$here/template.yaml" --s3-bucket "$bucket" --force-upload \
    --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND --no-fail-on-empty-changeset \
    --parameter-overrides "file://$folder/parameters.json" 2>&1) && return 0
  failures=$(stack_failures "$stack")
  [ -n "$failures" ] || fail 70 "the stack $stack was not deployed: $(cause "$answer")" "$(remedy "$answer")"
  fail 70 "the stack $stack was not deployed:"$'\n'"$failures" "remove the cause, then run infra/deploy.sh again"
}

read_outputs() {
  outputs=$(attempt "cannot read the stack's outputs" cloudformation describe-stacks --stack-name "$stack" \
    --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output text)
}

output() { awk -F '\t' -v key="$1" '$1 == key { print $2 }' <<<"$outputs"; }

# The command that shows a function's log.
log_of() { echo "aws logs tail $(output "$1") --region $region${profile:+ --profile $profile}${endpoint:+ --endpoint-url $endpoint}"; }

# An emulator's address is one for everything, so its scheme is changed here.
web_socket_url() { output WebSocketUrl | sed 's,^http,ws,'; }

# --- The test event ---------------------------------------------------------------------------------------------------

# A client connects, an event goes into the queue, the client must get it.
send_test_event() {
  say "Sending a test event"
  local word watching=("$(web_socket_url)?userId=smoke-test" --subscribe smoke:test --json)
  watching+=(--no-reconnect --count 1 --for 60)
  word=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
  if [ "$public" = no ]; then
    smoke_key=$(tool keys create --store "dynamodb:$(output TableName)" --user smoke-test --role admin --expires 30m \
      --label 'the test event of infra/deploy.sh' 2>"$folder/errors") ||
      fail 76 "cannot make a key for the test client: $(cause "$(cat "$folder/errors")")" "--no-smoke-test does without"
    watching+=(--header "x-api-key: $smoke_key")
  fi
  watch_ready "${watching[@]}"
  attempt "cannot send to the queue" sqs send-message --queue-url "$(output IngestQueueUrl)" --message-group-id smoke-test \
    --message-body "{\"type\":\"smoke:test\",\"data\":{\"word\":\"$word\"}}" >/dev/null
  if ! wait "$watcher" || ! grep -q "$word" "$folder/frames"; then
    fail 76 "the test event did not arrive within a minute" \
      "the log of the Publisher says why: $(log_of PublisherLogs)"
  fi
}

# The tool, in this account and region. In the background, the process that $! names is the tool itself.
tool() {
  local surroundings=(AWS_REGION="$region")
  [ -z "$profile" ] || surroundings+=(AWS_PROFILE="$profile")
  [ -z "$endpoint" ] || surroundings+=(AWS_ENDPOINT_URL="$endpoint")
  if [ "$BASHPID" = $$ ]; then env "${surroundings[@]}" "$tool" "$@"; else exec env "${surroundings[@]}" "$tool" "$@"; fi
}

# The key of the test client, if there is one.
forget_key() {
  [ -n "$smoke_key" ] || return 0
  tool keys revoke "$smoke_key" --store "dynamodb:$(output TableName)" >/dev/null 2>&1 ||
    say "Note: the test client's key could not be revoked; it expires in half an hour"
  smoke_key=""
}

# Starts the client and waits until it has been greeted; a new API may take seconds until it answers.
watch_ready() {
  local attempt_number
  for attempt_number in 1 2 3 4 5 6; do
    tool watch "$@" >"$folder/frames" 2>"$folder/errors" &
    watcher=$!
    while kill -0 "$watcher" 2>/dev/null; do
      if grep -q '"type":"ready"' "$folder/frames"; then return 0; fi
      sleep 0.2
    done
    [ "$attempt_number" = 6 ] || sleep "$attempt_number"
  done
  fail 76 "the test client could not connect: $(cause "$(grep '^tickertape: ' "$folder/errors" || cat "$folder/errors")")" \
    "the log of ConnectHandler may say why: $(log_of ConnectHandlerLogs)"
}

find_tool() {
  [ -z "$tool" ] || { [ -x "$tool" ] || fail 66 "$tool is not a program"; return 0; }
  need swift "give --tool PATH, or --no-smoke-test"
  say "Building the command line tool"
  swift build --package-path "$root" -c release --product tickertape >&2 || fail 70 "the tool could not be built, see above"
  tool=$root/.build/release/tickertape
}

# --- What came of it --------------------------------------------------------------------------------------------------

print_result() {
  if [ "$json" = yes ]; then
    awk -F '\t' -v url="$(web_socket_url)" 'BEGIN { printf "{" }
      { gsub(/["\\]/, "\\\\&"); printf "%s\"%s\":\"%s\"", (NR > 1 ? "," : ""), $1, ($1 == "WebSocketUrl" ? url : $2) }
      END { print "}" }' <<<"$outputs"
    return
  fi
  # As it can be pasted where this script was started.
  local program=${tool:-tickertape} table where
  printf -v program '%q' "${program#"$PWD"/}"
  where="AWS_REGION=$region${profile:+ AWS_PROFILE=$profile}${endpoint:+ AWS_ENDPOINT_URL=$endpoint} "
  table=$(output TableName)
  printf 'Deployed: %s\n' "$(web_socket_url)"
  [ -z "$(output DocumentsPathsUrl)" ] || printf 'Paths:    %s/stream/ws, /realtime/ws/…, /streaming/ws\n' "$(output DocumentsPathsUrl)"
  printf 'Streams:  %s, and the path of one, such as api/stream/prices\n' "$(output StreamUrl)"
  printf '\n'
  if [ "$public" = yes ]; then
    printf "Listen:   %s watch '%s?userId=u-1' --subscribe price:update\n" "$program" "$(web_socket_url)"
  else
    printf 'Key:      %s%s keys create --store dynamodb:%s \\\n' "$where" "$program" "$table"
    printf '            --user u-1 --role analyst --expires 90d\n'
    printf "Listen:   %s watch '%s?userId=u-1' --header 'x-api-key: KEY' --subscribe price:update\n" "$program" "$(web_socket_url)"
  fi
  cat <<END
Publish:  aws sqs send-message --region $region${endpoint:+ --endpoint-url $endpoint} --queue-url $(output IngestQueueUrl) \\
            --message-group-id prices --message-body '{"type":"price:update","key":"AAPL","data":{"price":152.50}}'
Remove:   infra/destroy.sh --stage $stage --region $region${profile:+ --profile $profile}${endpoint:+ --endpoint-url $endpoint}
END
}

take_settings
if [ -n "$memory" ]; then whole_number --memory "$memory" 128; parameters+=("MemoryMegabytes=$memory"); fi
if [ -n "$shards" ]; then whole_number --shards "$shards" 8; parameters+=("ListenerShards=$shards"); fi
if [ -n "$stream_concurrency" ]; then
  whole_number --stream-concurrency "$stream_concurrency" 100
  parameters+=("StreamConcurrency=$stream_concurrency")
fi
enter_account
need_uploads_to_endpoint
need unzip "install it: apt-get install unzip"
[ "$smoke_test" = no ] || find_tool
make_packages
clear_the_way
upload_packages
deploy_stack
read_outputs
[ "$smoke_test" = no ] || send_test_event
print_result
