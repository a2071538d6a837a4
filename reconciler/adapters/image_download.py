"""Fetching one file over HTTP: what has come stays, and the next try goes on from there."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.errors import ReconcilerError, trouble
from reconciler.ports import Watch

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session
    from urllib3.util.retry import Retry

CHUNK = 1 << 20
# Seconds to connect, and between two pieces of the answer.
TIMEOUTS = (10.0, 60.0)
REDIRECTS = 5
TRIES = 5
# Seconds before the second try; it doubles with each.
BACKOFF = 0.5
# Answers after which the same request may be well (RFC 9110, 6585).
AGAIN = (429, 500, 502, 503, 504)
OK, PARTIAL, RANGE_NOT_SATISFIABLE = 200, 206, 416


@dataclass(frozen=True, kw_only=True)
class Web:
    """How servers are asked: the file of a private certificate authority ("" for the system's), and what authorises.

    `authorization` gives the header's value for a host name, "" for none. It is sent over https only.
    """

    ca: str = ""
    authorization: Callable[[str], str] = lambda host: ""
    backoff: float = BACKOFF


def download(url: str, to: Path, limit: int, web: Web, watch: Watch) -> bool:
    """Fetch a file; gives whether it was put together from several answers. Raises R620, R622, R623.

    What came before a failure stays in `to`, with the server's word for its version in `to.version`.
    """
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    resumed = to.exists()
    retry = _retry(web)
    with _session(web) as session:
        while True:
            before = _size(to)
            try:
                _attempt(session, url, to, limit, watch)
                return resumed
            except (RequestException, HTTPError, OSError) as error:
                retry = _once_more(_retry(web) if _size(to) > before else retry, url, error)
                resumed = True


def _session(web: Web) -> Session:
    """Certificates are checked; proxies come from the environment, as for every program."""
    from requests import Session
    from requests.adapters import HTTPAdapter

    session = Session()
    session.max_redirects = REDIRECTS
    session.headers["Accept-Encoding"] = "identity"
    session.verify = web.ca or _authorities()
    session.auth = lambda request: _authorised(request, web)
    for start in ("https://", "http://"):
        session.mount(start, HTTPAdapter(max_retries=_retry(web)))
    return session


def _authorities() -> str | bool:
    """Whom the system trusts (OpenSSL's variables count too); those that come with the library where it has none."""
    paths = ssl.get_default_verify_paths()
    return os.environ.get("REQUESTS_CA_BUNDLE") or paths.cafile or paths.capath or True


def _authorised(request: PreparedRequest, web: Web) -> PreparedRequest:
    """The request, with what its host is to be shown. The library takes it off again where a redirect leaves the host.

    An `auth` of our own also keeps the library from reading passwords for unencrypted hosts out of ~/.netrc.
    """
    parts = urlsplit(request.url or "")
    value = web.authorization(str(parts.hostname)) if parts.scheme == "https" else ""
    if value:
        request.headers["Authorization"] = value
    return request


def _retry(web: Web) -> Retry:
    from urllib3.util.retry import Retry

    # An error that is no break of the line, such as a wrong certificate, stays (`other`).
    return Retry(total=TRIES, other=0, status_forcelist=AGAIN, backoff_factor=web.backoff, raise_on_status=False)


def _once_more(retry: Retry, url: str, error: Exception) -> Retry:
    """Wait for another try. Raises R620 where there have been enough, or none can help; R622 for a full disk."""
    from requests.exceptions import ConnectionError as Unconnected
    from requests.exceptions import RequestException, SSLError, Timeout
    from urllib3.exceptions import MaxRetryError

    if getattr(error, "errno", None) == errno.ENOSPC:
        raise trouble("R622", f"the cache of this machine has no room for {shown(url)}") from error
    final = isinstance(error, RequestException) and not isinstance(error, Unconnected | Timeout)
    # What could not be connected has been tried again by the library already.
    if final or isinstance(error, SSLError | Unconnected):
        raise _failed(url, error) from error
    try:
        following = retry.increment(method="GET", url=url)
    except MaxRetryError as enough:
        raise _failed(url, error) from enough
    following.sleep()
    return following


def _failed(url: str, error: Exception) -> ReconcilerError:
    reason = getattr(error, "args", ())[:1]
    inner = getattr(reason[0], "reason", reason[0]) if reason else error
    return trouble("R620", f"{shown(url)} cannot be fetched: {str(inner) or type(error).__name__}")


def shown(url: str) -> str:
    """An address for people: what follows a question mark may be a password."""
    return url.partition("?")[0]


def _attempt(session: Session, url: str, to: Path, limit: int, watch: Watch) -> None:
    """One answer, added to what is there if the server still has the same file."""
    have, version = _size(to), to.with_name(f"{to.name}.version")
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and version.exists():
        headers["If-Range"] = version.read_text()
    # Said for the request too: for a session alone the library lets REQUESTS_CA_BUNDLE win.
    with session.get(url, headers=headers, stream=True, timeout=TIMEOUTS, verify=session.verify) as response:
        if response.status_code == RANGE_NOT_SATISFIABLE:
            if response.headers.get("Content-Range") == f"bytes */{have}":
                return
            to.unlink(missing_ok=True)
            raise OSError("the server has another file by now")
        if response.status_code not in (OK, PARTIAL):
            raise trouble("R620", f"{shown(url)} cannot be fetched: {response.status_code} {response.reason}")
        known = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        if known and not known.startswith("W/"):
            version.write_text(known)
        continues = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        _store(response, to, continues and response.status_code == PARTIAL, limit, watch)


def _store(response: Response, to: Path, continues: bool, limit: int, watch: Watch) -> None:
    done = _size(to) if continues else 0
    length = int(response.headers.get("Content-Length", 0))
    total = done + length if length else 0
    with to.open("ab" if continues else "wb") as file:
        for piece in response.raw.stream(CHUNK, decode_content=False):
            done += file.write(piece)
            if done > limit:
                raise trouble("R623", f"{shown(response.url)} is larger than the {limit} bytes that it may have")
            watch("fetching", done, total)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
