#!/usr/bin/env bash
# The one command of the tests: bash tests/run.sh [LAYER...]
#
#   LAYER       static, unit, it, real, contract, browser, fault; all of these by default
#   TEST_SCALE  commit (default), nightly or release: how many cases and how much time a test may take
#   TEST_TIMES  times which each case of the fault layer runs, instead of once; at commit only (tests/fault/scale.rs)
#   CI=true     a missing component is a failure, otherwise it is a skip that is listed at the end
#
# On a fresh Debian machine it installs what is missing first. The last line is
# `vouchsafe: N passed, N failed, N skipped`; a requested layer that ran no test counts as failed.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly LAYERS=(static unit it real contract browser fault)
readonly NEXTEST_VERSION=0.9.143 DENY_VERSION=0.20.2

PASSED=0 FAILED=0 SKIPPED=0
FAILURES=()
CLUSTER=
AS_POSTGRES=()
SCRATCH=$(mktemp -d)

main() {
  local scale=${TEST_SCALE:-commit} layer
  case $scale in
    commit) PROFILE=commit ;;
    nightly | release) PROFILE=nightly PROPTEST_CASES=${PROPTEST_CASES:-100000} && export PROPTEST_CASES ;;
    *) usage "unknown TEST_SCALE: $scale" ;;
  esac
  local requested=("$@")
  [ $# -gt 0 ] || requested=("${LAYERS[@]}")
  for layer in "${requested[@]}"; do
    [[ " ${LAYERS[*]} " == *" $layer "* ]] || usage "unknown layer: $layer"
  done

  export TEST_SCALE=$scale TEST_SKIPS=$SCRATCH/skips INSTA_UPDATE=no
  : >"$TEST_SKIPS"
  trap cleanup EXIT
  trap 'exit 130' INT TERM

  install_packages "${requested[@]}"
  # What a killed browser or server leaves goes with the rest. A server that runs as somebody else has its folder there.
  chmod 711 "$SCRATCH"
  export TMPDIR=$SCRATCH
  # What the next build could reuse takes several times the room of what this one needs.
  [ "${CI:-}" != true ] || export CARGO_INCREMENTAL=0
  needs real contract browser fault -- "${requested[@]}" && install_npm
  needs real contract fault -- "${requested[@]}" && install_python
  needs unit it real contract browser fault -- "${requested[@]}" && install_cargo_tool cargo-nextest "$NEXTEST_VERSION" --debug
  for layer in "${requested[@]}"; do
    "layer_$layer"
  done
  summary
}

usage() {
  echo "$1; usage: bash tests/run.sh [${LAYERS[*]}]" >&2
  exit 2
}

# --- layers ---------------------------------------------------------------------------------------------

layer_static() {
  # Unoptimised: it compiles in less than half the time and has little to do.
  install_cargo_tool cargo-deny "$DENY_VERSION" --debug --no-default-features || true
  check fmt cargo fmt --all --check
  check clippy cargo clippy --locked --workspace --all-targets -- -D warnings
  check doc env RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
  check deny cargo deny --config .config/deny.toml check licenses bans sources
  if [[ $(cargo run --locked --quiet -- --help 2>/dev/null) == *providers* ]]; then
    check providers cargo run --locked --quiet -- providers check
  fi
}

# What decides where a call goes, and what of it is a secret, is asked a million times in a night: minutes for each
# property in an unoptimised build. The fuzz targets (`s15_`) take longer and stay at their own count.
layer_unit() {
  nextest unit --workspace --lib --bins
  if [ "$PROFILE" = nightly ]; then
    local where='domain::(call_path|host_pattern|secret_reference)|provider::url_template|service::proxy::(target|headers)'
    PROPTEST_CASES=1000000 nextest "unit (a million cases)" --lib -E "test(/^($where)::/) and not test(/::s15_/)"
  fi
}

