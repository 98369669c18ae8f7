#!/bin/bash
# Signed deliveries: 10,000 posts of 300 bytes from a list in memory, a session token of 900 characters, 64 in flight, not
# pipelined. Plain HTTP beside a raw C socket loop that signs; TLS (an nginx sink) beside a C program on libcurl's
# connections that signs. What counts is the ratio of CPU, each pair run one after the other.
#
#   Benchmarks/signed/run.sh            a table, and whether the budgets hold (exit status 1 if not)
#   Benchmarks/signed/run.sh --json     the raw lines and a summary, one JSON object a line
#   ROUNDS=9                            how often each runs (default 7)
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=Benchmarks/common.sh
. Benchmarks/common.sh
needs gcc=gcc nginx=nginx openssl=openssl python3=python3 /usr/include/openssl/evp.h=libssl-dev
rounds=${ROUNDS:-7} deliveries=10000 few=49 bytes=300 repeats=5
json=false
[ "${1:-}" = --json ] && json=true
work=$(mktemp -d)
sink='' nginx=''
trap 'stop "$sink" "$nginx"; rm -rf "$work"' EXIT

# The keys sign for the sinks of this run only.
export AWS_ACCESS_KEY_ID=ASIAEXAMPLEEXAMPLE12 AWS_SECRET_ACCESS_KEY=example-of-a-secret-access-key-40-letter
export AWS_REGION=eu-west-1 API_GATEWAY_SIGN=always
AWS_SESSION_TOKEN=$(printf 'IQoJb3JpZ2luX2VjERIgP/58waM+Dx%.0s' $(seq 30))
export AWS_SESSION_TOKEN

for program in sink fanout_raw; do
  gcc -O2 -Wall -o "$work/$program" "Benchmarks/reference/$program.c" -lcrypto
done
gcc -O2 -Wall -o "$work/fanout_tls" Benchmarks/reference/fanout_tls.c -lcurl -lcrypto
export TICKERTAPE_BENCHMARKS=1
for product in DeliveryBenchmark SignatureBenchmark; do swift build -c release --product $product >&2; done
bin=$(swift build -c release --show-bin-path)
client=$bin/DeliveryBenchmark

# Client and sink each have a processor to themselves where there are two.
on_sink=() on_client=()
if [ "$(nproc)" -gt 1 ]; then on_sink=(taskset -c 0) on_client=(taskset -c 1); fi
start_sink() {
  rm -f "$work/sink.out"
  "${on_sink[@]}" "$work/sink" "$@" >"$work/sink.out" &
  sink=$!
  await 10 "$sink" "the sink" test -s "$work/sink.out"
  plain=$(head -1 "$work/sink.out")
}
stop_sink() {
  stop "$sink"
  sink=''
}

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost 2>/dev/null
secure=$(free_port)
sed "s#FOLDER#$work#g; s#PORT#$secure#" Benchmarks/signed/tls_sink.conf >"$work/nginx.conf"
nginx -c "$work/nginx.conf" -p "$work" -e "$work/nginx.err" &
nginx=$!
await 10 "$nginx" "nginx ($work/nginx.err)" listens "$secure"

# First a run in which the sink looks at everything, then one whose sink takes 20 ms an answer.
start_sink -k $bytes -s
bounded "$client" "http://127.0.0.1:$plain/prod" $deliveries $bytes 1 >/dev/null
stop_sink
checked=$(tail -1 "$work/sink.out")
start_sink -d 20
bounded "$client" "http://127.0.0.1:$plain/prod" $deliveries $bytes 3 128 >"$work/slow"
bounded "$client" "http://127.0.0.1:$plain/prod" $few $bytes 5 >"$work/few"
stop_sink

start_sink
for _ in $(seq "$rounds"); do
  bounded "${on_client[@]}" "$work/fanout_raw" -s -p "$plain" -n $deliveries -b $bytes -r $repeats
  bounded "${on_client[@]}" "$client" "http://127.0.0.1:$plain/prod" $deliveries $bytes $repeats
  bounded "${on_client[@]}" "$work/fanout_tls" -p "$secure" -a "$work/cert.pem" -n $deliveries -b $bytes -r $repeats
  bounded "${on_client[@]}" "$client" "https://localhost:$secure/prod" $deliveries $bytes $repeats 64 "$work/cert.pem"
done >"$work/lines"
bounded "${on_client[@]}" "$bin/SignatureBenchmark" >"$work/signature"
stop_sink

python3 - "$work" "$checked" "$json" $deliveries $few <<'PYTHON'
import json, statistics, sys
folder, checked, wants_json = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3] == "true"
deliveries, few = int(sys.argv[4]), int(sys.argv[5])
read = lambda name: [json.loads(line) for line in open(f"{folder}/{name}")]
lines = read("lines")
raw, plain, libcurl, secure = (lines[place::4] for place in range(4))
middle = lambda rows, key: statistics.median(row[key] for row in rows)
ratio = lambda ours, theirs: round(statistics.median(a["cpu_us"] / b["cpu_us"] for a, b in zip(ours, theirs)), 3)
summary = {
    "plain_ratio": ratio(plain, raw), "tls_ratio": ratio(secure, libcurl),
    "slow_sink_seconds": round(deliveries / read("slow")[0]["per_second"], 2),
    "slow_sink_few_seconds": round(few / read("few")[0]["per_second"], 3),
    "signature_us": round(read("signature")[0]["signature_us"], 2), "checked": checked,
}
sound = (checked["ids"] == deliveries and not checked["repeated"] and not checked["wrong"] and not checked["forged"]
         and not any(row["bad"] for row in lines))
holds = (summary["plain_ratio"] <= 1.25 and summary["tls_ratio"] <= 1.25 and summary["slow_sink_seconds"] <= 2
         and summary["slow_sink_few_seconds"] <= 0.2 and summary["signature_us"] <= 5 and sound)
if wants_json:
    for line in lines + [summary]:
        print(json.dumps(line))
else:
    print(f"{'':38} {'CPU a delivery':>15} {'first round':>12} {'a second':>10} {'peak':>8}")
    for name, rows in (("plain: raw C loop that signs", raw), ("plain: Delivery", plain),
                       ("TLS: C on libcurl's connections", libcurl), ("TLS: Delivery", secure)):
        print(f"{name:38} {middle(rows, 'cpu_us'):12.2f} us {middle(rows, 'first_cpu_us'):9.2f} us "
              f"{middle(rows, 'per_second'):10,.0f} {middle(rows, 'peak_kb') / 1024:5.1f} MB")
    print(f"ratios of CPU, medians of {len(raw)} pairs: plain {summary['plain_ratio']}, TLS {summary['tls_ratio']} "
          f"(budget 1.25 each); the first round of TLS has its handshakes")
    print(f"a sink of 20 ms an answer, width 128: {deliveries:,} in {summary['slow_sink_seconds']} s (budget 2)")
    print(f"the same sink, width 64: {few} in {summary['slow_sink_few_seconds']} s (budget 0.2; over one connection 1)")
    print(f"a signature: {summary['signature_us']} us (budget 5)")
    print(f"checked: {checked['ids']} ids, {checked['repeated']} repeated, {checked['wrong']} wrong bodies, "
          f"{checked['forged']} wrong signatures of {checked['requests']} requests: {'right' if sound else 'WRONG'}")
sys.exit(0 if holds else 1)
PYTHON
