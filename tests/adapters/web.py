"""A small web server on the loopback that can misbehave in every way that a test asks for."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Web:
    """What the server has, by path, and what it was asked: (path, Range, Authorization).

    `cut` is after how many bytes the next answers break off; `failures` are statuses of the next answers.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    ranges: bool = True
    tag: str = '"one"'
    pause: float = 0.0
    port: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"
    during: Callable[[], None] = lambda: None

    def url(self, path: str) -> str:
        return f"{self.scheme}://{self.host}:{self.port}{path}"

    @property
    def count(self) -> int:
        return len(self.asked)


class _Handler(BaseHTTPRequestHandler):
    web: Web
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        return None

    def do_GET(self) -> None:
        self.web.asked.append((self.path, self.headers.get("Range", ""), self.headers.get("Authorization", "")))
        path = self.path.partition("?")[0]
        if self.web.failures:
            self._plain(self.web.failures.pop(0))
        elif path in self.web.redirects:
            self.send_response(302)
            self.send_header("Location", self.web.redirects[path])
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path not in self.web.files:
            self._plain(404)
        else:
            self._send(self.web.files[path])

    def _plain(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, content: bytes) -> None:
        wanted = self.headers.get("Range", "")
        same = self.headers.get("If-Range", self.web.tag) == self.web.tag
        start = int(wanted[6:-1]) if self.web.ranges and wanted and same else 0
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.web.tag:
            self.send_header("ETag", self.web.tag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self._write(content[start:])

    def _write(self, body: bytes) -> None:
        end = self.web.cut.pop(0) if self.web.cut else len(body)
        for at in range(0, min(end, len(body)), 65536):
            self.web.during()
            self.wfile.write(body[at : min(at + 65536, end)])
            time.sleep(self.web.pause)
        if end < len(body):
            self.close_connection = True


def serve(web: Web, certificate: Path | None = None) -> ThreadingHTTPServer:
    """A running server; `shutdown` and `server_close` end it. `certificate` holds one and its key, for https."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"web": web}))
    server.daemon_threads = True
    # Whoever hangs up is no mistake here.
    server.handle_error = lambda request, address: None  # type: ignore[method-assign]
    web.port = server.server_address[1]
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        web.scheme = "https"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
