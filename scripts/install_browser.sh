#!/usr/bin/env bash
# Installs what the test of the administration page needs: node, npm and a Chromium of the system,
# and playwright-core, of the version and checksum in tests/browser/package-lock.json, into
# build/browser. Changes nothing when all of it is there. Says what is missing where it cannot be
# had; the test then skips itself.
#
# usage: scripts/install_browser.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

packages=()
command -v node >/dev/null || packages+=(+nodejs)
# A node from elsewhere brings its own npm, beside which Debian's cannot be installed.
command -v npm >/dev/null || packages+=(+npm)
command -v chromium >/dev/null || packages+=(+chromium)
if [[ ${#packages[@]} -gt 0 ]]; then
  scripts/install_packages.sh "${packages[@]}" || echo "browser: not installed: ${packages[*]#+}"
fi

folder=build/browser
if cmp -s tests/browser/package-lock.json "$folder/package-lock.json" &&
  [[ -d $folder/node_modules/playwright-core ]]; then
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "browser: there is no npm, so playwright-core is not installed"
  exit 0
fi
mkdir -p "$folder"
rm -f "$folder/package-lock.json"
cp tests/browser/package.json "$folder/"
cp tests/browser/package-lock.json "$folder/package-lock.json"
# The browser is the system's; none is downloaded.
if ! (cd "$folder" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --no-audit \
  --no-fund); then
  rm -rf -- "$folder/node_modules"
  echo "browser: npm did not install playwright-core"
fi
