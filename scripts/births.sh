#!/usr/bin/env bash
# Starts ten processes at once, again and again, and counts how often they form one cluster within
# 5 s. Each round prints its time; the last line is the count, and the exit code tells if all did.
#
# usage: scripts/births.sh [rounds] [build folder]      (default: 50 build/release)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

rounds=${1:-50}
program=${2:-build/release}/tests/kith_process_tests
if [[ ! -x $program ]]; then
  echo "$program is not there: cmake --preset release && cmake --build --preset release" >&2
  exit 2
fi

good=0
for ((round = 1; round <= rounds; ++round)); do
  if log=$(KITH_BIRTH_ROUNDS=1 "$program" --test-case='births: ten processes*' 2>&1); then
    good=$((good + 1))
    grep -o 'one cluster of ten after [0-9]* ms' <<<"$log"
  else
    echo "round $round failed:"
    echo "$log"
  fi
done
echo "$good of $rounds"
[[ $good -eq $rounds ]]
