#!/bin/sh
# check_kernels.sh: compiles the kernels of a build folder that is configured with -Dgpu_check=true. Each target counts
# as one in the last line: passed, if all of its kernels compile.
#
#   tools/check_kernels.sh FOLDER
set -u
cd "$(dirname "$0")/.." || exit 1
log=$1/meson-logs/gpu-check.txt
ninja -C "$1" -k 0 gpu-check >"$log" 2>&1
status=$?
grep -v '^\[\|^ninja: ' "$log" | head -n 200

# NAME-UNIT.code: names may have dashes, units have none.
units=$(ninja -C "$1" -t query gpu-check | sed -nE 's,^.*/([^/]*)-[^-]*\.code$,\1,p')
broken=$(sed -nE 's,^FAILED: .*/([^/]*)-[^-]*\.code.*$,\1,p' "$log")
passed=0
failed=0
for target in $(echo "$units" | sort -u); do
    of=$(echo "$units" | grep -cx -e "$target")
    bad=$(echo "$broken" | grep -cx -e "$target")
    echo "$target: $((of - bad)) of $of units compile"
    if [ "$bad" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
