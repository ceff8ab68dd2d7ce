#!/usr/bin/env bash
# Shows kith at work: four replicas of a package catalogue share one cache in front of one database,
# under load. A change through one replica is seen at the others; one replica is killed and started
# again; the end is a table of where reads were answered. Works as the first command on a fresh
# checkout: it installs what is missing and builds.
#
# usage: scripts/demo.sh [options]
#   --keep           leaves the replicas running
#   --csv FILE       fills the catalogue from FILE (name,version,section,size,description) in place
#                    of this machine's package lists
#   --seconds N      how long the load runs, 12 or more (30)
#   --rate N         requests a second; 0 sends them as fast as they are answered (4000)
#   --build FOLDER   uses programs built there, and installs and builds nothing
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { sed -n 's/^# \{0,1\}//; /^usage:/,/^set/{/^set/!p}' "${BASH_SOURCE[0]}"; }

keep=no csv='' seconds=30 rate=4000 build=''
while [[ $# -gt 0 ]]; do
  case $1 in
    --keep) keep=yes ;;
    --csv) csv=$(realpath -- "${2:?--csv needs a file}"); shift ;;
    --seconds) seconds=${2:?--seconds needs a number}; shift ;;
    --rate) rate=${2:?--rate needs a number}; shift ;;
    --build) build=${2:?--build needs a folder}; shift ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
if [[ ! $seconds =~ ^[0-9]+$ || $seconds -lt 12 || ! $rate =~ ^[0-9]+$ ]]; then
  usage >&2
  exit 2
fi

say() { printf '\n== %s\n' "$*"; }
note() { printf '   %s\n' "$*"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }

prepare() {
  scripts/install_packages.sh libsqlite3-dev curl
  if [[ -z $csv ]]; then
    command -v apt-cache >/dev/null ||
      die "there are no package lists on this system: give a file, --csv FILE (see --help)"
    # A fresh container has no lists.
    if [[ -z $(apt-cache search --names-only '^bash$') ]]; then
      if [[ $EUID -eq 0 ]]; then apt-get update -q; else sudo apt-get update -q; fi
    fi
  fi
  say "Building (a few minutes the first time)"
  if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
  # As users build: no preset, whose warnings are errors, and no tests, whose framework need not be
  # installed.
  build=build/demo
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DKITH_BUILD_TESTS=OFF \
    -DKITH_BUILD_BENCH=OFF >/dev/null
  cmake --build "$build" --target catalog-node catalog-load
}

if [[ -z $build ]]; then prepare; fi
node=$build/examples/catalog-node
load=$build/examples/catalog-load
[[ -x $node && -x $load ]] || die "$node and $load are not there"

folder=$(mktemp -d "${TMPDIR:-/tmp}/kith-demo-XXXXXX")
cluster=catalog-demo-$$
pids=()   # of the replicas, by number; 0 for one that does not run
ports=()  # of their HTTP servers
load_pid=0

