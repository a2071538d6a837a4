"""The network as it is: servers of the test's own on the loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from reconciler.adapters.reach import NetworkReach

REACH = NetworkReach()
# Generous for a loaded machine, and still far from "never".
SOON = 20.0


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that hands each connection to `serve`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def work() -> None:
            while not ended.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        serve(connection)
                    except OSError:
                        continue

        worker = threading.Thread(target=work)
        worker.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            with socket.create_connection(listener.getsockname()):
                pass
            worker.join()


def replying(text: bytes, seen: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        request = connection.recv(65536)
        if seen is not None and request:
            seen.append(request)
        connection.sendall(text)

    return serve


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_port_that_takes_connections_is_reached() -> None:
    with server(replying(b"")) as port:
        assert REACH.connect("127.0.0.1", port, SOON) == ""
        assert REACH.connect("localhost", port, SOON) == ""


def test_a_port_where_nobody_listens_says_so() -> None:
    assert REACH.connect("127.0.0.1", free_port(), SOON) == "connection refused"
    assert "connection refused" in REACH.get(f"http://127.0.0.1:{free_port()}/", SOON).said


@pytest.mark.parametrize("status", [200, 204, 301, 404, 500])
def test_a_get_gives_the_status_that_was_met(status: int) -> None:
    # A redirect to a file is no more followed than any other.
    with server(replying(b"HTTP/1.1 %d X\r\nLocation: file:///etc/passwd\r\n\r\n" % status)) as port:
        assert REACH.get(f"http://127.0.0.1:{port}/up", SOON).status == status


def test_a_get_asks_for_what_the_url_says_and_knows_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    seen: list[bytes] = []
    with server(replying(b"HTTP/1.1 200 OK\r\n\r\n", seen)) as port:
        assert REACH.get(f"http://127.0.0.1:{port}?deep=1#part", SOON).status == 200
    assert seen[0].startswith(b"GET /?deep=1 HTTP/1.1\r\n") and b"User-Agent: reconciler\r\n" in seen[0]


@pytest.mark.parametrize(
    "reply",
    [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"HTTP/1.1 x\r\n\r\n"],
)
def test_what_is_no_http_answer_is_said_in_words(reply: bytes) -> None:
    with server(replying(reply)) as port:
        answer = REACH.get(f"http://127.0.0.1:{port}/", SOON)
        assert answer.status == 0 and answer.said


def test_a_body_without_end_is_not_read() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with server(serve) as port:
        assert REACH.get(f"http://127.0.0.1:{port}/", SOON).status == 200


def test_an_answer_that_trickles_in_ends_with_the_time_for_it() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X")
            time.sleep(0.05)

    with server(serve) as port:
        started = time.monotonic()
        answer = REACH.get(f"http://127.0.0.1:{port}/", 0.5)
        assert answer.status == 0 and answer.said
        assert time.monotonic() - started < SOON


def test_a_server_that_says_nothing_ends_with_the_time_for_it() -> None:
    ended = threading.Event()

    def waiting(connection: socket.socket) -> None:
        ended.wait(SOON)

    with server(waiting) as port:
        answer = REACH.get(f"http://127.0.0.1:{port}/", 0.5)
        ended.set()
        assert answer.status == 0 and ("timed out" in answer.said or "in time" in answer.said)


def test_a_plain_server_is_not_spoken_to_in_secret() -> None:
    with server(replying(b"HTTP/1.1 200 OK\r\n\r\n")) as port:
        answer = REACH.get(f"https://127.0.0.1:{port}/", SOON)
        assert answer.status == 0 and answer.said


@pytest.mark.parametrize("name", ["no-such-host.invalid", "x" * 70 + ".example"])
def test_a_name_that_nobody_knows_is_said_so(name: str) -> None:
    assert REACH.connect(name, 80, SOON) and REACH.get(f"http://{name}/", SOON).said
