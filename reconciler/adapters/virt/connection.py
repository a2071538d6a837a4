"""Connections to libvirt: opened without questions, with a deadline, and closed again."""

from __future__ import annotations

import functools
import hashlib
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import libvirt

from reconciler.adapters.virt import embedded, faults
from reconciler.adapters.virt.embedded_home import Home
from reconciler.adapters.virt.lines import Lines, close
from reconciler.catalogue import Family
from reconciler.errors import ReconcilerError, trouble

OPEN_SECONDS = 10.0
# A daemon that is silent for 5 s is asked; after 3 unanswered questions it is gone and calls fail.
KEEPALIVE_SECONDS, KEEPALIVE_COUNT = 5, 3
TURN_SECONDS = 0.1
# A daemon that stops when idle may go between being seen and being called.
EMBEDDED_ATTEMPTS = 3


@contextmanager
def connect(
    uri: str | None, state_dir: Path, *, open_seconds: float = OPEN_SECONDS, idle_seconds: int = embedded.IDLE_SECONDS
) -> Iterator[libvirt.virConnect]:
    """An open read-write connection; None is libvirt's own default, `embedded[:NAME]` starts the embedded host.

    `idle_seconds`: when an embedded host started here stops by itself. Raises UnreachableError (R601, R607) and
    DeniedError (R603). What is raised inside passes untouched.
    """
    faults.silence()
    home = embedded.home_of(uri, state_dir, idle_seconds)

    def opened() -> tuple[libvirt.virConnect, bool]:
        found = _open_embedded(home, open_seconds) if home else _open(uri, uri or "libvirt's default", open_seconds)
        return found, _keep_alive(found)

    lines = Lines(opened)
    try:
        yield lines.first
    finally:
        lines.close()


def _open_embedded(home: Home, seconds: float) -> libvirt.virConnect:
    """Start and open; once more where the daemon has gone in between, as one that was idle may."""
    for _ in range(EMBEDDED_ATTEMPTS):
        embedded.start(home)
        try:
            return _open(embedded.uri_of(home), home.name, seconds)
        except ReconcilerError as error:
            refusal = error
            if embedded.answers(home):
                break
    raise embedded.failure(home, refusal.problems[0].message) from refusal


def _open(uri: str | None, name: str, seconds: float) -> libvirt.virConnect:
    """Open in a thread of its own: libvirt knows no deadline here, and a stopped daemon would hold us for ever."""
    _event_loop()
    answer: Future[libvirt.virConnect] = Future()
    threading.Thread(target=_open_into, args=(answer, without_questions(uri)), daemon=True).start()
    try:
        connection = answer.result(timeout=seconds)
    except TimeoutError:
        # The thread may succeed after all, some day: then nobody wants its connection.
        answer.add_done_callback(_close_late)
        raise trouble("R601", f"no answer within {seconds:.0f} s", name) from None
    except libvirt.libvirtError as error:
        raise _closed_door(error, name) from error
    return connection


def _closed_door(error: libvirt.libvirtError, name: str) -> ReconcilerError:
    """Why there is no connection: a missing right, or else nobody that could be asked, whatever libvirt calls it."""
    refusal = faults.translate(error, name)
    if refusal.family in (Family.DENIED, Family.UNREACHABLE) and refusal.problems[0].number != "R602":
        return refusal
    return trouble("R601", refusal.problems[0].message, name)


def _keep_alive(connection: libvirt.virConnect) -> bool:
    """Let calls fail where the daemon has stopped answering, near or far: libvirt itself waits for ever.

    False where there is no daemon that could (test:///default).
    """
    try:
        return bool(connection.setKeepAlive(KEEPALIVE_SECONDS, KEEPALIVE_COUNT) == 0)
    except libvirt.libvirtError:
        return False


def _open_into(answer: Future[libvirt.virConnect], uri: str | None) -> None:
    try:
        # No credential types: libvirt fails where it would ask.
        answer.set_result(libvirt.openAuth(uri, [[], _no_credentials, None], 0))
    except libvirt.libvirtError as error:
        answer.set_exception(error)


def _no_credentials(credentials: list[object], context: object) -> int:
    return -1


def _close_late(answer: Future[libvirt.virConnect]) -> None:
    if answer.exception() is None:
        close(answer.result())


@functools.cache
def _event_loop() -> threading.Thread:
    """libvirt's event loop, once per process: without it there is no keepalive (libvirt 9.0: code 1)."""
    libvirt.virEventRegisterDefaultImpl()
    thread = threading.Thread(target=_turn, name="libvirt-events", daemon=True)
    thread.start()
    return thread


def _turn() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()
        # Each call of another thread wakes the loop, which takes a fifth of its time; keeping alive needs few turns.
        time.sleep(TURN_SECONDS)


def is_remote(uri: str | None) -> bool:
    """Whether a URI leads to another machine."""
    return bool(uri and urlsplit(uri).netloc)


def without_questions(uri: str | None) -> str | None:
    """The URI; ssh is told to fail rather than ask for a password (`no_tty`, libvirt.org/uri.html)."""
    if uri is None or "+ssh:" not in uri.partition("//")[0] or "no_tty=" in uri:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}no_tty=1"


def host_name(uri: str | None, local_hostname: str) -> str:
    """A stable name for the host behind a URI, fit to be a part of a git branch's name.

    `qemu:///system` is this machine, `qemu+ssh://kvm7/system` is kvm7, `embedded:NAME` is NAME; whatever says
    more than that (a port, a socket, another driver) gets eight digits of its digest behind the name.
    """
    if uri in (None, "qemu:///system", "qemu+unix:///system"):
        return _branch(local_hostname, local_hostname)
    scheme, _, rest = uri.partition(":")
    if scheme == embedded.NAME:
        return rest or embedded.NAME
    if uri in ("qemu:///session", "qemu+unix:///session"):
        return _branch(f"{local_hostname}-session", local_hostname)
    if uri == "test:///default":
        return "test-default"
    parts = urlsplit(uri)
    driver = parts.scheme.partition("+")[0]
    name = parts.hostname or f"{driver}-{_last_word(parts.path)}"
    plain = driver == "qemu" and bool(parts.hostname) and parts.path == "/system" and parts.port is None
    if plain and not {key for key, _ in parse_qsl(parts.query)} - {"no_tty", "no_verify", "no_sanity", "keyfile"}:
        return _branch(name, uri)
    return f"{_sane(name)}-{_digest(uri)}"


def _last_word(path: str) -> str:
    return Path(unquote(path)).stem or "default"


def _branch(name: str, identity: str) -> str:
    """The name where git takes it as it is, else with a digest so that two such names stay two."""
    sane = _sane(name)
    return sane if sane == name.lower() else f"{sane}-{_digest(identity)}"


def _sane(name: str) -> str:
    """Letters, digits, - and single dots inside (git-check-ref-format(1))."""
    plain = re.sub(r"[^a-z0-9.-]+|\.\.+", "-", name.lower()).strip(".-")
    return re.sub(r"\.lock$", "-lock", plain) or "host"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
