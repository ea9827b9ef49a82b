#!/bin/sh
# odr.sh CMAKE COMPILER ROOT WORK: links the program once with -flto -Wodr, where the linker sees the types of every batch: one name,
# one type. Inside a batch the compiler sees it. Skipped without gcc, whose warning it is. Next: tidy.sh.
set -eu
cmake=$1 compiler=$2 root=$3 work=$4
"$compiler" --version | grep -q 'Free Software' || { echo 'skipped: -Wodr is of gcc'; exit 77; }
"$cmake" -S "$root" -B "$work" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG='-O0 -flto=2' \
  -DCMAKE_EXE_LINKER_FLAGS='-Wodr -Wlto-type-mismatch -Werror=odr -Werror=lto-type-mismatch' -DTAPEDECK_UNITY=ON -DTAPEDECK_TESTS=OFF >"$work.log"
"$cmake" --build "$work" --target tapedeck >>"$work.log" 2>&1 || { grep -E 'error|warning|note' "$work.log"; exit 1; }
