"""Several connections to one host, so that calls which are made at once never share one.

When a daemon falls silent, libvirt's client (9.0, virNetClientIOEventLoop) lets only one of the calls that wait on a
connection fail: the others wait for ever, and the process crashes if the daemon speaks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Lock

import libvirt


class Connection(libvirt.virConnect):  # type: ignore[misc]  # libvirt-python has no types.
    """libvirt's connection, and the way to others of the same host (`ports.own`)."""

    def __init__(self, opened: libvirt.virConnect, lines: Lines) -> None:
        super().__init__(opened._o)
        # It is ours now: what held it must not close it.
        opened._o = None
        self._lines = lines

    def own(self) -> AbstractContextManager[Connection]:
        """A connection that the caller has for itself."""
        return self._lines.own()


class Lines:
    """The connections to one host: one that nobody has is lent, and another is opened where there is none.

    `open_one` opens a connection, and says whether a daemon is behind it. Where there is none, the first serves all:
    another would lead to another host (test:).
    """

    def __init__(self, open_one: Callable[[], tuple[libvirt.virConnect, bool]]) -> None:
        self._open_one = open_one
        self._lock = Lock()
        opened, self._lends = open_one()
        self.first = Connection(opened, self)
        self._idle = [self.first]

    @contextmanager
    def own(self) -> Iterator[Connection]:
        """A connection that the caller has for itself. Raises what opening one raises."""
        if not self._lends:
            yield self.first
            return
        with self._lock:
            line = self._idle.pop() if self._idle else None
        line = line or Connection(self._open_one()[0], self)
        try:
            yield line
        finally:
            with self._lock:
                self._idle.append(line)

    def close(self) -> None:
        """Close all."""
        for line in {self.first, *self._idle}:
            close(line)
        self._idle = []


def close(connection: libvirt.virConnect) -> None:
    """Close; a connection that is lost, or closed already, has nothing left to close."""
    with suppress(libvirt.libvirtError):
        connection.close()
