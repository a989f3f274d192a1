# shellcheck shell=bash disable=SC2034
# What the steps of ./check share: sourced by each of them.
set -uo pipefail

lumen=build/src/cli/lumen
python=build/venv/bin/python
clang_build=build-clang # clang, AddressSanitizer, UndefinedBehaviorSanitizer, fuzz targets
tsan_build=build-threads # clang, ThreadSanitizer

# A finding must end the program, or the test that met it would pass.
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# verdict NAME COMMAND...: one test, or, where the command itself speaks TAP, as many as it says.
# What else it prints is kept as comments. No command may hang the whole check.
verdict() {
    local name=$1 output status lines
    shift
    output=$(timeout --kill-after=10 "${limit:-300}" "$@" 2>&1 </dev/null)
    status=$?
    [ "$status" -ne 124 ] || output+=$'\n'"(stopped after ${limit:-300} s)"
    lines=$(grep -cE '^(not )?ok ' <<<"$output")
    [ -z "$output" ] || sed -E '/^(not )?ok |^#/!s/^/#   /' <<<"$output"
    if [ "$lines" -eq 0 ] || { [ "$status" -ne 0 ] && ! grep -q '^not ok ' <<<"$output"; }; then
        if [ "$status" -eq 0 ]; then echo "ok $name"; else echo "not ok $name (status $status)"; fi
    fi
    return "$status"
}

# Without a command to test, a step says so and ends: that is one failure, not a hundred.
need_lumen() {
    [ -x "$lumen" ] && return 0
    echo "not ok $1: there is no $lumen; the build above says why"
    exit 1
}
