#!/usr/bin/env bash
# Runs every mutant of tests/mutants against the simulator; --search looks afresh for the seeds that
# catch them (mutants.py says more).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec python3 scripts/mutants.py "$@"
