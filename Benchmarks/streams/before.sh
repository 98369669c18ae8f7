#!/usr/bin/env bash
# What a delivery costs now, beside an earlier commit: the same programs of both, one after the other, round by round, with a
# raw C socket loop between them. CPU of 10,000 deliveries; the Publisher reads its listeners from a SQLite table.
#
# Usage: before.sh [--rounds 7] [--commit f3fe13a] [--folder FOLDER] [--json]
#   --commit   the earlier state; f3fe13a is the last one that kept no log
#   --folder   a checkout of it that is built for release, with TICKERTAPE_BENCHMARKS set; else one is made and built
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=Benchmarks/common.sh
. Benchmarks/common.sh
needs gcc=gcc git=git python3=python3 taskset=util-linux /usr/include/openssl/evp.h=libssl-dev
rounds=7 commit=f3fe13a folder='' json=no connections=10000
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --commit) commit=$2; shift 2 ;;
    --folder) folder=$2; shift 2 ;;
    --json) json=yes; shift ;;
    *) sed -n '2,7p' "$0"; exit 64 ;;
  esac
done
export TICKERTAPE_BENCHMARKS=1
work=$(mktemp -d)
sink='' made=''
cleanup() {
  stop "$sink"
  [ -z "$made" ] || git worktree remove --force "$made" || true
  rm -rf "$work"
}
trap cleanup EXIT

if [ -z "$folder" ]; then
  made=$work/before folder=$made
  git worktree add --detach "$made" "$commit" >&2
  (cd "$made" && swift build -c release) >&2
fi
swift build -c release >&2
# shellcheck disable=SC2034  # read as ${!which}
now=$(swift build -c release --show-bin-path)
# shellcheck disable=SC2034  # read as ${!which}
before=$(cd "$folder" && swift build -c release --show-bin-path)
gcc -O2 -Wall -o "$work/runtime_api" Benchmarks/lambda/runtime_api.c
for program in sink fanout_raw; do gcc -O2 -Wall -o "$work/$program" "Benchmarks/reference/$program.c" -lcrypto; done

# The listeners come into the table as they do in life; each program reads what its own ConnectHandler wrote.
sed 's/"queryStringParameters":{/&"eventTypes":"price:update",/' Benchmarks/lambda/events/connect.json >"$work/connect.json"
for which in before now; do
  bounded "$work/runtime_api" -i -e "$work/connect.json" -r 1 -w 0 -n "$connections" -E ACCESS=open \
    -E CONNECTION_STORE="sqlite:$work/$which.sqlite" -L rows -- "${!which}/ConnectHandler" >/dev/null
done
printf '{"type":"price:update","key":"AAPL","data":"%0150d"}' 7 >"$work/event.json"
taskset -c 0 "$work/sink" >"$work/sink.out" &
sink=$!
await 10 "$sink" "the sink" test -s "$work/sink.out"
port=$(head -1 "$work/sink.out")

publish() {
  bounded "$work/runtime_api" -e "$work/event.json" -r 1 -w 1 -n 5 -c 0 -C 1 -E CONNECTION_STORE="sqlite:$work/$1.sqlite" \
    -E API_GATEWAY_ENDPOINT="http://127.0.0.1:$port/dev" -E AWS_LAMBDA_LOG_LEVEL=ERROR -L publisher -- "$2/Publisher" \
    >>"$work/publisher.$1"
}
deliver() { bounded taskset -c 1 "$2/DeliveryBenchmark" "http://127.0.0.1:$port/prod" "$connections" 300 5 >>"$work/delivery.$1"; }

for round in $(seq "$rounds"); do
  # Who goes first changes: a machine that grows busier or quieter favours neither.
  order=(before now)
  [ $((round % 2)) = 1 ] || order=(now before)
  bounded taskset -c 1 "$work/fanout_raw" -p "$port" -n "$connections" -b 300 -r 5 >>"$work/c"
  for which in "${order[@]}"; do deliver "$which" "${!which}"; done
  for which in "${order[@]}"; do publish "$which" "${!which}"; done
done
python3 - "$work" "$connections" "$json" <<'PY'
import json, statistics, sys
folder, n, wants_json = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "yes"
read = lambda name: [json.loads(line) for line in open(f"{folder}/{name}")]
c = [row["cpu_us"] for row in read("c")]
rows, sound = [], True
for program in ("delivery", "publisher"):
    cost = {}
    for which in ("before", "now"):
        lines = read(f"{program}.{which}")
        if program == "publisher":
            cost[which] = [row["warm_cpu_us"] / n for row in lines]
            sound &= all(json.loads(row["response"])["deliveries"] >= n for row in lines)
        else:
            cost[which] = [row["cpu_us"] for row in lines]
            sound &= all(row["bad"] == 0 for row in lines)
    rows.append({
        "program": program, "rounds": len(c), "c_us": round(statistics.median(c), 2),
        "before_us": round(statistics.median(cost["before"]), 2), "now_us": round(statistics.median(cost["now"]), 2),
        "best_ratio": round(min(cost["now"]) / min(cost["before"]), 3),
        "ratio": round(statistics.median(b / a for a, b in zip(cost["before"], cost["now"])), 3)})
for row in rows:
    print(json.dumps(row) if wants_json else
          f"CPU a delivery, {row['program']}: before {row['before_us']:.2f} us, now {row['now_us']:.2f} us, raw C loop "
          f"{row['c_us']:.2f} us; now / before {row['ratio']:.2f}, of the best rounds {row['best_ratio']:.2f} (budget 1.1)")
if not sound:
    print("WRONG: not everything was delivered")
sys.exit(0 if sound and all(row["ratio"] <= 1.1 for row in rows) else 1)
PY
