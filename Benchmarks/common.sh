# shellcheck shell=bash
# What the parts' run.sh share: a part says what it needs before it does anything, and nothing waits for ever. Sourced.

part=$(basename "$(dirname "${BASH_SOURCE[1]}")")

# refuse MESSAGE...: ends the part with 69 (EX_UNAVAILABLE of sysexits.h): it cannot run here, nothing was measured.
refuse() {
  echo "$part: cannot run here: $*" >&2
  exit 69
}

# needs PROGRAM=PACKAGE...: refuses if a program, or a file given by its path, is missing, and names the Debian packages.
needs() {
  local missing=() packages=() pair
  for pair in "$@"; do
    case $pair in
      /*) [ -e "${pair%%=*}" ] && continue ;;
      *) command -v "${pair%%=*}" >/dev/null && continue ;;
    esac
    missing+=("${pair%%=*}")
    packages+=("${pair#*=}")
  done
  [ ${#missing[@]} -eq 0 ] ||
    refuse "${missing[*]} missing; scripts/packages.sh bench installs the Debian packages ${packages[*]}"
}

# await SECONDS PID NAME COMMAND...: until the command succeeds. The part ends with 70 (EX_SOFTWARE) if the process ends before,
# or the time is up. An empty PID is no process.
await() {
  local end=$((SECONDS + $1)) pid=$2 name=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    if [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; then
      echo "$part: $name ended before it was ready" >&2
      exit 70
    fi
    if [ "$SECONDS" -ge "$end" ]; then
      echo "$part: $name is not ready in time" >&2
      exit 70
    fi
    sleep 0.05
  done
}

# Whether something listens on a port of this machine.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

# stop PID...: asks the processes to end; after ten seconds it does not ask.
stop() {
  local pid end
  for pid in "$@"; do
    kill "$pid" 2>/dev/null || continue
    end=$((SECONDS + 10))
    while kill -0 "$pid" 2>/dev/null && [ "$SECONDS" -lt "$end" ]; do sleep 0.05; done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
}

# bounded COMMAND...: what is measured, ended with 124 after ten minutes.
bounded() { timeout --foreground --kill-after=10 "${BENCHMARK_SECONDS:-600}" "$@"; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
