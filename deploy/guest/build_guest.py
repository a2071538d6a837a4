#!/usr/bin/env python3
"""Build a real guest that boots in seconds even without KVM: `vmlinuz` and `initrd.img` from three Debian packages.

It has virtio drivers, DHCP, QEMU's guest agent and a working power button, and writes `GUEST-READY` to its console.
Needs apt-get, dpkg-deb and ldd; no root, no mkinitramfs. Built again only when a package or a file of `root/` changes.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import initramfs

DEFAULT = Path("/var/tmp/reconciler-guest")
OVERLAY = Path(__file__).with_name("root")
KERNEL = "linux-image-cloud-amd64"
PROGRAMS = ("busybox-static", "qemu-guest-agent")
RESULTS = ("vmlinuz", "initrd.img")
MODULES = (
    *("virtio_pci", "virtio_blk", "virtio_net", "virtio_balloon", "virtio_console", "virtio_scsi", "virtio_rng"),
    *("virtio_mem", "button", "evdev", "sd_mod", "sr_mod", "isofs", "failover"),
)
DIRECTORIES = ("proc", "sys", "dev", "run", "tmp", "root", "mnt", "var/run", "usr/bin")


class GuestError(Exception):
    """Why the guest cannot be built; one sentence that says what to do."""


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """The standard output of a command; its own words where it fails."""
    done = subprocess.run(command, cwd=cwd, text=True, capture_output=True, check=False)
    if done.returncode:
        raise GuestError(f"{' '.join(map(str, command))} failed:\n{done.stderr.strip()}")
    return done.stdout


def wanted_packages() -> dict[str, str]:
    """Package -> the version apt would fetch; empty where apt has no package lists."""
    try:
        kernel = re.search(r"Depends: (linux-image-\S+)", run("apt-cache", "depends", KERNEL))
    except GuestError:
        return {}
    return {name: candidate(name) for name in (kernel.group(1), *PROGRAMS)} if kernel else {}


def candidate(package: str) -> str:
    found = re.search(r"Candidate: (\S+)", run("apt-cache", "policy", package))
    if found is None or found.group(1) == "(none)":
        raise GuestError(f"apt offers no package {package}; add Debian's main archive and run apt-get update")
    return found.group(1)


def recipe(packages: dict[str, str]) -> str:
    """A name for all that the guest is made of."""
    digest = hashlib.sha256(repr(sorted(packages.items())).encode())
    for path in (Path(__file__), Path(initramfs.__file__), *sorted(OVERLAY.rglob("*"))):
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def fetch(packages: dict[str, str], into: Path) -> dict[str, Path]:
    """Each package unpacked under `into`."""
    run("apt-get", "download", "-q", *(f"{name}={version}" for name, version in packages.items()), cwd=into)
    trees = {name: into / name for name in packages}
    for name, tree in trees.items():
        (archive,) = into.glob(f"{name}_*.deb")
        run("dpkg-deb", "-x", archive, tree)
    return trees


def module_files(kernel: Path) -> dict[str, Path]:
    return {path.stem.replace("-", "_"): path for path in kernel.glob("lib/modules/*/kernel/**/*.ko")}


def with_dependencies(wanted: tuple[str, ...], files: dict[str, Path]) -> list[str]:
    """The modules in an order they can be loaded in; those built into the kernel have no file and are left out."""
    order: list[str] = []

    def add(module: str) -> None:
        if module in order or module not in files:
            return
        depends = re.search(rb"\0depends=([^\0]*)\0", files[module].read_bytes())
        for name in depends.group(1).decode().split(",") if depends else ():
            add(name.replace("-", "_"))
        order.append(module)

    for module in wanted:
        add(module)
    return order


def libraries(program: Path) -> Iterator[tuple[str, Path]]:
    """Where each shared library of a program goes in the guest, and where this machine has it."""
    listed = run("ldd", program)
    if missing := re.findall(r"(\S+) => not found", listed):
        raise GuestError(f"{program.name} needs {', '.join(missing)}; install the packages of deploy/packages first")
    for path in re.findall(r"(/\S+) \(0x", listed):
        name = Path(path).name
        folder = "lib64" if name.startswith("ld-linux") else "lib/x86_64-linux-gnu"
        yield f"{folder}/{name}", Path(path).resolve()


def fill(tree: initramfs.Tree, kernel: Path, busybox: Path, agent: Path) -> None:
    """Put everything that the guest has into its file tree."""
    for directory in DIRECTORIES:
        tree.directory(directory)
    tree.file("bin/busybox", busybox.read_bytes())
    for applet in run(busybox, "--list").split():
        tree.link(f"bin/{applet}", "busybox")
    for name in ("poweroff", "reboot", "halt"):
        tree.link(f"sbin/{name}", f"/bin/{name}")
    tree.file("bin/qemu-ga", agent.read_bytes())
    for place, library in libraries(agent):
        tree.file(place, library.read_bytes())
    files = module_files(kernel)
    order = with_dependencies(MODULES, files)
    for module in order:
        tree.file(f"lib/modules/{module}.ko", files[module].read_bytes(), 0o644)
    tree.file("lib/modules.order", "\n".join(order).encode(), 0o644)
    for path in sorted(OVERLAY.rglob("*")):
        if path.is_file():
            tree.file(str(path.relative_to(OVERLAY)), path.read_bytes(), path.stat().st_mode & 0o777)


def build(packages: dict[str, str], into: Path) -> None:
    """Write `vmlinuz` and `initrd.img`; each appears whole or not at all."""
    with tempfile.TemporaryDirectory(dir=into) as scratch:
        work = Path(scratch)
        # apt's own user writes the downloads where it may.
        work.chmod(0o755)
        trees = fetch(packages, work)
        kernel = next(tree for name, tree in trees.items() if name.startswith("linux-image"))
        tree = initramfs.Tree()
        fill(tree, kernel, trees["busybox-static"] / "bin/busybox", trees["qemu-guest-agent"] / "usr/sbin/qemu-ga")
        (work / "initrd.img").write_bytes(tree.archive())
        shutil.copy(next(kernel.glob("boot/vmlinuz-*")), work / "vmlinuz")
        for name in RESULTS:
            (work / name).chmod(0o644)
            (work / name).replace(into / name)


@contextmanager
def one_builder(directory: Path) -> Iterator[None]:
    """Several test runs may ask at once: the first builds, the others wait and find it done."""
    directory.mkdir(parents=True, exist_ok=True)
    if directory.stat().st_uid != os.getuid():
        raise GuestError(f"{directory} belongs to another user, who could change what boots; choose another directory")
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure(directory: Path) -> str:
    """Build where needed; a sentence that says what was done."""
    with one_builder(directory):
        stamp = directory / "recipe"
        built = all((directory / name).exists() for name in RESULTS) and stamp.exists()
        packages = wanted_packages()
        if built and (not packages or stamp.read_text() == recipe(packages)):
            return f"{directory} holds the guest already"
        try:
            packages = build_from_lists(packages, directory)
        except GuestError as error:
            if not built:
                raise
            return f"{directory} keeps its older guest, since a new one cannot be built: {error}"
        stamp.write_text(recipe(packages))
        return f"{directory} now holds a guest of " + ", ".join(f"{name} {packages[name]}" for name in packages)


def build_from_lists(packages: dict[str, str], into: Path) -> dict[str, str]:
    """Build, with fresh package lists where these are missing or out of date; the packages it was built from."""
    if packages:
        try:
            build(packages, into)
            return packages
        except GuestError:
            if os.getuid() != 0:
                raise
    if os.getuid() != 0:
        raise GuestError("apt has no package lists; run `sudo apt-get update` once")
    run("apt-get", "update", "-q")
    fresh = wanted_packages()
    if not fresh:
        raise GuestError(f"apt knows no package {KERNEL}; add Debian's main archive to its sources")
    build(fresh, into)
    return fresh


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", nargs="?", type=Path, default=DEFAULT, help=f"default {DEFAULT}")
    try:
        print(ensure(parser.parse_args().directory))
    except GuestError as error:
        print(f"build_guest: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
