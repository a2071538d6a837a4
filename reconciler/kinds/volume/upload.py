"""Fill a new volume with content from outside, or with a copy of another volume.

The content goes into a volume with an unfinished name first, and libvirt copies that one, converting the format. So a
volume that bears its own name is whole, however the run ends; what a crashed run left is removed by the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler import markup
from reconciler.errors import trouble
from reconciler.kinds.volume.handles import Connection, Pool, Stream, Volume
from reconciler.kinds.volume.xml import FILES
from reconciler.markup import Element
from reconciler.model.disk_images import HEAD, RAW, read_header
from reconciler.ports import Content, error_code

SUFFIX = ".partial"
# libvirt's messages carry a little less than 256 KiB (rpc/virnetprotocol.x, 9.0).
BLOCK = 128 << 10
ZEROS = bytes(BLOCK)
# libvirt-storage.h: VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM (3.4).
SPARSE = 1
NO_SPACE = "No space left on device"


def fill(connection: Connection, pool: Pool, root: Element, content: Content) -> None:
    """Make the volume that `root` defines with the content. Raises R405, R622 and R623; nothing is left then."""
    name = root.findtext("name") or ""
    files = holds_files(pool)
    with _room(name, pool):
        partial = _begin(pool, name, content.length, sparse=files)
        try:
            _send(connection, partial, content, files, name)
            # The pool looks at the content again and finds its format.
            pool.refresh(0)
            copy(pool, root, partial)
        finally:
            partial.delete(0)


def copy(pool: Pool, root: Element, source: Volume) -> None:
    """Make the volume that `root` defines as a copy of another, at least as large; it grows to what is asked for."""
    name, wanted = root.findtext("name") or "", int(root.findtext("capacity") or "0")
    content = int(markup.parse(source.XMLDesc(0)).findtext("capacity") or "0")
    if 0 < wanted < content:
        raise trouble("R401", f"{name} asks for {wanted} bytes, but its source has {content}; ask for more")
    markup.graft(root, [("capacity", str(content)), ("capacity@unit", "bytes")], {})
    with _room(name, pool):
        volume = pool.createXMLFrom(markup.serialise(root), source, 0)
        if wanted > content:
            volume.resize(wanted, 0)


def holds_files(pool: Pool) -> bool:
    """Whether the volumes of a pool are files, which can have any format."""
    return markup.parse(pool.XMLDesc(0)).get("type") in FILES


@contextmanager
def _room(name: str, pool: Pool) -> Iterator[None]:
    """A full disk said in our words. Raises R622; libvirt has removed by then what it had begun."""
    try:
        yield
    except Exception as error:
        if error_code(error) is None or NO_SPACE not in str(error):
            raise
        raise trouble("R622", f"the pool {pool.name()} has no room for {name}: {NO_SPACE}") from error


def _begin(pool: Pool, name: str, length: int, *, sparse: bool) -> Volume:
    """A new volume for bytes as they are, in place of what an earlier run left."""
    for stale in pool.listAllVolumes(0):
        if stale.name() == name + SUFFIX:
            stale.delete(0)
    root = markup.parse("<volume><name/><capacity unit='bytes'/><target><format type='raw'/></target></volume>")
    markup.graft(root, [("name", name + SUFFIX), ("capacity", str(length))], {})
    if sparse:
        markup.graft(root, [("allocation", "0")], {})
    return pool.createXML(markup.serialise(root), 0)


def _send(connection: Connection, partial: Volume, content: Content, files: bool, name: str) -> None:
    """Send all of the content; long zeros as holes where the pool holds files, and a new file is all zeros."""
    stream = connection.newStream(0)
    partial.upload(stream, 0, content.length, SPARSE if files else 0)
    try:
        first = True
        for block in _blocks(content):
            if first:
                _check(block[:HEAD], name, files)
            first = False
            if files and block == ZEROS[: len(block)]:
                stream.sendHole(len(block), 0)
            else:
                send_block(stream, block)
    except BaseException:
        stream.abort()
        raise
    stream.finish()


def send_block(stream: Stream, block: bytes) -> None:
    while block:
        block = block[stream.send(block) :]


def _blocks(content: Content) -> Iterator[bytes]:
    """The content in pieces of one size, but for the last."""
    left = b""
    while piece := content.read(BLOCK):
        left += piece
        while len(left) >= BLOCK:
            yield left[:BLOCK]
            left = left[BLOCK:]
    if left:
        yield left


def _check(head: bytes, name: str, files: bool) -> None:
    """Raise R623 for an image that leads to other files of the host, R405 for one that the pool would not unpack."""
    header = read_header(head)
    if header.refused:
        raise trouble("R623", f"the source of {name} is refused: {header.refused}")
    if not files and header.format != RAW:
        message = f"{name} is {header.format}, and its pool holds no files; use a raw image, or a pool of files"
        raise trouble("R405", message)
