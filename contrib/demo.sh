#!/bin/sh
# Shows the main job to a person: two nodes on this machine, an observer, an
# order, the files on their way, and what became of them.
#
#   contrib/demo.sh FERRY        FERRY is the binary; ./zigw build demo runs it
#
# Exits 0 only if the job completed, its events arrived, and both trees are equal.
set -eu
ferry=$(realpath "$1")
project=$(dirname "$(dirname "$(realpath "$0")")")
work=$(mktemp -d)
pids=

end() {
    code=$?
    for pid in $pids; do kill "$pid" 2>/dev/null || :; done
    for pid in $pids; do wait "$pid" 2>/dev/null || :; done
    rm -rf "$work"
    exit "$code"
}
trap end EXIT
trap 'exit 130' INT TERM

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '  $ ferry %s\n' "$*"; }
fail() { echo "demo: $*" >&2; exit 1; }
# wait_for FILE PATTERN: until a line of FILE matches, 60 s at most.
wait_for() {
    tries=0
    until grep -q "$2" "$1" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "waited in vain for '$2' in $(basename "$1")"
        sleep 0.1
    done
}
# start_node NAME: sets soap, transfer and fingerprint.
start_node() {
    mkdir "$work/$1.files"
    "$ferry" serve --state "$work/$1.state" --docroot "$work/$1.files" \
        --soap 127.0.0.1:0 --transfer 127.0.0.1:0 >"$work/$1.out" 2>"$work/$1.log" &
    pids="$pids $!"
    wait_for "$work/$1.out" '^ready ' || { cat "$work/$1.log" >&2; exit 1; }
    soap=$(sed -n 's/^ready soap=\([^ ]*\).*/\1/p' "$work/$1.out")
    transfer=$(sed -n 's/.*transfer=[^ ]*:\([0-9]*\) .*/\1/p' "$work/$1.out")
    fingerprint=$(sed -n 's/.*fingerprint=//p' "$work/$1.out")
}

step "1. Two nodes: the studio, which sends, and the archive, which receives."
start_node archive
archive_port=$transfer
archive_fingerprint=$fingerprint
start_node studio
FERRY_SOAP=$soap
export FERRY_SOAP
sed 's/^ready /  studio   ready  /' "$work/studio.out"
sed 's/^ready /  archive  ready  /' "$work/archive.out"

step "2. The archive lets the studio's user in, to one folder."
show "user add studio --docroot archive.files --password-stdin --state archive.state"
echo "a password" | "$ferry" user add studio --docroot "$work/archive.files" \
    --password-stdin --state "$work/archive.state"

step "3. What is to go: the project's own sources and a file of 256 MiB."
mkdir "$work/studio.files/tape"
cp -R "$project/src" "$project/schemas" "$project/README.md" "$work/studio.files/tape/"
head -c 268435456 /dev/urandom >"$work/studio.files/tape/256MiB.bin"
files=$(find "$work/studio.files/tape" -type f | wc -l)
size=$(find "$work/studio.files/tape" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
echo "  $files files, $size bytes"

step "4. An observer subscribes to jobs and to sessions."
show watch
"$ferry" watch >"$work/events" 2>"$work/watch.log" &
watch=$!
pids="$pids $watch"
wait_for "$work/watch.log" '^watching'
sed 's/^/  /' "$work/watch.log"
tail --pid="$watch" -n +1 -f "$work/events" 2>/dev/null | sed -u 's/^/  event  /' &
pids="$pids $!"

step "5. The order is submitted over SOAP; each event is printed as it arrives."
cat >"$work/order.xml" <<ORDER
<?xml version="1.0" encoding="UTF-8"?>
<Order>
  <Version>2</Version>
  <Operation>Push</Operation>
  <RemoteLocation>
    <System>
      <Address>127.0.0.1</Address><Port>$archive_port</Port>
      <UserName>studio</UserName><Password>a password</Password>
    </System>
    <Authentication><Methods><Method>Password</Method></Methods></Authentication>
    <Files><Path>/</Path></Files>
  </RemoteLocation>
  <LocalLocation><Files><Path>/tape</Path></Files></LocalLocation>
  <RateParameters><Policy>Fair</Policy><TargetRate>1000000</TargetRate></RateParameters>
  <SecurityParameters>
    <EncryptionCipher>AES-128</EncryptionCipher>
    <SSHFingerprint>$archive_fingerprint</SSHFingerprint>
  </SecurityParameters>
</Order>
ORDER
show "submit --wait order.xml"
job=$("$ferry" submit --wait "$work/order.xml" 2>"$work/outcome") || {
    cat "$work/outcome" >&2
    fail "the job did not complete"
}
wait_for "$work/events" 'job     Stop'
wait_for "$work/events" 'session Stop'
sleep 0.3 # so that the last lines are shown before what follows
sed 's/^/  job  /' "$work/outcome"

step "6. What the server says of it now."
show sessions
"$ferry" sessions | sed 's/^/  /'
"$ferry" sessions --json --job "$job" >"$work/session.json"
for figure in '"Status":"completed"' "\"FilesComplete\":$files," "\"BytesWritten\":$size,"; do
    grep -qF "$figure" "$work/session.json" || fail "the query does not say $figure"
done
for topic in Connecting Start Stop; do
    grep -q "job     $topic" "$work/events" || fail "no event $topic of the job"
done

step "7. The checksums of both sides."
sums() { (cd "$1" && find tape -type f -exec sha256sum {} + | LC_ALL=C sort -k 2); }
sums "$work/studio.files" >"$work/studio.sums"
sums "$work/archive.files" >"$work/archive.sums"
grep ' tape/256MiB.bin' "$work/studio.sums" | sed 's/^/  studio   /'
grep ' tape/256MiB.bin' "$work/archive.sums" | sed 's/^/  archive  /'
cmp "$work/studio.sums" "$work/archive.sums" || fail "the trees differ"
echo "  all $files files are equal"