layer_it() {
  TEST_DB=sqlite nextest "it (sqlite)" --test it -E 'not test(/^(real|contract)::/)'
  if start_postgres; then
    # What the generated test plays is the definitions, whatever the database.
    TEST_DB=postgres nextest "it (postgres)" --test it -E 'not test(/^(real|contract|generated)::/)'
  else
    without_postgres "it (postgres)"
  fi
}

# What a server does is the same whatever the database. That several hubs send one request is asked where they share one.
layer_real() {
  TEST_DB=sqlite nextest real --test it -E 'test(/^real::/)'
  if start_postgres; then
    TEST_DB=postgres nextest "real (postgres)" --test it -E 'test(/^real::quirks::.*::q01_/)'
  else
    without_postgres "real (postgres)"
  fi
}

layer_contract() {
  nextest contract --test it -E 'test(/^contract::/)'
}

layer_browser() {
  nextest browser --test browser
}

# The build with failure points is copied away: the next build puts the usual binary back in its place. Built with the
# test beside it, it takes the libraries as the other layers have them.
layer_fault() {
  headline "fault: the build with failure points"
  if ! cargo build --locked --features failpoints --bin vouchsafe --test fault; then
    fail "fault: no build with failure points"
    return 0
  fi
  mkdir -p target/failpoints
  cp "${CARGO_TARGET_DIR:-target}/debug/vouchsafe" target/failpoints/vouchsafe
  export TEST_FAULT_BUILD=$PWD/target/failpoints/vouchsafe
  start_postgres || true
  nextest fault --test fault --success-output final
}

# check NAME COMMAND...: a step that passes or fails as a whole
check() {
  local name=$1
  shift
  headline "static: $name"
  if "$@"; then PASSED=$((PASSED + 1)); else fail "static: $name"; fi
}

# nextest LABEL ARGUMENT...: runs tests and adds what they gave
nextest() {
  local label=$1 status=0 junit skips tests bad skipped
  shift
  # Beside the workspace, wherever CARGO_TARGET_DIR points.
  junit=target/nextest/$PROFILE/junit.xml
  rm -f "$junit"
  skips=$(wc -l <"$TEST_SKIPS")
  headline "$label"
  cargo nextest run --locked --profile "$PROFILE" "$@" || status=$?
  tests=$(root_attribute tests "$junit")
  bad=$(($(root_attribute failures "$junit") + $(root_attribute errors "$junit")))
  # A test that skipped itself looks as if it had passed.
  skipped=$(($(wc -l <"$TEST_SKIPS") - skips))
  PASSED=$((PASSED + tests - bad - skipped))
  SKIPPED=$((SKIPPED + skipped))
  if [ "$bad" -gt 0 ]; then
    FAILED=$((FAILED + bad))
    FAILURES+=("$label: $bad of $tests tests")
    note_tests "$label" "$junit"
  elif [ "$tests" -eq 0 ]; then
    fail "$label: ran no test (exit code $status)"
  elif [ "$status" -ne 0 ]; then
    fail "$label: exit code $status"
  fi
}

# note_tests LABEL FILE: keeps those tests of a JUnit report that failed, and what each said.
note_tests() {
  local label=$1 one
  [ -f "$2" ] || return 0
  while IFS= read -r -d $'\x1e' one; do
    FAILURES+=("$label: $one")
  done < <(said_by_tests "$2")
}

