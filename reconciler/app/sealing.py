"""Secret values on their way through a run: read from where they are kept, and sealed wherever they come from.

The kinds that the rest of the program works with are wrapped here: what they read, of documents and of hosts, has seals
in place of secret values, and the steps that they carry out have the values again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from reconciler import entries, markup
from reconciler.app.desired import Desired
from reconciler.app.settings import Selection
from reconciler.entries import entry_of
from reconciler.errors import Problem, ReconcilerError, trouble
from reconciler.kind import Context, Kind
from reconciler.manifest.link import Key
from reconciler.model.documents import UNKNOWN, Address, Document, Observed, Spec, Texts
from reconciler.model.plans import Define, KindStep, Step
from reconciler.model.refs import Ref
from reconciler.model.secrets import Reference, Seal, Secret, is_reference, read_reference
from reconciler.ports import Clock, Handle, Vault

# How many places are asked at once: most of the time is spent in waiting for programs.
READERS = 8


def sealed(kinds: Mapping[str, Kind], seal: Seal) -> dict[str, Kind]:
    """The kinds, each with seals in place of the values of its secret fields."""
    return {name: _sealed(kind, seal) for name, kind in kinds.items()}


def _sealed(kind: Kind, seal: Seal) -> Kind:
    marks = _marks(kind)
    if not marks:
        return kind
    over = _Over(kind, seal, marks)
    return replace(kind, parse=over.parse, observe=over.observe, look=over.look, perform=over.perform)


def _marks(kind: Kind) -> tuple[str, ...]:
    """The words without which no text of the kind can hold a secret: `passwd`, `cookie`."""
    secret = (address for address, entry in kind.table.items() if entry.field and entry.field.secret)
    return tuple(sorted({address.rpartition("/")[2].rpartition("@")[2].rstrip("[]") for address in secret}))


@dataclass(frozen=True, slots=True)
class _Over:
    """A kind with a layer over it. Where an object may get another name, its seals do not depend on its name."""

    kind: Kind
    seal: Seal
    marks: tuple[str, ...]

    def about(self, ref: Ref) -> str:
        return "" if self.kind.rename else str(ref)

    def parse(self, document: Document, context: Context) -> Spec:
        spec = self.kind.parse(document, context)
        private = entries.secrets(spec.claims, self.kind.table)
        if not private:
            return spec
        about = self.about(spec.ref)
        claims = {
            address: self.seal.close(text, about) if address in private and text and not is_reference(text) else text
            for address, text in spec.claims.items()
        }
        return replace(spec, claims=claims)

    def observe(self, handle: Handle) -> Iterator[Observed]:
        return (self._observed(seen) for seen in self.kind.observe(handle))

    def look(self, handle: Handle, ref: Ref) -> Observed | None:
        seen = self.kind.look(handle, ref)
        return self._observed(seen) if seen else None

    def perform(self, handle: Handle, ref: Ref, step: Step, clock: Clock) -> None:
        self.kind.perform(handle, ref, opened(step, self.seal), clock)

    def _observed(self, seen: Observed) -> Observed:
        """The object without its secrets. Its digest covers them, but nobody without the key can try values on it."""
        about = self.about(seen.ref)
        xml = self._text(seen.xml, about)
        live = self._text(seen.live, about) if seen.live is not None else None
        facts = self._facts(seen.facts, about)
        if (xml, live, facts) == (seen.xml, seen.live, seen.facts):
            return seen
        return replace(seen, xml=xml, live=live, facts=facts, digest=self.seal.digest(seen.digest))

    def _facts(self, facts: Texts, about: str) -> Texts:
        private = {address for address in facts if address in self.kind.table and self._is_secret(address)}
        return {
            address: self.seal.close(text, about) if address in private and text != UNKNOWN else text
            for address, text in facts.items()
        }

    def _text(self, xml: str, about: str) -> str:
        if not any(mark in xml for mark in self.marks):
            return xml
        root = markup.parse(xml)
        found = False
        for address, element in markup.walk(root, self.kind.identities):
            # Most have none of the few names, and the table need not be asked about them.
            if element.text and element.tag in self.marks and self._is_secret(address):
                element.text, found = self.seal.close(element.text, about), True
            for name in self.marks:
                value = element.get(name)
                if value and self._is_secret(f"{address}@{name}"):
                    element.set(name, self.seal.close(value, about))
                    found = True
        return markup.serialise(root) if found else xml

    def _is_secret(self, address: Address) -> bool:
        entry = entry_of(self.kind.table, address)
        return entry is not None and entry.field is not None and entry.field.secret


def opened(step: Step, seal: Seal) -> Step:
    """The step with values in place of seals."""
    match step:
        case Define(xml):
            return Define(seal.open(xml))
        case KindStep(name, arguments):
            return KindStep(name, {key: seal.open(text) for key, text in arguments.items()})
        case _:
            return step


def resolved(
    desired: Desired, kinds: Mapping[str, Kind], selection: Selection, vault: Vault, seal: Seal
) -> tuple[Desired, dict[Key, Problem]]:
    """The desired state with sealed values for references in selected documents; and which cannot be read, and why."""
    wanted = {key: found for key, spec in _selected(desired, selection) if (found := _references(spec, kinds))}
    if not wanted:
        return desired, {}
    every = {reference for found in wanted.values() for reference in found.values()}
    values = _read(every, vault)
    specs, locked = dict(desired.specs), dict[Key, Problem]()
    for key, found in wanted.items():
        try:
            specs[key] = _resolved(specs[key], kinds[key[1].kind], found, values, seal)
        except ReconcilerError as error:
            locked[key] = error.problems[0]
    return replace(desired, specs=specs), locked


def _selected(desired: Desired, selection: Selection) -> Iterator[tuple[Key, Spec]]:
    chosen, excluded = frozenset(selection.refs), frozenset(selection.exclude)
    for key, spec in desired.specs.items():
        if (not chosen or key[1] in chosen) and key[1] not in excluded:
            yield key, spec


def _references(spec: Spec, kinds: Mapping[str, Kind]) -> dict[Address, Reference]:
    if not _marks(kinds[spec.ref.kind]):
        return {}
    said = {**spec.claims, **spec.hints}
    return {address: read_reference(str(text)) for address, text in said.items() if is_reference(text)}


def _read(references: Iterable[Reference], vault: Vault) -> dict[Reference, Secret | Problem]:
    """Every value, or why it cannot be read; each place is asked once."""
    listed = sorted(references, key=lambda reference: reference.text)
    ask: Callable[[Reference], Secret | Problem] = partial(_attempt, vault)
    with ThreadPoolExecutor(max_workers=min(READERS, len(listed))) as pool:
        return dict(zip(listed, pool.map(ask, listed), strict=True))


def _attempt(vault: Vault, reference: Reference) -> Secret | Problem:
    try:
        return vault.value(reference)
    except ReconcilerError as error:
        return error.problems[0]


def _resolved(
    spec: Spec,
    kind: Kind,
    references: Mapping[Address, Reference],
    values: Mapping[Reference, Secret | Problem],
    seal: Seal,
) -> Spec:
    """The spec with a seal in place of each reference, and a digest that changes with the values."""
    about = "" if kind.rename else str(spec.ref)
    claims, hints = dict(spec.claims), dict(spec.hints)
    for address, reference in references.items():
        path = entries.path_of(kind.table, address)
        value = values[reference]
        if isinstance(value, Problem):
            raise trouble(value.number, f"{spec.ref} {path}: {value.message}", spec.where)
        if address in hints:
            # What goes into a file that a guest reads, and into no XML.
            hints[address] = seal.close(value.reveal(), about)
            continue
        entry = entry_of(kind.table, address)
        assert entry is not None and entry.field is not None
        text = entry.field.codec.lower(value.reveal())
        if text is None or markup.unfit(text):
            message = f"{spec.ref} {path}: {reference}: the value has characters that libvirt's XML cannot hold"
            raise trouble("R615", message, spec.where)
        claims[address] = seal.close(text, about)
    sealed = sorted(str(hints.get(address) or claims[address]) for address in references)
    return replace(spec, claims=claims, hints=hints, digest=seal.digest("\0".join((spec.digest, *sealed))))
