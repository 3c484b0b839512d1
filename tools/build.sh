#!/bin/sh
# build.sh: configures a build folder where that has not been done, and builds a target of it.
#
#   tools/build.sh FOLDER TARGET [meson setup argument]…
#
# TARGET: installed (the command, the library and the demo model), or all, which has the tests' programs too.
set -eu
cd "$(dirname "$0")/.."
folder=$1
target=$2
shift 2
[ -f "$folder/build.ninja" ] || meson setup "$folder" "$@"
exec ninja -C "$folder" "$target"
