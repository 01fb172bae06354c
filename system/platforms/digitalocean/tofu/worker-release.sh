#!/bin/sh
# seatrial-worker-release IMAGE RELEASE: run another release of the worker, and the one of before again if it does not become ready.
# Exit: 0 the release runs; 1 the one of before runs again; 2 wrong call, or no such image: nothing was changed; 3 neither runs.
set -eu
image="$1" release="$2"
printf '%s' "$image" | grep -Eq '@sha256:[0-9a-f]{64}$' || { echo "not an image by digest: $image" >&2; exit 2; }
printf '%s' "$release" | grep -Eq '^[A-Za-z0-9][A-Za-z0-9._-]*$' || { echo "not a release: $release" >&2; exit 2; }
cd /etc/seatrial
docker pull --quiet "$image" || exit 2

runs() {
  deadline=$(($(date +%s) + 120))
  while :; do
    if docker exec seatrial-worker python -c '
import json, sys, urllib.request as r
r.urlopen("http://127.0.0.1:8080/readyz", timeout=5)
found = json.load(r.urlopen("http://127.0.0.1:8080/version", timeout=5))["release"]
sys.exit(found != sys.argv[1])
' "$1" 2>/dev/null; then return 0; fi
    [ "$(date +%s)" -lt "$deadline" ] || return 1
    sleep 2
  done
}

use() {
  printf 'IMAGE=%s\n' "$1" >image.env.new &&
    sed "s/^RELEASE=.*/RELEASE=$2/" worker.env >worker.env.new &&
    chmod 0644 image.env.new worker.env.new &&
    mv image.env.new image.env &&
    mv worker.env.new worker.env &&
    systemctl restart seatrial-worker.service
}

image_before=$(sed -n 's/^IMAGE=//p' image.env) release_before=$(sed -n 's/^RELEASE=//p' worker.env)
# A job that is broken off is taken over by another worker, or by this one after its lease.
use "$image" "$release" || true
if runs "$release"; then echo "worker: $release runs"; exit 0; fi
echo "worker: $release does not become ready; back to $release_before" >&2
use "$image_before" "$release_before" || true
runs "$release_before" && exit 1
echo "worker: $release_before does not become ready either" >&2
exit 3