# said_by_tests FILE: name and place of each, then at most six lines of 300 letters of its message; each ends with
# the separator 1E. A record is a tag with the text behind it: in texts and attributes `<` and `>` are written as entities.
said_by_tests() {
  LC_ALL=C awk '
    function attribute(name,   rest) {
      rest = substr($0, 1, index($0, ">"))
      if (!match(rest, "[ \n]" name "=\"[^\"]*\"")) return ""
      return plain(substr(rest, RSTART + length(name) + 3, RLENGTH - length(name) - 4))
    }
    function plain(text) {
      gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text)
      gsub(/&quot;/, "\"", text); gsub(/&apos;/, "\047", text)
      gsub(/&#10;/, "\n", text); gsub(/&#13;/, "", text); gsub(/&#9;/, "\t", text)
      gsub(/&amp;/, "\\&", text)
      return text
    }
    function tell(test, text,   lines, count, at, line, place, body, told) {
      count = split(text, lines, "\n")
      for (at = 1; at <= count && told < 6; at++) {
        line = lines[at]
        if (line ~ /^(\* )?thread .* panicked at /) {
          place = line
          sub(/^.* panicked at /, "", place); sub(/:$/, "", place)
        } else if (line ~ /^(note: run with|stack backtrace:)/) {
          break
        } else if (line ~ /[^ \t\r]/) {
          # A letter of several bytes is not cut in two.
          if (length(line) > 300) { line = substr(line, 1, 300); sub(/[\300-\377][\200-\277]*$/, "", line); line = line "…" }
          body = body "\n    " line
          told++
        }
      }
      printf "%s%s%s\036", test, place == "" ? "" : " (" place ")", body
    }
    BEGIN { RS = "<" }
    /^testcase / { test = attribute("name") }
    test != "" && /^(failure|error)[ \n\/>]/ {
      text = plain(substr($0, index($0, ">") + 1, 20000))
      if (text !~ /[^ \t\r\n]/) text = attribute("message")
      if (text !~ /[^ \t\r\n]/) text = attribute("type")
      tell(test, text)
      test = ""
    }' "$2"
}

