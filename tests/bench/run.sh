#!/usr/bin/env bash
# What a token read costs: bash tests/bench/run.sh
#
#   BENCH_ROWS     credentials in the database (100000)
#   BENCH_SECONDS  length of one round (5)
#   BENCH_ROUNDS   rounds of each subject (3)
#
# Reads of `GET /credentials/{id}/token` (a key, and an OAuth token) at 1, 16 and 64 connections, in turn with a bare
# axum handler that reads one row of the same file. Absolute numbers do not travel between machines; the ratios do.
# After that: start time with 1,000 provider files, memory at rest, size of the binary.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly ROWS=${BENCH_ROWS:-100000} SECONDS_EACH=${BENCH_SECONDS:-5} ROUNDS=${BENCH_ROUNDS:-3}
readonly BIN=${CARGO_TARGET_DIR:-target}/release/vouchsafe HELPER=${CARGO_TARGET_DIR:-target}/release/examples/bench
SCRATCH=$(mktemp -d)
CHILDREN=()

main() {
  command -v wrk >/dev/null || { echo "wrk is missing (apt-get install wrk)" >&2 && exit 2; }
  trap cleanup EXIT
  cargo build --locked --release --bin vouchsafe --example bench
  echo "commit $(git rev-parse --short HEAD), $(nproc) × $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1), $ROWS credentials"

  local seeded key api_key oauth hub bare
  seeded=$("$HELPER" seed "$SCRATCH" "$ROWS")
  key=$(member key "$seeded") api_key=$(member apiKey "$seeded") oauth=$(member oauth "$seeded")
  start_hub "$SCRATCH/data" "$SCRATCH/providers"
  hub=http://$(cat "$SCRATCH/data/address")
  "$HELPER" serve "$SCRATCH/data/vouchsafe.db" "$api_key" >"$SCRATCH/bare" &
  CHILDREN+=($!)
  until [ -s "$SCRATCH/bare" ]; do sleep 0.1; done
  bare=http://$(cat "$SCRATCH/bare")

  echo
  printf '%-12s %18s %18s %18s %9s %9s\n' connections 'bare row /s' 'key token /s' 'OAuth token /s' key/bare OAuth/bare
  local connections
  for connections in 1 16 64; do
    compare "$connections" "$bare/" "$hub/credentials/$api_key/token" "$hub/credentials/$oauth/token" "$key"
  done
  footprint
}

member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" <<<"$2"; }

# start_hub DATA PROVIDERS: a hub on a free port, ready when this returns; its process is HUB
start_hub() {
  rm -f "$1/address"
  VOUCHSAFE_DATA_DIR=$1 VOUCHSAFE_LISTEN=127.0.0.1:0 VOUCHSAFE_PROVIDERS_DIR=$2 VOUCHSAFE_LOG=warn \
    VOUCHSAFE_EGRESS_ALLOW=127.0.0.0/8 VOUCHSAFE_EGRESS_HTTP=true "$BIN" serve >/dev/null 2>>"$SCRATCH/log" &
  HUB=$!
  CHILDREN+=("$HUB")
  until [ -s "$1/address" ] && curl -fs -o /dev/null "http://$(cat "$1/address")/readyz"; do
    kill -0 "$HUB" 2>/dev/null || { cat "$SCRATCH/log" >&2 && return 1; }
    sleep 0.005
  done
}

# compare CONNECTIONS BARE KEY OAUTH BEARER: rounds in turn, the median of each
compare() {
  local round bare=() key=() oauth=() b k o
  load "$1" "$2" "$5" 1 >/dev/null
  load "$1" "$3" "$5" 1 >/dev/null
  for ((round = 0; round < ROUNDS; round++)); do
    bare+=("$(load "$1" "$2" "$5" "$SECONDS_EACH")")
    key+=("$(load "$1" "$3" "$5" "$SECONDS_EACH")")
    oauth+=("$(load "$1" "$4" "$5" "$SECONDS_EACH")")
  done
  b=$(median "${bare[@]}") k=$(median "${key[@]}") o=$(median "${oauth[@]}")
  printf '%-12s %18s %18s %18s %9s %9s\n' "$1" "$b ($(range "${bare[@]}"))" "$k ($(range "${key[@]}"))" \
    "$o ($(range "${oauth[@]}"))" "$(ratio "$k" "$b")" "$(ratio "$o" "$b")"
}

# load CONNECTIONS URL BEARER SECONDS: requests a second; an answer that is no success ends the run
load() {
  local threads=1 out
  [ "$1" -lt 2 ] || threads=2
  out=$(wrk -t "$threads" -c "$1" -d "$4s" -H "Authorization: Bearer $3" "$2")
  if grep -q 'Non-2xx' <<<"$out"; then echo "$2: $out" >&2 && exit 1; fi
  sed -n 's/^Requests\/sec: *\([0-9]*\).*/\1/p' <<<"$out"
}

median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
range() { printf '%s\n' "$@" | sort -n | sed -n '1p;$p' | paste -sd-; }
ratio() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }

# What the product weighs: start with many definitions, memory at rest, size.
footprint() {
  local number begin end
  mkdir -p "$SCRATCH/many"
  for ((number = 0; number < 1000; number++)); do
    sed "s/^name = .*/name = \"App $number\"/" providers/hubspot.toml >"$SCRATCH/many/app-$number.toml"
  done
  VOUCHSAFE_DATA_DIR=$SCRATCH/start "$BIN" migrate 2>>"$SCRATCH/log"
  begin=$(date +%s%N)
  start_hub "$SCRATCH/start" "$SCRATCH/many"
  end=$(date +%s%N)
  echo
  echo "start with 1,000 more provider files, to the first ready answer: $(((end - begin) / 1000000)) ms"
  kill "$HUB"
  wait "$HUB"
  mkdir -p "$SCRATCH/none"
  begin=$(date +%s%N)
  start_hub "$SCRATCH/start" "$SCRATCH/none"
  end=$(date +%s%N)
  echo "start with the built-in ones: $(((end - begin) / 1000000)) ms"
  sleep 3
  echo "memory at rest: $(awk '/^VmRSS/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$HUB/status")"
  echo "binary: $(stat -c %s "$BIN" | awk '{ printf "%.1f MiB", $1 / 1048576 }')"
}

cleanup() {
  local status=$?
  trap - EXIT
  [ ${#CHILDREN[@]} -eq 0 ] || kill "${CHILDREN[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$SCRATCH"
  exit "$status"
}

main "$@"
