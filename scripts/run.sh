#!/usr/bin/env bash
# What `make run` does after the packages are there: build, serve, feed. Stops all it started when it ends.
set -euo pipefail
cd "$(dirname "$0")/.."
# Pages of which other addresses may connect, with commas: http://localhost:3000,http://localhost:5173
IFS=', ' read -ra origins <<<"${ALLOW_ORIGIN:-}"
allowed=()
for origin in "${origins[@]}"; do allowed+=(--allow-origin "$origin"); done
port=${PORT:-8000} rate=${RATE:-50} data=${DATA:-Data} loop=${LOOP:-1} swift=${SWIFT:-swift}

[[ $port =~ ^[0-9]{1,5}$ ]] && ((10#$port >= 1 && 10#$port <= 65535)) || {
  echo "PORT must be a number from 1 to 65535, not '$port'" >&2
  exit 64
}
[[ $rate =~ ^[0-9]+(\.[0-9]+)?$ && $rate =~ [1-9] ]] || {
  echo "RATE must be a number of events a second above zero, not '$rate'" >&2
  exit 64
}
[[ $loop == [01] ]] || {
  echo "LOOP must be a number from 0 to 1 (1: the bars begin again when they end), not '$loop'" >&2
  exit 64
}
shopt -s nullglob
files=("$data"/*.csv)
shopt -u nullglob
[ ${#files[@]} -gt 0 ] || { echo "DATA=$data holds no CSV file; the recorded bars are in Data/" >&2; exit 66; }

# What the page says that it shows. The recorded bars' days stand in their file's name.
shown="what is in ${files[*]##*/}"
if [[ ${#files[@]} == 1 && ${files[0]##*/} =~ ^sp500-daily-[0-9-]{10}_[0-9-]{10}\.csv$ ]]; then
  days=${files[0]##*/sp500-daily-} && days=${days%.csv}
  shown="recorded S&P 500 daily bars, ${days%_*} to ${days#*_}"
fi
about="${shown:0:400}, replayed at $rate a second"

echo "Building (the first time takes a few minutes) …"
"$swift" build -c release
bin=$("$swift" build -c release --show-bin-path)

children=()
stop() {
  trap - EXIT INT TERM
  # Another Ctrl-C reaches the children by itself; here they are only asked and waited for.
  for child in "${children[@]}"; do kill -TERM "$child" 2>/dev/null || true; done
  for child in "${children[@]}"; do wait "$child" 2>/dev/null || true; done
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir -p .tickertape
export ACCESS=${ACCESS:-open}
functions=()
if [ -n "${PACKAGED:-}" ]; then
  for bootstrap in .build/package/*/bootstrap; do
    name=$(basename "$(dirname "$bootstrap")")
    functions+=(--function "$name=$bootstrap")
  done
  echo "The functions are the packaged ones: .build/package/*/bootstrap"
fi
"$bin/tickertape" serve "${functions[@]}" --port "$port" --stage dev --store sqlite:.tickertape/table.sqlite --log-level warn "${allowed[@]}" \
  --pages Pages --pages /client=Clients/js/src --about "${about^}" &
serve=$!
children+=("$serve")

# Whether it is the gateway itself that listens: whoever else has the port must not be fed. The shell's own reading of the whole
# list takes minutes where there are thousands of sockets.
serves() {
  local place local_address state inode descriptor
  printf -v place ':%04X' "$((10#$port))"
  while read -r _ local_address _ state _ _ _ _ _ inode _; do
    [[ $local_address == *"$place" && $state == 0A ]] || continue
    for descriptor in "/proc/$serve/fd/"*; do
      [[ $(readlink "$descriptor") == "socket:[$inode]" ]] && return 0
    done
  done < <(grep -F "$place" /proc/net/tcp)
  return 1
}

for ((tries = 0; ; tries++)); do
  # What it said of its end stands above; with its exit code this ends too.
  kill -0 "$serve" 2>/dev/null || { wait "$serve" && exit 69 || exit $?; }
  serves && break
  ((tries < 600)) || { echo "The gateway does not listen on port $port after a minute." >&2; exit 69; }
  sleep 0.1
done

if [ ${#allowed[@]} -eq 0 ]; then
  echo "A web page of your own is let in by ALLOW_ORIGIN=http://localhost:3000 make run (wherever your page comes from)."
fi
url="http://127.0.0.1:$((10#$port))/"
printf '\nLive prices in your browser:\n  %s\n' "$url"
printf "And in a shell:\n  curl -N '%sapi/stream/prices?symbols=AAPL,GOOGL'\n" "$url"
# Whether a browser opens is the desktop's affair; the address stands above in any case.
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && command -v xdg-open >/dev/null; then
  (xdg-open "$url" >/dev/null 2>&1 </dev/null || true) &
fi

# The feed runs in the foreground job of this script, so that it draws its progress bar on the terminal.
again=()
[ "$loop" = 0 ] || again=(--loop)
"$bin/tickertape" feed "${files[@]}" --rate "$rate" --type price:update --key symbol "${again[@]}" \
  --endpoint "http://127.0.0.1:$port" &
children+=("$!")
if wait "$!"; then
  echo "All recorded bars were sent. The gateway goes on; Ctrl-C stops it."
else
  echo "The feed ended with exit code $?. The gateway goes on; Ctrl-C stops it." >&2
fi
wait "$serve"
