#!/usr/bin/env bash
# Looks afresh for the seeds that catch every mutant of tests/mutants; with --recorded runs those
# that were found before, with --shrink shrinks what catches them (mutants.py says more).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec python3 scripts/mutants.py "$@"
