#!/usr/bin/env bash
# Writes the reference of the public headers with Doxygen; a warning is an error. Without Doxygen it
# says so and ends with 77, which CTest takes for "skipped".
#
# usage: scripts/reference.sh [folder]      (default: build/reference)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v doxygen >/dev/null; then
  echo "The reference is left out: Doxygen is not installed (scripts/install_packages.sh doxygen)."
  exit 77
fi
folder=${1:-build/reference}
mkdir -p "$folder"
{ cat docs/Doxyfile && echo "OUTPUT_DIRECTORY = \"$folder\""; } | doxygen -
echo "$folder/html/index.html"
