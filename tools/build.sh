#!/bin/sh
# build.sh: configures a build folder where that has not been done, and builds.
#
#   tools/build.sh FOLDER [meson setup argument]…
set -eu
cd "$(dirname "$0")/.."
folder=$1
shift
[ -f "$folder/build.ninja" ] || meson setup "$folder" "$@"
exec ninja -C "$folder"
