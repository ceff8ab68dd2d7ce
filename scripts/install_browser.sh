#!/usr/bin/env bash
# Installs what the test of the administration page needs: node and a Chromium of the system, and
# playwright-core, of the version and checksum in tests/browser/package-lock.json, into
# build/browser. Changes nothing when all of it is there. Says what is missing where it cannot be
# had; the test then skips itself.
#
# playwright-core depends on nothing, so it is fetched without npm, for which Debian would install
# 400 packages. The registry is that of npm_config_registry or of npm's configuration, if any.
#
# usage: scripts/install_browser.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

lock=tests/browser/package-lock.json
folder=build/browser
part=node_modules/playwright-core

# part_says <field>: what the lock file has for the package.
part_says() {
  node -p 'require(process.argv[1]).packages[process.argv[2]][process.argv[3]]' \
    "$PWD/$lock" "$part" "$1"
}

sha512_of() {
  node -p 'require("crypto").createHash("sha512")
    .update(require("fs").readFileSync(process.argv[1])).digest("base64")' "$1"
}

# The registry to ask, without a slash at its end; npm's own where nothing else is said.
registry() {
  local said=${npm_config_registry:-${NPM_CONFIG_REGISTRY:-}}
  if [[ -z $said ]] && command -v npm >/dev/null; then
    said=$(npm config get registry 2>/dev/null)
  fi
  [[ $said == http* ]] || said=https://registry.npmjs.org
  echo "${said%/}"
}

# fetch <file>: says what is wrong, and fails.
fetch() {
  local url wanted
  if ! { url=$(part_says resolved) && wanted=$(part_says integrity); }; then
    echo "browser: $lock does not name $part"
    return 1
  fi
  url=${url/#https:\/\/registry.npmjs.org/"$(registry)"}
  if ! curl --fail --silent --show-error --location --connect-timeout 20 --max-time 120 \
    -o "$1" "$url"; then
    echo "browser: playwright-core was not fetched: ${url##*/}"
    return 1
  fi
  if [[ $wanted != "sha512-$(sha512_of "$1")" ]]; then
    echo "browser: ${url##*/} is not of the checksum in $lock"
    return 1
  fi
}

packages=()
command -v node >/dev/null || packages+=(+nodejs)
command -v curl >/dev/null || packages+=(+curl)
[[ -e /etc/ssl/certs/ca-certificates.crt ]] || packages+=(+ca-certificates)
command -v chromium >/dev/null || packages+=(+chromium)
if [[ ${#packages[@]} -gt 0 ]]; then
  scripts/install_packages.sh "${packages[@]}" || echo "browser: not installed: ${packages[*]#+}"
fi

if cmp -s "$lock" "$folder/package-lock.json" && [[ -d $folder/$part ]]; then exit 0; fi
for program in node curl; do
  if ! command -v "$program" >/dev/null; then
    echo "browser: there is no $program, so playwright-core is not installed"
    exit 0
  fi
done
rm -rf -- "$folder/package-lock.json" "${folder:?}/$part"
mkdir -p "$folder/$part"
archive=$folder/playwright-core.tgz
if fetch "$archive" && tar -xzf "$archive" --strip-components=1 -C "$folder/$part"; then
  cp "$lock" "$folder/package-lock.json"
else
  rm -rf -- "${folder:?}/$part"
fi
rm -f -- "$archive"
