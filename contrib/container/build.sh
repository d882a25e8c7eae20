#!/bin/sh
# build.sh FERRY TAG [BUILDAH OPTION...]: builds the image from a binary.  The
# same binary gives the same image, by digest, whenever and wherever.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 FERRY TAG [BUILDAH OPTION...]" >&2; exit 2; }
ferry=$1 tag=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -m 755 "$work/context"
install -m 755 "$ferry" "$work/context/ferry"
install -m 644 "$here/passwd" "$here/Containerfile" "$work/context/"
mkdir "$work/context/folders"
mkdir -m 700 "$work/context/folders/state" "$work/context/folders/data"
# The format is Docker's since OCI's has no HEALTHCHECK.
buildah "$@" bud -q --isolation chroot --format docker --timestamp 0 -t "$tag" \
    -f "$work/context/Containerfile" "$work/context" >/dev/null

# What is left of the container that it was built in, an id and a host name,
# differs each time: it goes.
buildah "$@" push -q "$tag" "dir:$work/image"
cd "$work/image"
old=$(jq -r .config.digest manifest.json)
jq -cS 'del(.container) | del(.config.Hostname) | del(.container_config.Hostname)' \
    "${old#sha256:}" >config
new=$(sha256sum config | cut -d' ' -f1)
size=$(stat -c %s config)
mv config "$new"
rm "${old#sha256:}"
jq -cS --arg digest "sha256:$new" --argjson size "$size" \
    '.config.digest = $digest | .config.size = $size' manifest.json >manifest.new
mv manifest.new manifest.json
cd /
image=$(buildah "$@" pull -q "dir:$work/image")
buildah "$@" tag "$image" "$tag"
sha256sum "$work/image/manifest.json" | sed 's/ .*//; s/^/sha256:/'
