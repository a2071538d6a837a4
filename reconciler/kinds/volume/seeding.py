"""Volumes that machines boot with and nobody writes to: made from a document, and gone when no machine has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from json import loads

from reconciler import markup, seeds
from reconciler.kinds.volume.handles import Connection, Pool, Volume
from reconciler.kinds.volume.upload import BLOCK, send_block

_EMPTY = (
    "<volume><name/><capacity unit='bytes'/><target><format type='raw'/>"
    "<permissions><mode>0600</mode></permissions></target></volume>"
)


def sow(connection: Connection, pool: Pool, name: str, arguments: Mapping[str, str]) -> None:
    """Have the volume hold exactly the `files` (JSON: name -> content), with the values of the secrets beside them.

    What is already so is success. A volume of that name that holds something else is what an earlier run began.
    """
    files = {file: seeds.filled(value, arguments) for file, value in loads(arguments["files"]).items()}
    data = seeds.built(name, files)
    found = _found(pool, name)
    if found is not None and _content(connection, found) == data:
        return
    if found is not None:
        found.delete(0)
    root = markup.parse(_EMPTY)
    root[0].text, root[1].text = name, str(len(data))
    volume = pool.createXML(markup.serialise(root), 0)
    stream = connection.newStream(0)
    volume.upload(stream, 0, len(data), 0)
    for start in range(0, len(data), BLOCK):
        send_block(stream, data[start : start + BLOCK])
    stream.finish()


def _found(pool: Pool, name: str) -> Volume | None:
    if all(volume.name() != name for volume in pool.listAllVolumes(0)):
        # Somebody may have put it there behind the pool's back.
        pool.refresh(0)
    return next((volume for volume in pool.listAllVolumes(0) if volume.name() == name), None)


def _content(connection: Connection, volume: Volume) -> bytes:
    data: list[bytes] = []
    stream = connection.newStream(0)
    volume.download(stream, 0, 0, 0)
    stream.recvAll(lambda stream, chunk, held: held.append(chunk), data)
    stream.finish()
    return b"".join(data)


def is_seed(volume: str, machine: str) -> bool:
    """Whether a volume bears the name that the seeds of this machine have."""
    return re.fullmatch(rf"{re.escape(machine)}-seed-[0-9a-f]{{12}}\.(iso|ign)", volume) is not None
