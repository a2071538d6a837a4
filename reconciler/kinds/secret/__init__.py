"""Secrets: values that libvirt keeps for disks, pools and emulators, and hands out to nobody else."""

from __future__ import annotations

from reconciler.kind import Kind
from reconciler.kinds.secret.driver import look, observe, perform
from reconciler.kinds.secret.rules import RULES, create, delete, update
from reconciler.kinds.secret.spec import FIELDS, TABLE, dump, parse
from reconciler.kinds.secret.xml import IDENTITIES, read, render

KIND = Kind(
    name="Secret",
    folder="secrets",
    root="secret",
    rank=10,
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
)
