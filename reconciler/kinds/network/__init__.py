"""Networks: libvirt's own bridges with DHCP and DNS, and names for bridges and devices the host has already."""

from __future__ import annotations

from reconciler.definitions import read_owner
from reconciler.kind import Kind
from reconciler.kinds.network.driver import look, observe, perform
from reconciler.kinds.network.rules import RULES, create, delete, mends, preflight, update
from reconciler.kinds.network.spec import dump, parse
from reconciler.kinds.network.table import FIELDS, TABLE
from reconciler.kinds.network.xml import IDENTITIES, read, render
from reconciler.markup import parse as parse_xml

KIND = Kind(
    name="Network",
    folder="networks",
    root="network",
    rank=20,
    fields=FIELDS,
    table=TABLE,
    identities=IDENTITIES,
    parse=parse,
    read=read,
    dump=dump,
    rules=RULES,
    create=create,
    update=update,
    mends=mends,
    delete=delete,
    render=render,
    observe=observe,
    look=look,
    perform=perform,
    preflight=preflight,
    owner=lambda xml: read_owner(parse_xml(xml)),
    marked=True,
)
