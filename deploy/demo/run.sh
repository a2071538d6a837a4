#!/bin/bash
# The demo: a real virtual machine on a private libvirt host, from nothing to history. As root, for the host's network.
# KEEP=1 leaves the machine running; `run.sh --end` removes it later. All of it goes below DEMO_DIR (default: .demo).
set -euo pipefail

repository=$(cd "$(dirname "$0")/../.." && pwd)
demo=${DEMO_DIR:-$repository/.demo}
export PATH="$repository/.venv/bin:$PATH"
export RECONCILER_CACHE_DIR="$demo/cache"
console=$demo/state/embedded/embedded/log/web-1-console.log
bold='' plain=''
[ -t 1 ] && bold=$(tput bold 2>/dev/null || true) && plain=$(tput sgr0 2>/dev/null || true)

say() { printf '\n%s\n' "# $*"; }
show() { printf '%s$ %s%s\n' "$bold" "$*" "$plain"; }
run() { show "$@"; "$@"; }
commit() {
    show "git commit -am '$1'"
    git -C desired-state add --all
    git -C desired-state -c user.name=demo -c user.email=demo@localhost commit --quiet --message "$1"
}

stop_host() {
    python3 - "$demo/state" <<'PYTHON'
import sys
from pathlib import Path
from reconciler.adapters.virt import embedded
embedded.stop(Path(sys.argv[1]))
PYTHON
}

tidy() {
    code=$?
    [ "$code" = 0 ] || printf '\nThe demo failed (%s). What it left: %s\n' "$code" "$demo"
    if [ "$code" = 0 ] && [ -n "${KEEP:-}" ]; then
        printf '\n%s\n' "KEEP=1: web-1 is still running. Go on with: cd $demo && RECONCILER_CACHE_DIR=cache $(command -v reconciler) status" \
            "make clean ends it."
        return
    fi
    stop_host
    [ "$code" != 0 ] || { cd / && clear_away; }
}

await_guest() {
    for _ in $(seq 300); do
        grep -qs GUEST-READY "$console" && return
        sleep 0.2
    done
    echo "no GUEST-READY within 60 s; see $console" >&2
    return 1
}

clear_away() {
    [ ! -d "$demo/state" ] || stop_host
    rm -rf "$demo"
}

start_afresh() {
    clear_away
    mkdir -p "$demo"
    cp -r "$repository/desired-state" "$demo/"
    rm "$demo/desired-state/reconciler.yaml"
    cat >"$demo/reconciler.yaml" <<'SETTINGS'
source: desired-state
connect: embedded     # a private libvirt host, below stateDir
stateDir: state
SETTINGS
    cd "$demo"
    git init --quiet desired-state
}

if [ "${1:-}" = --end ]; then
    clear_away
    exit
fi
trap tidy EXIT
start_afresh

say "A guest to boot: a kernel and an initial file system, put together from Debian packages."
run "$repository/deploy/guest/build_guest.py"

say "The desired state: YAML in a git repository. Its settings say that the host is an embedded one."
run cat reconciler.yaml desired-state/web-1.yaml
commit "A web server, its disk and its network"

say "What would happen? plan writes nothing."
run reconciler plan

say "Make it so."
run reconciler apply --yes

say "A real machine boots. Its serial console:"
await_guest
run tail -n 1 "${console#"$demo"/}"

say "Nothing is left to do."
run reconciler plan

say "An edit: start with the host, more memory, no cache for the disk. The plan says which of them a running guest can take."
show "edit desired-state/web-1.yaml"
sed -i 's/^  power: running$/  power: running\n  autostart: true\n  memory: {current: 320MiB}/; s/format: qcow2}/format: qcow2, cache: none}/' \
    desired-state/web-1.yaml
run git -C desired-state diff --unified=0
commit "web-1 starts with its host, has more memory and an uncached disk"
run reconciler plan
run reconciler apply --yes

say "What is there now, and how did it get there? The disk waits for the next restart, whoever does it."
run reconciler status
run reconciler history Domain/web-1

say "Apply, then plan, is empty: the definition is what the document says, and what still waits is shown."
run reconciler plan

say "Done. Next: docs/tutorial.md does this by hand, and README.md says how to start with machines that are there already."
