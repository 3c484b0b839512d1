#!/bin/sh
# check.sh: the checks that are no tests: layout, style rules, clang-tidy. Needs a configured build
# folder, for its compile_commands.json. Each counts as one in the last line.
#
#   tools/check.sh FOLDER
set -u
cd "$(dirname "$0")/.." || exit 1
folder=$1
passed=0
failed=0

check()
{
    echo "== $1"
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

layout()
{
    find include src tests bench -name '*.[ch]' -print0 | xargs -0 clang-format-14 --dry-run --Werror
}

# One process a file: clang-tidy 14 reports va_list defects that are none when it is given several.
tidy()
{
    sed -n 's/^ *"file": "\(.*\.c\)",\{0,1\}$/\1/p' "$folder/compile_commands.json" | sort -u |
        (cd "$folder" && xargs -P "$(nproc)" -n 1 clang-tidy-14 -p . --quiet)
}

check 'layout: clang-format' layout
check 'style: layers, library rules, sizes' python3 -B tests/style/check.py .
check 'clang-tidy' tidy
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
