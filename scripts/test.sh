#!/usr/bin/env bash
# Installs what is missing, builds kith and runs all of its tests: everything in an optimised build
# with assertions, then units and simulations under the address and undefined-behaviour sanitizers,
# then what has threads under the thread sanitizer. Works as the first command on a fresh checkout.
#
# A build that fails counts as one failed test, and the next one still runs. What failed is printed
# again at the end; the exit code is that of the first failure; the last line is the total.
#
# usage: scripts/test.sh [preset]...      (default: release asan tsan)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

presets=("$@")
if [[ $# -eq 0 ]]; then presets=(release asan tsan); fi

passed=0
failed=0
status=0
report=build/failures.log # what failed, of all presets

# fail <exit code>: the first one is the one that counts.
fail() { if [[ $status -eq 0 ]]; then status=$1; fi; }

# count <log of ctest>: adds its totals. A run without a total is one failed test.
count() {
  local failures=1 all=1 totals='tests passed, ([0-9]+) tests failed out of ([0-9]+)'
  if [[ $(<"$1") =~ $totals ]]; then failures=${BASH_REMATCH[1]} all=${BASH_REMATCH[2]}; fi
  failed=$((failed + failures))
  passed=$((passed + all - failures))
}

# output_of_failures <log of ctest>: what each failed test printed.
output_of_failures() {
  awk '/^ *[0-9]+\/[0-9]+ Test +#/ { on = /\*\*\*/ && !/\*\*\*Skipped/ }
       /^ +Start +[0-9]+:|tests passed, [0-9]+ tests failed/ { on = 0 }
       on' "$1"
}

run() {
  local preset=$1 log=build/$1/test.log
  echo "== $preset"
  mkdir -p "build/$preset"
  # Benchmarks are only run to see that they end here, and most tests take longer to compile than to
  # run; the next plain cmake --preset undoes this.
  local options=(-D KITH_COMPILE_ONCE=ON)
  if [[ $preset == release ]]; then options+=(-D CMAKE_CXX_FLAGS_RELEASE=-O1); fi
  if ! { cmake --preset "$preset" "${options[@]}" &&
    cmake --build --preset "$preset" --parallel "$jobs"; }; then
    fail 1
    failed=$((failed + 1))
    echo "== $preset: its build failed" >>"$report"
    return
  fi
  ctest --preset "$preset" --parallel "$jobs" | tee "$log"
  local code=${PIPESTATUS[0]}
  if [[ $code -ne 0 ]]; then { echo "== $preset" && output_of_failures "$log"; } >>"$report"; fi
  fail "$code"
  count "$log"
}

mkdir -p build
rm -f "$report"
jobs=$(nproc)
if command -v ccache >/dev/null; then
  # Paths relative to the checkout, so that one clone's objects serve the next.
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
fi

# Without them browser/admin is skipped, with the reason.
scripts/install_browser.sh

packages=(doctest-dev python3 patch libsqlite3-dev curl +postgresql +libpq-dev
  +boost-serialization +clang-19 +doxygen)
if scripts/install_packages.sh "${packages[@]}"; then
  for preset in "${presets[@]}"; do run "$preset"; done
else
  fail 1
  failed=1
fi

if [[ -f $report ]]; then cat "$report"; fi
echo "$passed passed, $failed failed"
exit "$status"
