"""What every tier may ask for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.adapters.virt import embedded
from tests.collected import Definition, UnreachableError, definitions

ROOT = Path(__file__).parent.parent
GUEST = Path("/var/tmp/reconciler-guest")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A libvirt host with networks of its own is root's affair; say so where somebody else runs the tests."""
    if os.geteuid() != 0:
        for item in items:
            if item.get_closest_marker("e2e"):
                item.add_marker(pytest.mark.skip(reason="needs root: sudo make test"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def guest() -> Path:
    """The directory with `vmlinuz` and `initrd.img` of a guest that boots in seconds; built once for the machine."""
    subprocess.run([sys.executable, ROOT / "deploy/guest/build_guest.py", GUEST], check=True)
    return GUEST


@pytest.fixture(scope="session")
def collected() -> Callable[..., list[Definition]]:
    """`collected("network", "pool")` gives the definitions with these root elements that libvirt's source holds.

    They come from the Debian archive, once for the machine. In CI it must be there; elsewhere the test is skipped.
    """
    try:
        found = definitions()
    except UnreachableError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(f"needs the Debian archive: {error}")
    return lambda *roots: [each for each in found if each.root in roots]


@dataclass(frozen=True)
class Hosted:
    """A running embedded host: libvirt's own URI, and `embedded:NAME` (`connect`) with its state directory."""

    uri: str
    connect: str
    state_dir: Path
    home: embedded.Home


@pytest.fixture(scope="session")
def embedded_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Hosted]]:
    """`embedded_host(name="lab")` starts a host of that name, or finds it running; at the end all are taken down.

    Two tests that ask for one name share the host. The first host of a session waits seconds for libvirt to probe QEMU.
    """
    if os.geteuid() != 0:
        pytest.skip("an embedded host with networks needs root")
    if not shutil.which("libvirtd", path=f"{os.environ['PATH']}:/usr/sbin"):
        pytest.skip("libvirtd is not installed")
    state_dir = tmp_path_factory.mktemp("hosts")
    names: list[str] = []

    def start(name: str = "lab") -> Hosted:
        home = embedded.home_of(f"embedded:{name}", state_dir, idle_seconds=3600)
        names.append(name)
        embedded.start(home)
        return Hosted(embedded.uri_of(home), f"embedded:{name}", state_dir, home)

    try:
        yield start
    finally:
        for name in dict.fromkeys(names):
            embedded.stop(state_dir, name)
