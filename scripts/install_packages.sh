#!/usr/bin/env bash
# Installs what kith needs to build and the packages named as arguments; changes nothing when all of
# them are there. "boost-<library>" means that library of the same Boost; a "+" in front means: only
# where the system offers it.
#
# usage: scripts/install_packages.sh [[+]package | [+]boost-<library>]...
set -euo pipefail

arguments=(g++ cmake ninja-build libabsl-dev "$@")

if ! command -v apt-get dpkg-query >/dev/null; then
  echo "This system has no apt, so nothing is installed here. kith needs a C++20 compiler (g++ 12"
  echo "or clang 19), CMake 3.25, Ninja, Boost 1.81 and Abseil 20220623, or newer ones. In Debian's"
  echo "names: libboost-dev ${arguments[*]#+}"
  exit 0
fi

as_root() { if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi; }

installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# The version that apt would install; empty when it knows none.
offered() {
  LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p' | grep -vx '(none)'
}

# Debian 12 has Boost 1.81 beside its default, 1.74; newer systems have a newer default. Two
# versions cannot be installed side by side, so one that is there and new enough is kept.
boost_version() {
  if installed libboost1.81-dev; then
    echo 1.81
  elif dpkg --compare-versions "$(offered libboost-dev)" lt 1.81; then
    echo 1.81
  fi
}

# The packages that are not installed, of the names given as arguments.
missing() {
  local name version
  version=$(boost_version)
  for name in "libboost${version}-dev" "$@"; do
    local plain=${name#+}
    if [[ $plain == boost-* ]]; then plain=lib${plain}${version}-dev; fi
    if installed "$plain"; then continue; fi
    if [[ $name != +* || -n $(offered "$plain") ]]; then echo "$plain"; fi
  done
}

mapfile -t absent < <(missing "${arguments[@]}")
if [[ ${#absent[@]} -gt 0 ]]; then
  if [[ $EUID -ne 0 ]] && ! command -v sudo >/dev/null; then
    echo "Packages are missing, and this is neither root nor is there sudo. As root, run:" >&2
    echo "  apt-get update && apt-get install --no-install-recommends ${absent[*]}" >&2
    exit 1
  fi
  as_root apt-get update -q
  mapfile -t absent < <(missing "${arguments[@]}")
  # --no-remove: another version of Boost is not taken away without a question.
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends --no-remove "${absent[@]}"
fi
