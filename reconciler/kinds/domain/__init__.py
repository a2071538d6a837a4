"""Machines: libvirt domains of any hypervisor."""

from __future__ import annotations

from reconciler.kind import Kind
from reconciler.kinds.domain import xml
from reconciler.kinds.domain.alike import dumped
from reconciler.kinds.domain.driver import look, observe, perform
from reconciler.kinds.domain.dump import dump
from reconciler.kinds.domain.health import QUESTIONS
from reconciler.kinds.domain.moot import moot
from reconciler.kinds.domain.power import rename
from reconciler.kinds.domain.preflight import ports, preflight
from reconciler.kinds.domain.remains import remains
from reconciler.kinds.domain.rules import RULES, create, delete, mends, update
from reconciler.kinds.domain.spec import FIELDS, TABLE, parse

__all__ = ["KIND"]

KIND = Kind(
    name="Domain",
    folder="domains",
    root="domain",
    rank=50,
    fields=FIELDS,
    table=TABLE,
    identities=xml.IDENTITIES,
    parse=parse,
    read=xml.read,
    dump=dump,
    dumped=dumped,
    same=xml.same,
    rules=RULES,
    create=create,
    update=update,
    mends=mends,
    delete=delete,
    render=xml.render,
    preflight=preflight,
    ports=ports,
    observe=observe,
    look=look,
    perform=perform,
    weigh=xml.weigh,
    owner=xml.owner,
    moot=moot,
    rename=rename,
    remains=remains,
    questions=QUESTIONS,
    marked=True,
    proven=True,
    offers={"@type": "domain type", "os/type@arch": "architecture"},
)
