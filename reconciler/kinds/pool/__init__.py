"""Storage pools: where volumes live."""

from __future__ import annotations

from reconciler.kind import Kind
from reconciler.kinds.pool.driver import look, observe, perform
from reconciler.kinds.pool.rules import RULES, create, delete, preflight, update
from reconciler.kinds.pool.spec import FIELDS, TABLE, dump, parse
from reconciler.kinds.pool.xml import IDENTITIES, read, render

KIND = Kind(
    name="Pool",
    folder="pools",
    root="pool",
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
    preflight=preflight,
)
