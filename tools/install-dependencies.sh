#!/bin/sh
# install-dependencies.sh: makes sure that what the build needs is there.
#
#   tools/install-dependencies.sh [--check | --try] SET…      SET: build, test, kernels, check or gpu
#
# Looks for each thing first, and does nothing where all are found. What is missing is installed with
# apt-get on Debian and Ubuntu (through sudo when not root); elsewhere, or with --check, it is listed.
# --try: what the build can do without; it is installed if that works, and the end is good anyway.
set -eu

# set|probe|Debian package|why. A probe is how the thing is found: a command, a pkg-config module, or a C header.
dependencies='
build|command:gcc|gcc|the C compiler
build|header:stdio.h|libc6-dev|the C library to compile against
build|command:python3|python3|runs Meson and the style test
build|command:meson|meson|describes the build
build|command:ninja|ninja-build|runs the build
build|command:pkg-config|pkg-config|finds the libraries below
build|module:libpcre2-8|libpcre2-dev|regular expressions of the tokenizers
build|module:libxxhash|libxxhash-dev|hashes of tokens and names
build|module:libzstd|libzstd-dev|compressed GPU kernels in the program
build|command:zstd|zstd|compresses them
build|module:jansson|libjansson-dev|JSON output
test|module:cmocka|libcmocka-dev|the test framework
kernels|command:clang-19|clang-19|compiles kernels for GPUs
kernels|command:ld.lld-19|lld-19|links kernels for AMD GPUs
check|command:clang-format-14|clang-format-14|decides the layout of the source; one version, as they differ
check|command:clang-tidy-14|clang-tidy-14|finds defects; one version, as they differ
gpu|header:hip/hip_version.h|libamdhip64-dev|a HIP driver and its headers, which tests compare with and skip without
'

found()
{
    case $1 in
    command:*) command -v "${1#command:}" >/dev/null 2>&1 ;;
    module:*) pkg-config --exists "${1#module:}" 2>/dev/null ;;
    header:*) echo "#include <${1#header:}>" | gcc -E -I/opt/rocm/include - >/dev/null 2>&1 ;;
    esac
}

# Prints the lines of the table, of the sets given, whose thing is not there.
missing()
{
    echo "$dependencies" | while IFS='|' read -r set probe package why; do
        case " $* " in
        *" $set "*) found "$probe" || echo "$probe|$package|$why" ;;
        esac
    done
}

# With --try, all below in a shell of its own, whose failure is a line of text.
if [ "${1:-}" = --try ]; then
    shift
    "$0" "$@" || echo "Going on without." >&2
    exit 0
fi

check_only=false
if [ "${1:-}" = --check ]; then
    check_only=true
    shift
fi
if [ $# -eq 0 ]; then
    echo "usage: $0 [--check | --try] build|test|kernels|check|gpu …" >&2
    exit 2
fi

list=$(missing "$@")
[ -n "$list" ] || exit 0

echo "Missing:" >&2
echo "$list" | while IFS='|' read -r probe package why; do
    printf '  %-24s %s (Debian package %s)\n' "${probe#*:}" "$why" "$package" >&2
done

if $check_only || ! command -v apt-get >/dev/null 2>&1; then
    echo "Install these with your distribution's package manager; on Debian and Ubuntu:" >&2
    echo "  tools/install-dependencies.sh $*" >&2
    exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "Installing needs root, and there is no sudo: run tools/install-dependencies.sh $* as root." >&2
        exit 1
    fi
    as_root=sudo
fi

packages=$(echo "$list" | cut -d'|' -f2)
echo "Installing them with apt-get${as_root:+ (through sudo)}." >&2
export DEBIAN_FRONTEND=noninteractive
# The package lists may be absent or too old to find a package; only then are they fetched.
# shellcheck disable=SC2086 # words: sudo or nothing, and one word a package
$as_root apt-get install -y -q --no-install-recommends $packages >&2 ||
    { $as_root apt-get update -q >&2 &&
        $as_root apt-get install -y -q --no-install-recommends $packages >&2; }

list=$(missing "$@")
if [ -n "$list" ]; then
    echo "Still missing after the installation:" >&2
    echo "$list" | cut -d'|' -f1,2 >&2
    exit 1
fi
