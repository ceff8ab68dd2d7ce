#!/usr/bin/env bash
# Installs what is missing, builds kith and runs all of its tests: everything in an optimised build
# with assertions, then units and simulations under the address and undefined-behaviour sanitizers,
# then what has threads under the thread sanitizer. Works as the first command on a fresh checkout.
#
# A build that fails counts as one failed test, and the next one still runs. A test of real sockets
# and processes that failed beside others runs once more, alone: where it passes then, and no
# sanitizer spoke, it counts as passed and is named. All that failed is printed again at the end;
# the exit code is that of the first failure; the last line is the total.
#
# usage: scripts/test.sh [preset]...      (default: release asan tsan)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

presets=("$@")
if [[ $# -eq 0 ]]; then presets=(release asan tsan); fi

passed=0
failed=0
status=0
report=build/failures.log # what failed, and what needed a second run

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

# alone_again <preset>: whether all that failed passes alone. Only tests that wait for the machine's
# real time get this second run; what is deterministic fails for good, and so does what a sanitizer
# found.
alone_again() {
  local preset=$1 log=build/$1/test.log waiting='^(net|stress|process|example|bench)$'
  if output_of_failures "$log" | grep -qE 'Sanitizer|runtime error:'; then return 1; fi
  local all_failed waiting_failed
  all_failed=$(ctest --preset "$preset" --rerun-failed -N | grep -c 'Test *#')
  waiting_failed=$(ctest --preset "$preset" --rerun-failed -N -L "$waiting" | grep -c 'Test *#')
  if [[ $all_failed -ne $waiting_failed ]]; then return 1; fi
  echo "== $preset: what failed, alone"
  ctest --preset "$preset" --rerun-failed | tee "build/$preset/alone.log"
  return "${PIPESTATUS[0]}"
}

# judge <preset> <exit code of its ctest>: counts, and reports what failed.
judge() {
  local preset=$1 code=$2 log=build/$1/test.log
  if [[ $code -ne 0 ]]; then
    { echo "== $preset" && output_of_failures "$log"; } >>"$report"
    if alone_again "$preset"; then
      echo "$preset: passed alone, and counts as passed" >>"$report"
      sed -E -i 's/(tests passed, )[0-9]+( tests failed)/\10\2/' "$log"
      code=0
    fi
  fi
  fail "$code"
  count "$log"
}

run() {
  local preset=$1 log=build/$1/test.log
  echo "== $preset"
  mkdir -p "build/$preset"
  # Benchmarks are only run to see that they end here; the next plain cmake --preset undoes this.
  if ! { cmake --preset "$preset" -D KITH_COMPILE_ONCE=ON &&
    cmake --build --preset "$preset" --parallel "$jobs"; }; then
    fail 1
    failed=$((failed + 1))
    echo "== $preset: its build failed" >>"$report"
    return
  fi
  ctest --preset "$preset" --parallel "$jobs" | tee "$log"
  judge "$preset" "${PIPESTATUS[0]}"
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

packages=(doctest-dev python3 patch libsqlite3-dev curl +boost-serialization +clang-19 +doxygen)
if scripts/install_packages.sh "${packages[@]}"; then
  for preset in "${presets[@]}"; do run "$preset"; done
else
  fail 1
  failed=1
fi

if [[ -f $report ]]; then cat "$report"; fi
echo "$passed passed, $failed failed"
exit "$status"
