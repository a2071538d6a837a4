"""Hosts: where they are, what holds for all machines on them, and how their kernel merges equal pages."""

from __future__ import annotations

from reconciler.kind import Kind
from reconciler.kinds.host.driver import look, observe, perform
from reconciler.kinds.host.rules import RULES, create, delete, preflight, update
from reconciler.kinds.host.spec import FIELDS, TABLE, dump, parse
from reconciler.kinds.host.xml import IDENTITIES, read, render

KIND = Kind(
    name="Host",
    folder="hosts",
    root="",
    rank=0,
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
    perform=perform,
    preflight=preflight,
    ownable=False,
    retained=True,
)
