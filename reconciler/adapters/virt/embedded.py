"""The embedded host: a private libvirtd, started when somebody connects to it, that touches nothing of the machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import quote

from reconciler.adapters.virt import embedded_home, embedded_root, embedded_session
from reconciler.adapters.virt.embedded_home import Home
from reconciler.errors import ReconcilerError, trouble

NAME = "embedded"
IDLE_SECONDS = 60
START_SECONDS = 15.0
STOP_SECONDS = 5.0
_NAMES = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PACKAGES = "apt-get install libvirt-daemon-system qemu-system"


class Mode(Protocol):
    """How the daemon lives: `embedded_root` or `embedded_session`."""

    def socket(self, home: Home) -> Path: ...
    def members(self, home: Home) -> tuple[int, ...]: ...
    def prepare(self, home: Home) -> None: ...
    def launch(self, home: Home) -> None: ...
    def clear(self, home: Home) -> None: ...
    def visible(self, directory: Path, path: str) -> Path: ...


def mode() -> Mode:
    """Root has namespaces; everybody else has libvirt's session mode."""
    return cast(Mode, embedded_root if os.geteuid() == 0 else embedded_session)


def home_of(uri: str | None, state_dir: Path, idle_seconds: int = IDLE_SECONDS) -> Home | None:
    """The embedded host that a URI names (`embedded`, `embedded:NAME`); None for every other URI. Raises R801."""
    scheme, _, name = (uri or "").partition(":")
    if scheme != NAME:
        return None
    name = name or NAME
    if not _NAMES.fullmatch(name):
        raise trouble("R801", f"{uri!r}: the name of an embedded host has small letters, digits and - only")
    return Home(name=name, directory=state_dir.resolve() / NAME / name, idle_seconds=idle_seconds)


def uri_of(home: Home) -> str:
    """libvirt's own URI of the running host; `virsh -c` takes it too."""
    place = "system" if os.geteuid() == 0 else "session"
    return f"qemu+unix:///{place}?socket={quote(str(mode().socket(home)))}"


def start(home: Home) -> None:
    """See to it that the daemon answers; at once where it does already. Raises R607."""
    if answers(home):
        return
    _require_programs(home)
    try:
        home.directory.mkdir(parents=True, exist_ok=True, mode=0o711)
        with _lock(home):
            _await_end(home)
            if not answers(home):
                mode().prepare(home)
                mode().launch(home)
                _await_answer(home)
    except (OSError, subprocess.CalledProcessError) as error:
        raise failure(home, str(error)) from error


def stop(state_dir: Path, name: str = NAME) -> None:
    """Power the host's machines off, end everything it runs, and take away what it has outside its directory."""
    home = home_of(f"{NAME}:{name}", state_dir)
    if home is None or not home.directory.exists():
        return
    with _lock(home):
        embedded_home.end(lambda: mode().members(home), STOP_SECONDS)
        mode().clear(home)


def directory_of(socket_path: Path) -> Path | None:
    """The directory of the embedded host that listens on a socket; None for any other libvirtd."""
    directory = socket_path.resolve().parent.parent.parent
    return directory if (directory / embedded_home.BOOT).exists() else None


def visible(directory: Path, path: str) -> Path:
    """Where the machine sees a path (`/var/lib/libvirt/images/…`) of the embedded host in this directory."""
    return mode().visible(directory, path)


def answers(home: Home) -> bool:
    """Whether somebody listens on the host's socket; one that a killed daemon left refuses."""
    if not home.directory.exists():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(str(mode().socket(home)))
        except OSError:
            return False
    return True


def _lock(home: Home) -> AbstractContextManager[object]:
    from filelock import FileLock  # 6 ms that a host which runs already need not pay.

    return FileLock(home.directory / "lock", timeout=2 * START_SECONDS)


def _await_end(home: Home) -> None:
    """Let a daemon that has closed its socket finish: the new one needs its pid files."""
    deadline = time.monotonic() + START_SECONDS
    while any(map(embedded_home.is_daemon, mode().members(home))) and not answers(home):
        if time.monotonic() > deadline:
            raise failure(home, "its old libvirtd neither answers nor ends")
        time.sleep(0.02)


def _await_answer(home: Home) -> None:
    began = time.monotonic()
    while not answers(home):
        waited = time.monotonic() - began
        alive = waited < 1 or any(map(embedded_home.is_daemon, mode().members(home)))
        if not alive or waited > START_SECONDS:
            raise failure(home, "libvirtd ended at once" if not alive else f"no answer for {START_SECONDS:.0f} s")
        time.sleep(0.005)


def _require_programs(home: Home) -> None:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/libexec"
    emulators = (f"qemu-system-{platform.machine()}", "qemu-kvm")
    missing = [] if shutil.which("libvirtd", path=path) else ["libvirtd"]
    if not any(shutil.which(name, path=path) for name in emulators):
        missing.append(emulators[0])
    if missing:
        raise trouble("R607", f"{' and '.join(missing)} is not installed; {_PACKAGES}", home.name)


def failure(home: Home, why: str) -> ReconcilerError:
    """R607 with the last words of the daemon."""
    words = [_last_line(path) for path in (home.output, home.log)]
    said = "; ".join(word for word in words if word)
    return trouble("R607", f"{why}; {said or 'it said nothing'}; see {home.log}", home.name)


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].strip() if lines else ""
