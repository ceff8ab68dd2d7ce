#!/usr/bin/env bash
# Runs the same seeds of the simulator under several builds, with and without address randomisation,
# and compares the digests of their events: a simulation that depends on the compiler, on the level
# of optimisation or on addresses is not deterministic.
#
# Ends with 0: all are the same; 1: they differ; 2: the same, but a compiler was missing.
#
# usage: scripts/digests.sh [FIRST:LAST [SIMULATOR]]      (default: 1:5)
# A SIMULATOR that was built with optimisation takes the place of the one that is built here so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seeds=${1:-1:5}
optimised=${2:-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
libraries=(-labsl_raw_hash_set -labsl_hash -labsl_city -labsl_low_level_hash)

# digests <program>...: the digest of each seed, one a line.
digests() { "$@" --seeds "$seeds" | grep -o 'digest [0-9a-f]*'; }

expected=
incomplete=0
check() {
  local name=$1 found
  shift
  found=$(digests "$@")
  if [[ -z $expected ]]; then expected=$found; fi
  if [[ $found != "$expected" ]]; then
    echo "$name: the digests differ"
    diff <(echo "$expected") <(echo "$found") || true
    exit 1
  fi
  echo "$name: the same digests"
}

compare() {
  check "$1" "$2"
  check "$1, addresses not randomised" setarch "$(uname -m)" --addr-no-randomize "$2"
}

builds=("g++ -O0" "g++ -O2" "clang++-19 -O1")
if [[ -n $optimised ]]; then
  builds=("g++ -O0" "clang++-19 -O1")
  compare "$optimised" "$optimised"
fi
for build in "${builds[@]}"; do
  read -r compiler level <<<"$build"
  if ! command -v "$compiler" >/dev/null; then
    echo "$build: $compiler is not installed, so this says nothing of it" >&2
    incomplete=2
    continue
  fi
  "$compiler" -std=c++20 "$level" -Iinclude tests/sim/main.cpp -o "$folder/sim" "${libraries[@]}"
  compare "$build" "$folder/sim"
done
exit "$incomplete"
