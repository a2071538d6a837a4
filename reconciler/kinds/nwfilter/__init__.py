"""Network filters: rules that libvirt puts between a guest's interface and the network."""

from __future__ import annotations

from reconciler.kind import Kind
from reconciler.kinds.nwfilter.builtin import is_given
from reconciler.kinds.nwfilter.driver import look, observe, perform
from reconciler.kinds.nwfilter.rules import RULES, create, delete, preflight, stands, update
from reconciler.kinds.nwfilter.spec import FIELDS, TABLE, dump, parse
from reconciler.kinds.nwfilter.xml import IDENTITIES, read, render, same

KIND = Kind(
    name="NwFilter",
    folder="nwfilters",
    root="filter",
    rank=15,
    fields=FIELDS,
    table=TABLE,
    identities=IDENTITIES,
    parse=parse,
    read=read,
    dump=dump,
    same=same,
    rules=RULES,
    create=create,
    update=update,
    delete=delete,
    render=render,
    preflight=preflight,
    observe=observe,
    look=look,
    stands=stands,
    perform=perform,
    given=is_given,
)
