#!/bin/sh
# Runs drive_page.py, or says why it is skipped (exit code 77): it needs python3, and the script itself needs chromium.
command -v python3 >/dev/null 2>&1 || { echo 'skipped: no python3 here (apt-get install python3 chromium)'; exit 77; }
exec python3 -B "$(dirname -- "$0")/drive_page.py" "$@"
