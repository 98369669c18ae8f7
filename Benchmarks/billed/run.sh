#!/usr/bin/env bash
# What Lambda would bill at 128 MB, where a function has 7 % of a processor: a $connect, a $default message, and a fan-out of
# 1,000 signed deliveries, all over verified TLS with its handshakes, beside awslambdaric with boto3 doing the same.
# DynamoDB is MiniStack behind nginx, the gateway an nginx that says 200; neither has a quota. Start-up is measured inside the
# quota and outside of it, as Lambda's own is.
#
#   Benchmarks/billed/run.sh [--rounds 5] [--json]
#
# Needs root (a cgroup), nginx, `make package` and `make python`.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=Benchmarks/common.sh
. Benchmarks/common.sh
case ${1:-} in -h | --help) sed -n '2,10p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;; esac
needs nginx=nginx openssl=openssl curl=curl python3=python3
[ -x .build/package/Publisher/bootstrap ] || refuse "the packaged functions are missing; run 'make package' first"
[ -x .build/venv/bin/ministack ] || refuse "the emulator is missing; run 'make python' first"
[ -w /sys/fs/cgroup/cpu ] || refuse "/sys/fs/cgroup/cpu cannot be written to; run as root, with cgroup v1's cpu"
venv=.build/benchmarks/venv
[ -e $venv/.done ] || {
  python3 -m venv $venv
  $venv/bin/python -m pip install --quiet --disable-pip-version-check awslambdaric==4.2.2 boto3==1.43.106
  touch $venv/.done
}
work=$(mktemp -d)
nginx='' emulator=''
trap 'stop "$nginx" "$emulator"; rm -rf "$work"' EXIT
sink=$(free_port) secure=$(free_port) plain=$(free_port)

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost 2>/dev/null
# Whoever parses the roots parses as many as on AWS.
cat .build/package/Publisher/roots.pem "$work/cert.pem" >"$work/roots.pem"
sed -e "s#FOLDER#$work#g; s#PORT#$sink#" -e '$d' Benchmarks/signed/tls_sink.conf >"$work/nginx.conf"
cat >>"$work/nginx.conf" <<CONF
  server {
    listen 127.0.0.1:$secure ssl;
    server_name localhost;
    client_max_body_size 20m;
    location / { proxy_pass http://127.0.0.1:$plain; proxy_http_version 1.1; proxy_set_header Host \$http_host; }
  }
}
CONF
nginx -c "$work/nginx.conf" -p "$work" -e "$work/nginx.err" &
nginx=$!
env BIND_HOST=127.0.0.1 IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 GATEWAY_PORT="$plain" EDGE_PORT="$plain" MINISTACK_HOST=localhost AUTH=false \
  PERSIST_STATE=0 S3_DATA_DIR="$work/s3" STATE_DIR="$work/state" .build/venv/bin/ministack >"$work/ministack.log" 2>&1 &
emulator=$!
await 10 "$nginx" "nginx ($work/nginx.err)" listens "$sink"
await 60 "$emulator" "the emulator ($work/ministack.log)" curl -fsS -m 2 "http://127.0.0.1:$plain/_ministack/health"

export AWS_ACCESS_KEY_ID=ASIAEXAMPLEEXAMPLE12 AWS_SECRET_ACCESS_KEY=example-of-a-secret-access-key-40-letter AWS_DEFAULT_REGION=us-east-1
curl -fsS -m 20 "http://127.0.0.1:$plain/" -H 'X-Amz-Target: DynamoDB_20120810.CreateTable' -H 'Content-Type: application/x-amz-json-1.0' \
  -H 'Authorization: AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0' \
  -d '{"TableName":"billed","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]}' >/dev/null
variables=$(python3 - "$secure" "$sink" "$work" <<'PY'
import json, os, sys
secure, sink, work = sys.argv[1:]
print(json.dumps({
    "CONNECTION_STORE": "dynamodb:billed", "AWS_ENDPOINT_URL_DYNAMODB": f"https://localhost:{secure}", "ACCESS": "open",
    "API_GATEWAY_ENDPOINT": f"https://localhost:{sink}/prod", "AWS_CA_BUNDLE": f"{work}/roots.pem", "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
    "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"], "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjERIgP" * 43}))
PY
)
BENCHMARK_SECONDS=${BENCHMARK_SECONDS:-7200} bounded python3 Benchmarks/billed/billed.py --package .build/package --python "$venv/bin/python" --functions "$(pwd)/Benchmarks/billed" \
  --variables "$variables" "$@"
