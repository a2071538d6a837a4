#!/bin/sh
# Install the Debian packages that the given lists name and this machine lacks; does nothing, and needs no network, if none.
set -eu

listed() { sed 's/#.*//' "$@" | tr -s ' ' '\n' | grep .; }

missing() {
    for package in $(listed "$@"); do
        dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

if ! command -v apt-get >/dev/null; then
    echo "This is no Debian: install what corresponds to: $(listed "$@" | tr '\n' ' ')" >&2
    exit 0
fi
wanted=$(missing "$@" | tr '\n' ' ')
if [ -z "$wanted" ]; then
    echo "System packages: all there."
    exit 0
fi
echo "System packages: installing $wanted"
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
# shellcheck disable=SC2086  # a list of names
$as_root apt-get install -q -y --no-install-recommends $wanted
