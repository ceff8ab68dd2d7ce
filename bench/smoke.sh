#!/bin/sh
# Runs one benchmark for about a second: it must end well, and its last lines must be its figures,
# those of figures.txt.
# usage: bench/smoke.sh <program> <json file>
set -eu
output=$("$1" --quick --json "$2")
printf '%s\n' "$output"
printf '%s\n' "$output" | awk '
  NR == 1 && /^figure / { print "no method first"; bad = 1 }
  /^figure / {
    ++figures
    if (NF != 4 || $2 !~ /^[a-z0-9_]+$/ || $3 !~ /^[0-9.]+(e[-+]?[0-9]+)?$/ ||
        ($3 <= 0 && $2 !~ /_lost_/)) {
      print "not a figure: " $0; bad = 1
    }
    next
  }
  figures { print "after the figures: " $0; bad = 1 }
  END { if (!figures) print "no figures"; exit bad || !figures }'
figures=$(printf '%s\n' "$output" | grep -c '^figure ')
expected=$(sed -n "s/^$(basename "$1"): //p" "$(dirname "$0")/figures.txt")
[ -n "$expected" ] || { echo "figures.txt has no line for it"; exit 1; }
for name in $expected; do
  case $name in
    *\?)
      command -v redis-server >/dev/null || { echo "without redis-server: no $name"; continue; }
      ;;
  esac
  printf '%s\n' "$output" | grep -q "^figure ${name%\?} " || { echo "no figure $name"; exit 1; }
done
[ "$(grep -c '"value": [0-9]' "$2")" = "$figures" ] || { echo "the JSON lacks a figure"; exit 1; }
