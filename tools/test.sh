#!/bin/sh
# test.sh: builds and runs the tests of a build folder and sums them up.
#
#   tools/test.sh FOLDER [meson test argument]…
set -u
cd "$(dirname "$0")/.." || exit 1
folder=$1
shift
log=$folder/meson-logs/testlog.json
rm -f "$log"
meson test -C "$folder" --print-errorlogs "$@"
exec python3 -B tools/summarise_tests.py "$log"
