#!/usr/bin/env bash
# Drives the administration page of the catalogue demo in headless Chromium (admin.mjs). Installs
# nothing: scripts/install_browser.sh does. Where something is missing it says what, and ends with
# 77, which CTest shows as skipped.
#
# usage: tests/browser/run.sh --build FOLDER [--screenshot FILE]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

build='' screenshot=''
while [[ $# -gt 0 ]]; do
  case $1 in
    --build) build=$(realpath -- "${2:?--build needs a folder}"); shift ;;
    --screenshot) screenshot=$(realpath -m -- "${2:?--screenshot needs a file}"); shift ;;
    *) sed -n 's/^# usage/usage/p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
  shift
done
[[ -n $build ]] || { echo "run.sh: --build is missing" >&2; exit 2; }

skip() { echo "browser/admin is skipped: $*"; exit 77; }

command -v node >/dev/null || skip "there is no node"
node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' ||
  skip "node is older than 18: $(node --version)"
modules=${KITH_BROWSER_MODULES:-$root/build/browser}
[[ -d $modules/node_modules/playwright-core ]] ||
  skip "playwright-core is not in $modules; scripts/install_browser.sh installs it"
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
  skip "there is no chromium"

exec node "$root/tests/browser/admin.mjs" "$modules" "$chromium" \
  "$build/examples/catalog-node" "$root/examples/catalog/tests/packages.csv" "$screenshot"
