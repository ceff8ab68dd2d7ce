#!/usr/bin/env bash
# Real processes under chaos: members that read and write while some of them are killed (SIGKILL),
# stopped (SIGSTOP), asked to leave, and started again. Their histories are judged by what the
# cache promises; the last line is the number of violations, and the exit code tells if
# there were any. Works as the first command on a fresh checkout: it installs what is missing and
# builds.
#
# usage: scripts/chaos.sh [options]
#   --minutes N      how long (2); fractions are allowed
#   --seed S         what happens to whom; drawn and printed if it is not given
#   --members N      processes (8)
#   --quorum Q       none or majority (none)
#   --backups N      copies of each entry (0). With some, one process is struck at a time, and no
#                    write that was acknowledged may be missing
#   --strong         a strong cache: 5 members, majority, one copy unless told otherwise; stops are
#                    about as long as leases and fences, and all reads have to be linearizable
#   --build FOLDER   uses programs built there, and installs and builds nothing
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { sed -n 's/^# \{0,1\}//; /^usage:/,/^set/{/^set/!p}' "${BASH_SOURCE[0]}"; }

build='' options=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --minutes | --seed | --members | --quorum | --backups)
      options+=("$1" "${2:?$1 needs a value}")
      ;;
    --strong) options+=("$1"); shift; continue ;;
    --build) build=${2:?--build needs a folder} ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift 2
done

if [[ -z $build ]]; then
  scripts/install_packages.sh doctest-dev
  echo "== Building (a few minutes the first time)"
  if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
  build=build/chaos
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DKITH_BUILD_EXAMPLES=OFF \
    -DKITH_BUILD_BENCH=OFF >/dev/null
  cmake --build "$build" --target kith_chaos
fi
program=$build/tests/kith_chaos
if [[ ! -x $program ]]; then
  echo "chaos: $program is not there" >&2
  exit 2
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/kith-chaos-XXXXXX")
status=0
"$program" --folder "$folder" "${options[@]+"${options[@]}"}" || status=$?
if [[ $status -eq 0 ]]; then
  rm -rf -- "$folder"
else
  echo "the histories and logs are in $folder" >&2
fi
exit "$status"
