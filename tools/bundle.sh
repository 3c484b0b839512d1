#!/bin/sh
# bundle.sh: puts the command, the libraries it needs and the demo model into one folder, which runs on any x86-64
# Linux with glibc 2.36 or later.
#
#   tools/bundle.sh BUILD-FOLDER BUNDLE-FOLDER
#
# glibc itself stays out: it must be the one of the machine, whose loader runs the program. GPU drivers too: they are
# opened where they are found.
set -eu
build=$1
bundle=$2
program=$build/src/cli/rocmforge

rm -rf "$bundle"
mkdir -p "$bundle/bin" "$bundle/lib" "$bundle/share/rocmforge/models"
cp "$program" "$bundle/bin/"
cp LICENSE README.md "$bundle/"
cp "$build/models/demo.gguf" "$bundle/share/rocmforge/models/"
ldd "$program" | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' | while read -r name path; do
    case $name in
    libc.so.* | libm.so.* | libpthread.so.* | libdl.so.* | librt.so.* | ld-linux*) ;;
    *) cp -L "$path" "$bundle/lib/$name" ;;
    esac
done
strip --strip-debug "$bundle/bin/rocmforge"
echo "$bundle: $(du -sh "$bundle" | cut -f1); run $bundle/bin/rocmforge"
