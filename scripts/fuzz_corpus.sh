#!/usr/bin/env bash
# Writes the seeds of the fuzz targets into tests/fuzz/corpus anew, as a change of a message or of a
# target's input needs. Inputs that a fuzzer found (found-*) are kept as they are.
#
# usage: scripts/fuzz_corpus.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install_packages.sh doctest-dev
cmake --preset dev
cmake --build --preset dev --target kith_fuzz_seeds
build/dev/tests/kith_fuzz_seeds tests/fuzz/corpus
