"""Ctrl-C while hosts are being changed: the first lets the current step end, the second stops at once.

A libvirt call can hold the main thread for minutes, and Python runs signal handlers in the main thread only. So the
signal is noted by the wake-up descriptor (`signal.set_wakeup_fd`, written by the C handler) and read by a thread.
"""

from __future__ import annotations

import os
import signal
import socket
import threading

from reconciler.catalogue import Family
from reconciler.cli.terminal import tell

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FIRST = "Finishing the current step, then stopping. Press Ctrl-C again to stop at once."
SECOND = "Stopped at once. The next apply completes the work. [R509]"


class Interrupts:
    """Counts the requests to stop, from `begin` to `end`."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._wake: tuple[socket.socket, socket.socket] | None = None
        self._listener = threading.Thread()
        self._handlers: dict[signal.Signals, object] = {}

    def stopping(self) -> bool:
        """Whether somebody has asked to stop."""
        return self._asked.is_set()

    def begin(self) -> None:
        """From here on a signal is a request, not an exception.

        The main thread blocks the signals, so that the programs it starts (git, above all) inherit that and are not cut
        off in the middle of a write by the terminal's Ctrl-C.
        """
        if self._wake is not None:
            return
        reader, writer = self._wake = socket.socketpair()
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in SIGNALS:
            self._handlers[number] = signal.signal(number, lambda *_: None)
        self._listener = threading.Thread(target=self._listen, args=(reader,), name="interrupts", daemon=True)
        self._listener.start()
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    def _listen(self, reader: socket.socket) -> None:
        while received := reader.recv(1):
            if received[0] not in SIGNALS:
                continue
            if self._asked.is_set():
                tell(SECOND)
                # The main thread may sit in a call that does not return; what is on the host stays for the next apply.
                os._exit(Family.BUSY.value)
            self._asked.set()
            tell(FIRST)

    def end(self) -> None:
        """Signals mean again what they meant before."""
        if self._wake is None:
            return
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        signal.set_wakeup_fd(-1)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        reader, writer = self._wake
        self._wake = None
        writer.close()
        self._listener.join()
        reader.close()
