"""Volumes: the data of machines. They never shrink, and never vanish silently."""

from __future__ import annotations

from reconciler.kind import Kind
from reconciler.kinds.volume.driver import fill, look, observe, perform, unseen
from reconciler.kinds.volume.rules import RULES, create, delete, preflight, stands, update
from reconciler.kinds.volume.spec import dump, parse
from reconciler.kinds.volume.table import FIELDS, TABLE
from reconciler.kinds.volume.xml import IDENTITIES, read, render, same

KIND = Kind(
    name="Volume",
    folder="volumes",
    root="volume",
    rank=30,
    fields=FIELDS,
    table=TABLE,
    identities=IDENTITIES,
    parse=parse,
    read=read,
    dump=dump,
    rules=RULES,
    create=create,
    update=update,
    delete=delete,
    render=render,
    observe=observe,
    look=look,
    stands=stands,
    unseen=unseen,
    perform=perform,
    fill=fill,
    preflight=preflight,
    same=same,
    serial=True,
    retained=True,
)
