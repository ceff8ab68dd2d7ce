#!/usr/bin/env bash
# Runs a command beside a PostgreSQL of its own, which listens on a socket in a temporary folder and
# nowhere else; PGHOST, PGUSER and PGDATABASE lead there. Where PostgreSQL is not installed it says
# so and ends with 77.
#
# usage: scripts/with_postgres.sh <command>...
set -euo pipefail

programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 || true)
if [[ ! -x $programs/initdb ]]; then programs=$(dirname "$(command -v initdb || true)"); fi
if [[ ! -x $programs/initdb ]]; then
  echo "PostgreSQL is not installed: its check is skipped"
  exit 77
fi

# PostgreSQL does not run as root.
as_user=()
if [[ $EUID -eq 0 ]]; then
  if ! command -v setpriv >/dev/null; then
    echo "There is no setpriv, and PostgreSQL does not run as root: its check is skipped"
    exit 77
  fi
  user=nobody
  if id postgres >/dev/null 2>&1; then user=postgres; fi
  as_user=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups)
fi

folder=$(mktemp -d)
if [[ $EUID -eq 0 ]]; then chown "$user" "$folder"; fi
server=
end() {
  if [[ -n $server ]]; then
    kill -INT "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap end EXIT

cd "$folder"
data=$folder/data log=$folder/log
if ! "${as_user[@]}" "$programs/initdb" -D "$data" -U kith -A trust -E UTF8 -N >"$log" 2>&1; then
  cat "$log"
  exit 1
fi
"${as_user[@]}" "$programs/postgres" -D "$data" -k "$folder" -c listen_addresses= -c fsync=off \
  >"$log" 2>&1 &
server=$!

export PGHOST=$folder PGUSER=kith PGDATABASE=postgres
for ((tries = 0; tries < 300; ++tries)); do
  if "$programs/pg_isready" -q; then break; fi
  if ! kill -0 "$server" 2>/dev/null; then
    cat "$log"
    exit 1
  fi
  sleep 0.1
done
cd - >/dev/null
"$@"
