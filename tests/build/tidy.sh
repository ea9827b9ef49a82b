#!/bin/sh
# tidy.sh BUILD FLOOR...: clang-tidy with the checks of .clang-tidy over the batches of these floors; skipped where it is not installed.
# Next: .clang-tidy.
set -eu
command -v clang-tidy-14 >/dev/null 2>&1 || { echo 'skipped: no clang-tidy-14'; exit 77; }
build=$1 root=$(dirname "$0")/../..
shift
for floor; do find "$build/CMakeFiles/tapedeck_$floor.dir/Unity" -name '*.cxx'; done |
  xargs -P 2 -n 1 clang-tidy-14 --config-file="$root/.clang-tidy" -p "$build" --quiet 2>/dev/null
