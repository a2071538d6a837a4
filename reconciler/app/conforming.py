"""What libvirt's own schemas do not accept in the XML that manifests bring along, said without asking any host.

What the fields write is in the schema anyway; libvirt's own words, in `xml:` or in an XML file, may not be, and libvirt
would drop them without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.app.desired import NoCache
from reconciler.app.positions import line_of, texts_of
from reconciler.app.understand import understand
from reconciler.app.work import Work
from reconciler.errors import Problem
from reconciler.grammar import Fault
from reconciler.kind import Kind
from reconciler.manifest.link import Key
from reconciler.model.documents import Document, Spec
from reconciler.model.refs import Ref
from reconciler.ports import SourceFile

# The cache's table of Specs that libvirt's schemas accept.
CONFORMING = "conforming"
# What stands for the host's own choice: any is as good for the schema.
_OFFERED = {"domain type": "kvm", "architecture": "x86_64"}


def problems(files: list[SourceFile], work: Work, specs: Mapping[Key, Spec]) -> list[Problem]:
    """What is wrong, each at its own place: the cache keeps no places, so what is wrong is read again."""
    found = list(_complaints(files, work, specs))
    if not found or not work.from_cache:
        return found
    anew = work.afresh(NoCache())
    specs, _ = understand(files, anew)
    return list(_complaints(files, anew, specs))


def _complaints(files: list[SourceFile], work: Work, specs: Mapping[Key, Spec]) -> Iterator[Problem]:
    """A problem for each element of an overlay or XML file that libvirt's schema does not accept."""
    written = {document.ref: document for document in work.documents if _is_written(document)}
    asked = {key: spec for key, spec in specs.items() if spec.ref in written}
    known = work.cache.get(CONFORMING, [spec.digest for spec in asked.values()]) if asked else {}
    fine: dict[str, str] = {}
    for spec in asked.values():
        if spec.digest in known:
            continue
        fault = _fault(work.kinds[spec.ref.kind], spec, written[spec.ref].xml)
        where = _place(files, written, spec.ref, fault) if fault is not None else ""
        if fault is not None and where:
            yield Problem("R208", f"{spec.ref}: {fault.message}; correct it, or take it out", where)
        else:
            fine[spec.digest] = ""
    work.cache.put(CONFORMING, fine)


def _is_written(document: Document) -> bool:
    return document.xml is not None or "xml" in document.body


def _fault(kind: Kind, spec: Spec, whole: str | None) -> Fault | None:
    """What the schema has against a whole XML file, or against the definition of a new object for this Spec."""
    from reconciler.adapters.schemas import fault, installed

    if not installed(kind.root):
        return None
    if whole is not None:
        return fault(kind.root, whole)
    hints = {address: _OFFERED[offer] for address, offer in kind.offers.items() if offer in _OFFERED}
    return fault(kind.root, kind.render(replace(spec, hints={**hints, **spec.hints}), None, ()))


def _place(files: list[SourceFile], written: Mapping[Ref, Document], ref: Ref, fault: Fault) -> str:
    """Where the blamed part is written; "" where the document's own XML has no such part: it is not to blame then."""
    document = written[ref]
    if not fault.tag:
        return ""
    named = {place.file for place in document.places.values()}
    texts = texts_of(each for each in files if each.path in named)
    return line_of(texts, document, fault.tag, fault.attribute, fault.value)
