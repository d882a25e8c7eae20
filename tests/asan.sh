#!/bin/sh
# Builds the program and its unit tests with gcc's AddressSanitizer (which finds
# leaks too) and UndefinedBehaviorSanitizer, and runs unit and end-to-end tests.
#
#   asan.sh OUT SCHEMAS.c LIBRARY.a... [-- PYTEST ARGUMENT...]
#
# With FERRY_ASAN_UNIT=no only the end-to-end tests.
#
# OUT keeps the objects; a changed source or any changed header builds anew.
set -eu
out=$1
schemas=$2
shift 2
libraries=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    libraries="$libraries $1"
    shift
done
[ $# -eq 0 ] || shift

# As build_c.zig; a sentence for a person may be cut at its buffer, which gcc fears.
flags="-std=gnu17 -D_GNU_SOURCE -DWOLFSSL_USER_SETTINGS -g -O1
 -Wall -Wextra -Werror -Wconversion -Wshadow -Wstrict-prototypes -Wswitch-enum -Wvla
 -Wno-format-truncation -fno-strict-aliasing -fno-omit-frame-pointer
 -fsanitize=address,undefined -fno-sanitize-recover=all
 -Isrc -Itests/lib
 -isystem third_party/src/expat-2.7.1 -isystem third_party/config/expat
 -isystem third_party/src/liburing-2.9/src/include -isystem third_party/config/liburing
 -isystem third_party/src/llhttp-9.4.3/include -isystem third_party/src/sqlite-3.54.1
 -isystem third_party/config/wolfssl -isystem third_party/src/wolfssl-5.9.4"
mkdir -p "$out"
out=$(realpath "$out")
stamp=$(find src tests/unit -name '*.h' -o -name '*.def' | LC_ALL=C sort | xargs cat | sha256sum)
[ "$(cat "$out/headers" 2>/dev/null)" = "$stamp" ] || rm -rf "$out"/*.o
echo "$stamp" >"$out/headers"
cp -p "$schemas" "$out/schema_files.c"

object() { echo "$out/$(echo "$1" | tr / _).o"; }
compile() { # SOURCE...
    for source in "$@"; do
        object=$(object "$source")
        [ "$object" -nt "$source" ] || printf '%s\n%s\n' "$source" "$object"
    done | xargs -r -P "$(nproc)" -n 2 sh -c 'gcc '"$(echo $flags)"' -c "$1" -o "$2"' gcc
}
objects() { for source in "$@"; do object "$source"; done; }

compile "$out/schema_files.c" src/main.c src/*/*.c tests/unit/*/*.c
# shellcheck disable=SC2046,SC2086
gcc -fsanitize=address,undefined -o "$out/ferry" \
    $(objects "$out/schema_files.c" src/main.c src/*/*.c) $libraries -lm -pthread

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
# What was freed is kept for a while: the memory of test_soak.py says nothing.
export FERRY_SOAK_MEMORY=no
export UBSAN_OPTIONS=print_stacktrace=1
# Criterion's own runner keeps 48 bytes when it prints much.
echo "leak:libcriterion" >"$out/leaks"
export LSAN_OPTIONS="suppressions=$out/leaks:print_suppressions=0"
below=
[ "${FERRY_ASAN_UNIT:-yes}" = yes ] && for number in 0 1 2 3 4 5 6; do
    folders=$(sed -n "s/.*\.folder = \"\([a-z]*\)\", \.number = $number .*/\1/p" build.zig)
    for folder in $folders; do
        [ -d "tests/unit/$folder" ] || continue
        # shellcheck disable=SC2046,SC2086
        gcc -fsanitize=address,undefined -o "$out/test-$folder" \
            $(objects tests/unit/$folder/*.c src/$folder/*.c "$out/schema_files.c") $below $libraries -lcriterion -lm -pthread
        echo "asan: unit tests of src/$folder" >&2
        "$out/test-$folder"
    done
    for folder in $folders; do
        # shellcheck disable=SC2046
        below="$below $(objects $(ls src/$folder/*.c 2>/dev/null))"
    done
done
exec python3 -m pytest -q -p no:cacheprovider tests/e2e --ferry "$out/ferry" "$@"
