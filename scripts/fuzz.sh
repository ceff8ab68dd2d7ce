#!/usr/bin/env bash
# Builds the fuzz targets with clang's libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer
# and runs each for a while, from the seeds in tests/fuzz/corpus on. What it finds is kept: inputs
# that reach something new in build/fuzz/corpus/<target>, those that break something in
# build/fuzz/crashes/<target>. The exit code is not 0 when there is one of the latter.
#
# usage: scripts/fuzz.sh [seconds] [target]...      (default: 60 seconds, all targets)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

seconds=60
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
  seconds=$1
  shift
fi
targets=("$@")
if [[ $# -eq 0 ]]; then
  for file in tests/fuzz/*_fuzz.cpp; do targets+=("$(basename "$file" _fuzz.cpp)"); done
fi
for target in "${targets[@]}"; do
  if [[ ! -f tests/fuzz/${target}_fuzz.cpp ]]; then
    echo "There is no fuzz target $target: tests/fuzz/ has no ${target}_fuzz.cpp." >&2
    exit 2
  fi
done

scripts/install_packages.sh doctest-dev +boost-serialization +clang-19 || exit
if ! command -v clang++-19 >/dev/null; then
  echo "Fuzzing needs clang++-19, which has libFuzzer, and this system does not offer it." >&2
  echo "Without it: ctest --preset dev -L fuzz replays the corpora with any compiler." >&2
  exit 1
fi
programs=()
for target in "${targets[@]}"; do programs+=("kith_${target}_fuzz"); done
cmake --preset fuzz >/dev/null && cmake --build --preset fuzz --target "${programs[@]}" || exit

# number <name> <log>: the last value of a statistic that libFuzzer printed, or 0.
number() {
  local value
  value=$(sed -n "s/^stat::$1: *//p" "$2" | tail -1)
  echo "${value:-0}"
}

# run <target>: prints its line of the table; not 0 when it crashed.
run() {
  local target=$1 corpus=build/fuzz/corpus/$1 crashes=build/fuzz/crashes/$1
  local log=build/fuzz/$1.log status=0
  rm -rf "$crashes"
  mkdir -p "$corpus" "$crashes"
  "build/fuzz/tests/kith_${target}_fuzz" -max_total_time="$seconds" -rss_limit_mb=512 \
    -malloc_limit_mb=64 -timeout=5 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$crashes/" "$corpus" "tests/fuzz/corpus/$target" >"$log" 2>&1 || status=1
  printf '%-12s %12s %8s %8s %8s\n' "$target" "$(number number_of_executed_units "$log")" \
    "$(number average_exec_per_sec "$log")" "$(find "$corpus" -type f | wc -l)" \
    "$(find "$crashes" -type f | wc -l)"
  if [[ $status -ne 0 ]]; then tail -n 30 "$log" >&2; fi
  return $status
}

failed=0
printf '%-12s %12s %8s %8s %8s\n' target executions exec/s corpus crashes
for target in "${targets[@]}"; do run "$target" || failed=1; done
exit $failed
