#!/bin/sh
# deb.sh CPACK BUILD WORK: the package can be unpacked, its program trains, its archive still has its symbols.
set -eu
cpack=$1 build=$2 work=$3
command -v dpkg-shlibdeps >/dev/null || { echo 'skipped: no dpkg-dev'; exit 77; }
rm -rf -- "$work"
mkdir -p -- "$work"
(cd "$build" && "$cpack" --config CPackConfig.cmake -B "$work") >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
dpkg-deb -x "$work"/*.deb "$work/root"
dpkg-deb -f "$work"/*.deb Depends | grep -q openblas || { echo 'the package does not ask for OpenBLAS'; exit 1; }
cd "$work"
root/usr/bin/tapedeck run --set training.duration='"2 steps"' --progress none | grep '^run directory'
nm root/usr/lib*/libtapedeck.a root/usr/lib/*/libtapedeck.a 2>/dev/null | grep -q ' T ' || { echo 'the archive has no symbols'; exit 1; }