# Ends what this script has started, and nothing else.
finish() {
  local status=$?
  trap '' INT TERM
  set +e
  if [[ $keep == no || $status -ne 0 ]]; then
    local pid
    for pid in "$load_pid" "${pids[@]}"; do
      if [[ $pid -ne 0 ]]; then kill -TERM "$pid" 2>/dev/null; fi
    done
    wait
    if [[ $status -ne 0 ]]; then
      tail -n 5 "$folder"/replica-*.log >&2
    fi
    rm -rf -- "$folder"
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start_replica N: on the port it had before, if it had one.
start_replica() {
  local n=$1 log=$folder/replica-$1.log i
  : >"$log"
  "$node" --port "${ports[n]:-0}" --database "$folder/catalog.sqlite" ${csv:+--csv "$csv"} \
    --counters "$folder/replica-$n.counters" --cluster "$cluster" >"$log" 2>&1 &
  pids[n]=$!
  for ((i = 0; i < 600; ++i)); do
    if grep -q 'listens on' "$log"; then
      ports[n]=$(sed -n 's/.*listens on .*:\([0-9]*\)$/\1/p' "$log")
      return
    fi
    kill -0 "${pids[n]}" 2>/dev/null || break
    sleep 0.1
  done
  die "replica $n did not start"
}

# The administration page of a replica.
page_of() { sed -n 's/.*shows its cluster at //p' "$folder/replica-$1.log"; }

fetch() { curl -sS --max-time 10 "$@"; }
stat_of() { fetch "http://127.0.0.1:${ports[$1]}/stats" | sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p"; }
description_of() {
  fetch "http://127.0.0.1:${ports[$1]}/package/$2" | sed -n 's/.*"description":"\([^"]*\)".*/\1/p'
}
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# wait_for_members COUNT REPLICA...: until each of them sees so many.
wait_for_members() {
  local count=$1 n i
  shift
  for n in "$@"; do
    i=0
    until [[ $(stat_of "$n" members) == "$count" ]]; do
      if ((++i > 150)); then die "replica $n does not see $count members"; fi
      sleep 0.1
    done
  done
}

sleep_until() {
  local left=$(($1 - $(now_ms)))
  if ((left > 0)); then sleep "$((left / 1000)).$(printf '%03d' $((left % 1000)))"; fi
}

show_change() {
  local name=$1 text="Changed through replica 1 at $(date +%T)" n seen reads began
  say "A change through replica 1 is read at the others: $name"
  for n in 1 2 3 4; do note "before it,    replica $n: $(description_of "$n" "$name")"; done
  fetch -f -X PUT --data "{\"description\":\"$text\"}" \
    "http://127.0.0.1:${ports[1]}/package/$name" || die "the change was refused"
  began=$(now_ms)
  for n in 2 3 4; do
    seen=''
    for ((reads = 0; $(now_ms) - began < 10000; )); do
      ((++reads))
      seen=$(description_of "$n" "$name")
      if [[ $seen == "$text" ]]; then break; fi
    done
    if [[ $seen != "$text" ]]; then die "replica $n still shows: $seen"; fi
    note "read $reads after it, replica $n: $seen"
  done
}

say "Starting four replicas; the first fills the database"
for n in 1 2 3 4; do
  start_replica "$n"
  note "replica $n: http://127.0.0.1:${ports[n]} (process ${pids[n]}), its page: $(page_of "$n")"
done
note "the page shows members, partitions, hit ratios and events while the demo runs"
wait_for_members 4 1 2 3 4
# Any name will do that can stand in a URL as it is.
names=$(fetch "http://127.0.0.1:${ports[1]}/names")
name=$(grep -xm1 bash <<<"$names" || grep -xm1 '[[:alnum:].+-]*' <<<"$names") ||
  die "no package has a plain name"
note "$(wc -l <<<"$names") packages; all four see a cluster of 4 members"

say "Load for $seconds s: clients read by Zipf's law, 2 of 1000 requests change a package"
began=$(now_ms)
"$load" --ports "${ports[1]},${ports[2]},${ports[3]},${ports[4]}" --seconds "$seconds" \
  --rate "$rate" &
load_pid=$!

sleep_until $((began + seconds * 200))
show_change "$name"

sleep_until $((began + seconds * 400))
say "Killing replica 3 (SIGKILL to process ${pids[3]})"
kill -KILL "${pids[3]}"
wait "${pids[3]}" 2>/dev/null || true
pids[3]=0
killed=$(now_ms)
wait_for_members 3 1 2 4
note "the others see a cluster of 3 members after $(($(now_ms) - killed)) ms"

sleep_until $((began + seconds * 650))
say "Starting replica 3 again"
restarted=$(now_ms)
start_replica 3
note "replica 3: http://127.0.0.1:${ports[3]} (process ${pids[3]})"
wait_for_members 4 1 2 3 4
note "all see a cluster of 4 members after $(($(now_ms) - restarted)) ms"

wait "$load_pid" || die "the load failed"
load_pid=0

if [[ $keep == yes ]]; then
  say "The replicas go on"
  note "see: $(page_of 1)"
  note "try: curl -i http://127.0.0.1:${ports[2]}/package/$name"
  note "end: kill ${pids[*]}; rm -r $folder"
fi
