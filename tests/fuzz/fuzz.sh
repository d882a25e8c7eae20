#!/bin/sh
# Builds the fuzz targets of this folder with clang's libFuzzer, its
# AddressSanitizer and UndefinedBehaviorSanitizer, and runs one of them, or all.
#
#   fuzz.sh OUT SCHEMAS.c LIBRARY.a... -- NAME [LIBFUZZER OPTION...]
#   fuzz.sh OUT SCHEMAS.c LIBRARY.a... -- all
#
# NAME keeps what it finds interesting in OUT/corpus-NAME and goes on from there;
# an input that fails is left in OUT/ and named in the output.
# "all" makes a fixed number of runs from a fixed seed.  Sources of expat and
# llhttp are built here too, so that the fuzzer sees the ways through them.
set -eu
out=$1
schemas=$2
shift 2
libraries=
while [ "$1" != -- ]; do
    libraries="$libraries $1"
    shift
done
name=$2
shift 2

# NAME RUNS: some seconds of each.
targets="
http 40000
soap 12000
order 12000
control 60000
catalogue 30000
packet 4000
sender 4000
url 100000
datetime_address 100000
ssh_key 12000
tls 1500
known_hosts 1500
config 20000
"

# As build_c.zig.
third_party="-std=gnu17 -D_GNU_SOURCE -DWOLFSSL_USER_SETTINGS -g -O1 -fno-strict-aliasing
 -fno-omit-frame-pointer
 -isystem third_party/config/expat -isystem third_party/src/expat-2.7.1
 -isystem third_party/src/llhttp-9.4.3/include
 -isystem third_party/config/wolfssl -isystem third_party/src/wolfssl-5.9.4"
ours="$third_party -Wall -Wextra -Werror -Wconversion -Wshadow -Wstrict-prototypes -Wswitch-enum
 -Wvla -fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=all -Isrc -Itests/fuzz"

mkdir -p "$out"
exec 9>"$out/lock"
flock 9
files="third_party/src/expat-2.7.1/xmlparse.c third_party/src/expat-2.7.1/xmlrole.c
 third_party/src/expat-2.7.1/xmltok.c third_party/src/llhttp-9.4.3/src/api.c
 third_party/src/llhttp-9.4.3/src/http.c third_party/src/llhttp-9.4.3/src/llhttp.c
 $(ls src/base/*.c src/crypto/*.c src/http/*.c src/soap/*.c src/fasp/*.c)
 src/transfer/known_hosts.c src/cli/config.c src/cli/config_fill.c src/cli/settings.c
 src/cli/secret.c src/central/callback_policy.c tests/fuzz/fuzz.c"
stamp=$({ cat "$0"; find src tests/fuzz -name '*.h' -o -name '*.def' | LC_ALL=C sort | xargs cat; } | sha256sum)
[ "$(cat "$out/headers" 2>/dev/null)" = "$stamp" ] || rm -f "$out"/*.o
echo "$stamp" >"$out/headers"
cmp -s "$schemas" "$out/schema_files.c" || cp "$schemas" "$out/schema_files.c"

object() { echo "$out/$(echo "$1" | tr / _).o"; }
compile() { # FLAGS SOURCE...
    flags=$1
    shift
    for source in "$@"; do
        object=$(object "$source")
        [ "$object" -nt "$source" ] || printf '%s\n%s\n' "$source" "$object"
    done | xargs -r -P "$(nproc)" -n 2 sh -c \
        'clang-14 -fsanitize=fuzzer-no-link,address '"$(echo $flags)"' -c "$1" -o "$2"' clang
}

rows=$targets
[ "$name" = all ] || rows="$name 0"
# shellcheck disable=SC2086
compile "$third_party -w" $(echo $files | tr ' ' '\n' | grep '^third_party')
# shellcheck disable=SC2046,SC2086
compile "$ours" "$out/schema_files.c" $(echo $files | tr ' ' '\n' | grep -v '^third_party') \
    $(echo "$rows" | sed -n 's,^\([a-z0-9_]*\) .*,tests/fuzz/fuzz_\1.c,p')
rm -f "$out/common.a"
# shellcheck disable=SC2046,SC2086
ar rc "$out/common.a" $(for file in $files "$out/schema_files.c"; do object "$file"; done)

link() { # NAME
    # shellcheck disable=SC2086
    clang-14 -fsanitize=fuzzer,address,undefined -o "$out/fuzz-$1" \
        "$(object "tests/fuzz/fuzz_$1.c")" "$out/common.a" $libraries -lm -pthread
}

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-14 || true)
export ASAN_SYMBOLIZER_PATH

# run NAME CORPUS OPTION...
run() {
    program=$out/fuzz-$1
    corpus=$2
    dictionary=tests/fuzz/$1.dict
    shift 2
    mkdir -p "$corpus"
    # shellcheck disable=SC2046
    FUZZ_SEEDS=$corpus "$program" -timeout=20 -max_len=4096 -artifact_prefix="$out/" \
        $([ ! -f "$dictionary" ] || echo "-dict=$dictionary") "$@" "$corpus"
}

if [ "$name" != all ]; then
    link "$name"
    exec 9>&-
    run "$name" "$out/corpus-$name" "$@"
    exit
fi

passed=0
failed=0
while read -r target runs; do
    [ -n "$target" ] || continue
    link "$target"
    rm -rf "$out/fixed"
    begun=$(date +%s)
    if run "$target" "$out/fixed" -runs="$runs" -seed=1 "$@" >"$out/fixed.log" 2>&1 </dev/null; then
        passed=$((passed + 1))
        echo "fuzz: $target: $runs runs, $(($(date +%s) - begun)) s" >&2
    else
        failed=$((failed + 1))
        cat "$out/fixed.log" >&2
        echo "fuzz: $target: FAILED" >&2
    fi
done <<END
$targets
END
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
