"""The network as this machine sees it: who takes a TCP connection, who answers a GET.

http.client rather than urllib: it knows no proxies, no redirects and no other schemes, so none has to be switched off.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event, Timer
from urllib.parse import urlsplit

from reconciler.ports import Answer

HEADERS = {"User-Agent": "reconciler", "Accept": "*/*", "Connection": "close"}
LATE = "no answer in time"


class NetworkReach:
    """`ports.Reach` over sockets. Looking up a name may take as long as the system's resolver takes, on top."""

    def connect(self, host: str, port: int, seconds: float) -> str:
        try:
            with socket.create_connection((host, port), timeout=seconds):
                return ""
        except (OSError, ValueError) as error:
            return _words(error)

    def get(self, url: str, seconds: float) -> Answer:
        """Nothing of the body is read. Certificates are held against the system's authorities."""
        parts = urlsplit(url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=seconds)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        late = Event()
        try:
            with _cut_off(connection, seconds, late):
                connection.request("GET", path, headers=HEADERS)
                status = connection.getresponse().status
            return Answer(said=LATE) if late.is_set() else Answer(status=status)
        except (OSError, HTTPException, ValueError) as error:
            return Answer(said=LATE if late.is_set() else _words(error))
        finally:
            connection.close()


@contextmanager
def _cut_off(connection: HTTPConnection, seconds: float, late: Event) -> Iterator[None]:
    """Inside, the connection lasts no longer: a socket's own limit starts anew with each byte that trickles in."""

    def cut() -> None:
        late.set()
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _words(error: Exception) -> str:
    """What went wrong, in the system's words: `connection refused`."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (said or type(error).__name__).lower().rstrip(".")