# root_attribute NAME FILE: a number from the first element of a JUnit report, 0 without one
root_attribute() {
  local value=
  [ ! -f "$2" ] || value=$(grep -m1 '<testsuites ' "$2" | sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p")
  echo "${value:-0}"
}

fail() {
  FAILED=$((FAILED + 1))
  FAILURES+=("$1")
}

# without_postgres LABEL: no cluster could be started for these tests
without_postgres() {
  if [ "${CI:-}" = true ]; then
    fail "$1: no cluster could be started"
  else
    skip "$1: postgres is missing (apt-get install postgresql)"
  fi
}

skip() {
  SKIPPED=$((SKIPPED + 1))
  echo "$1" >>"$TEST_SKIPS"
}

headline() { printf '\n== %s\n' "$1"; }

summary() {
  headline summary
  sed 's/^/skipped: /' "$TEST_SKIPS"
  [ ${#FAILURES[@]} -eq 0 ] || printf 'failed: %s\n' "${FAILURES[@]}"
  echo "vouchsafe: $PASSED passed, $FAILED failed, $SKIPPED skipped"
  [ "$FAILED" -eq 0 ]
}

# --- what the machine lacks -------------------------------------------------------------------------------

# needs LAYER... -- REQUESTED...: whether one of the former is among the latter
needs() {
  local wanted=() layer
  while [ "$1" != -- ]; do wanted+=("$1") && shift; done
  shift
  for layer in "$@"; do
    [[ " ${wanted[*]} " == *" $layer "* ]] && return 0
  done
  return 1
}

install_packages() {
  local name layers probe missing=()
  while read -r name layers probe; do
    case $name in '' | '#'*) continue ;; esac
    [ "$layers" = all ] || needs ${layers//,/ } -- "$@" || continue
    bash -c "$probe" >/dev/null 2>&1 || missing+=("$name")
  done <tests/packages.txt
  [ ${#missing[@]} -gt 0 ] || return 0

  if [ "$(id -u)" -ne 0 ]; then
    echo "missing Debian packages, to be installed as root:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    return 0
  fi
  headline "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  keep_services_down
  apt-get update -qq
  if [[ " ${missing[*]} " == *" postgresql "* ]]; then
    # The server package makes and starts a cluster unless it is told not to before it comes.
    apt_install postgresql-common
    echo 'create_main_cluster = false' >>/etc/postgresql-common/createcluster.conf
  fi
  if [[ " ${missing[*]} " == *" glewlwyd "* ]]; then
    # Its own set-up wants a database server; the tests make their own database.
    echo 'glewlwyd glewlwyd/config_type select No configuration' | debconf-set-selections
  fi
  apt_install "${missing[@]}"
  let_services_start
}

apt_install() { apt-get install -y -qq --no-install-recommends "$@" >"$SCRATCH/apt.log" || { cat "$SCRATCH/apt.log" && return 1; }; }

keep_services_down() {
  [ -e /usr/sbin/policy-rc.d ] && return 0
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
  POLICY_IS_OURS=yes
}

let_services_start() {
  [ "${POLICY_IS_OURS:-}" != yes ] || rm -f /usr/sbin/policy-rc.d
  POLICY_IS_OURS=
}

# Nothing there needs an install script: Node comes as the package of its platform.
install_npm() {
  local stamp=tests/tools/node_modules/.stamp wanted
  wanted=$(sha256sum tests/tools/package.json tests/tools/package-lock.json)
  [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
  headline "npm ci"
  if command -v npm >/dev/null && (cd tests/tools && npm ci --ignore-scripts --no-audit --no-fund); then
    echo "$wanted" >"$stamp"
  else
    echo "npm packages are missing: the tests that need them will say so" >&2
  fi
}

install_python() {
  local environment=tests/tools/.venv wanted
  wanted=$(sha256sum tests/tools/requirements.txt)
  [ "$(cat "$environment/.stamp" 2>/dev/null)" != "$wanted" ] || return 0
  headline "pip install"
  rm -rf "$environment"
  if python3 -m venv "$environment" &&
    "$environment/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r tests/tools/requirements.txt; then
    echo "$wanted" >"$environment/.stamp"
  else
    echo "Python packages are missing: the tests that need them will say so" >&2
  fi
}

# install_cargo_tool NAME VERSION FLAG...: any version that is there already will do
install_cargo_tool() {
  local name=$1 version=$2
  shift 2
  ! cargo "${name#cargo-}" --version >/dev/null 2>&1 || return 0
  headline "installing $name $version"
  cargo install --quiet --locked --version "$version" "$@" "$name"
}

# --- the throw-away PostgreSQL cluster ----------------------------------------------------------------------

start_postgres() {
  local bin port try
  [ -z "$CLUSTER" ] || return 0
  bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
  [ -n "$bin" ] || return 1
  CLUSTER=$(mktemp -d /tmp/vouchsafe-pg.XXXXXX)
  # initdb refuses to run as root.
  if [ "$(id -u)" -eq 0 ]; then
    chown postgres "$CLUSTER"
    AS_POSTGRES=(runuser -u postgres --)
  fi
  PG_CTL=$bin/pg_ctl
  postgres "$bin/initdb" -D "$CLUSTER/data" -U postgres -A trust --no-sync -E UTF8 --locale=C >"$SCRATCH/initdb.log" 2>&1 ||
    { cat "$SCRATCH/initdb.log" >&2 && return 1; }
  for try in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 12000))
    if postgres "$PG_CTL" -D "$CLUSTER/data" -l "$CLUSTER/log" -w -s start -o "-h 127.0.0.1 -p $port -k $CLUSTER \
      -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"; then
      export TEST_POSTGRES_URL=postgres://postgres@127.0.0.1:$port/postgres
      return 0
    fi
    echo "no cluster on port $port (try $try)" >&2
  done
  cat "$CLUSTER/log" >&2
  return 1
}

# postgres COMMAND...: runs it as the user who may; from /, which that user may read
postgres() { (cd / && "${AS_POSTGRES[@]}" "$@"); }

cleanup() {
  local status=$?
  trap - EXIT
  let_services_start
  if [ -n "$CLUSTER" ]; then
    postgres "$PG_CTL" -D "$CLUSTER/data" -m immediate -s stop >/dev/null 2>&1 || true
    rm -rf "$CLUSTER"
  fi
  rm -rf "$SCRATCH"
  exit "$status"
}

main "$@"
