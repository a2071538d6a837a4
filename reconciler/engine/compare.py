"""Desired against observed, address by address: what differs, what has left the document, what pends a restart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from reconciler import entries
from reconciler.engine.ignored import left_to_others
from reconciler.entries import Entry
from reconciler.kind import Kind, Locate, nowhere
from reconciler.matching import rename
from reconciler.model.addresses import element_of, entry_keys, is_inside
from reconciler.model.documents import UNKNOWN, Address, Spec, Texts
from reconciler.model.inventory import Applied
from reconciler.model.plans import Diff
from reconciler.model.secrets import is_seal

PRESENT = ""


def as_named(applied: Applied, renamed: Mapping[Address, Address]) -> Applied:
    """What was applied last, under the names that the document now has for it (see `matching.align`)."""
    leaving = tuple(rename(dict.fromkeys(applied.leaving, ""), renamed))
    claims, settled = rename(applied.claims, renamed), rename(applied.settled, renamed)
    return replace(applied, claims=claims, settled=settled, leaving=leaving)


def compare(kind: Kind, spec: Spec, texts: Texts, applied: Applied) -> tuple[Diff, ...]:
    """Every difference on a managed field, in the order of the document; what left the document comes last.

    `texts` bear the document's names. A field is managed if the document sets it or `applied` has it.
    """
    differing = list(_wanted(kind, spec, texts, applied))
    covered = [diff.address for diff in differing if diff.address.endswith("]")]
    for diff in (*_unlisted(spec, texts), *_left(kind, spec, texts, applied)):
        if not is_inside(diff.address, covered):
            differing.append(diff)
            if not diff.address.endswith("@unit"):
                covered.append(diff.address)
    left = left_to_others(kind, spec)
    return tuple(diff for diff in differing if not left(diff.address))


def _wanted(kind: Kind, spec: Spec, texts: Texts, applied: Applied) -> Iterator[Diff]:
    """What the document claims and the host does not have."""
    fresh: list[Address] = []
    for address, want in spec.claims.items():
        have = _have(address, want, texts, applied)
        if have == want or is_inside(address, fresh):
            continue
        if have is None and want is not None and address.endswith("]"):
            fresh.append(address)
            yield Diff(address, None, want)
        elif not _equal(kind, address, want, have, applied):
            yield Diff(address, have, want)


def _have(address: Address, want: str | None, texts: Texts, applied: Applied) -> str | None:
    """What the host has. Where it cannot tell, what the object was made from, or what was applied last.

    What never was is taken to be as wanted; but a secret that we never set is another's, and not taken for ours.
    """
    have = texts.get(address)
    if have != UNKNOWN:
        return have
    return applied.origin.get(address, applied.claims.get(address, have if is_seal(want) else want))


def _equal(kind: Kind, address: Address, want: str | None, have: str | None, applied: Applied) -> bool:
    if want is not None and applied.settled.get(address) == (want, have or ""):
        return True
    if address.endswith("@unit"):
        return True
    if want is None or have is None:
        implied = entries.implied(kind.table, address)
        return implied is not None and implied in (want, have)
    return kind.equal(address, want, have)


def _unlisted(spec: Spec, texts: Texts) -> Iterator[Diff]:
    """Entries of lists owned whole that the document does not have."""
    for at in sorted(spec.lists):
        known = set(entry_keys(spec.claims, at))
        for key in entry_keys(texts, at):
            if key not in known:
                yield Diff(f"{at}[{key}]", texts.get(f"{at}[{key}]", PRESENT), None)


def _left(kind: Kind, spec: Spec, texts: Texts, applied: Applied) -> Iterator[Diff]:
    """What the last apply set and the document sets no more, as the largest elements that were ours alone."""
    gone = [address for address in applied.claims if address not in spec.claims and applied.claims[address] is not None]
    if not gone or "name" in gone:
        # Only a whole XML file claims the name. It also claims all that libvirt had filled in, which nobody asked for;
        # the YAML that takes its place says what is wanted and leaves the rest.
        return
    claimed = _elements(spec.claims)
    for address in gone:
        value = address.removesuffix("@unit")
        if address not in texts or not entries.removable(kind.table, value):
            continue
        if texts[address] == entries.implied(kind.table, address):
            continue
        if address.endswith("]") and address in claimed and not texts[address]:
            # It goes on holding what is claimed inside.
            continue
        element = address.endswith("]") or (entries.is_group(kind.table, address) and address not in claimed)
        if not element and not says_something(address, texts):
            continue
        yield _removal(kind.table, address, claimed, texts, applied)


def _elements(addresses: Iterable[Address]) -> set[Address]:
    """Every element that holds one of these addresses."""
    found: set[Address] = set()
    for address in addresses:
        element = element_of(address)
        while element and element not in found:
            found.add(element)
            element = parent_of(element)
    return found


def parent_of(address: Address) -> Address:
    """The element around an element, "" at the top; keys may not hold "/" (see addresses.quote_key)."""
    return address.rpartition("/")[0]


def _removal(
    table: Mapping[str, Entry], address: Address, claimed: set[Address], texts: Texts, applied: Applied
) -> Diff:
    if address.startswith("!"):
        return Diff(address, texts[address], None)
    whole = address
    element = element_of(address)
    if entries.is_whole(table, address) and element not in claimed:
        whole = element
    while element and element not in claimed and entries.removable(table, element) and _ours(element, texts, applied):
        whole = element
        element = parent_of(element)
    return Diff(whole, texts.get(whole, PRESENT), None)


def _ours(element: Address, texts: Texts, applied: Applied) -> bool:
    """Whether all that the host has in this element is what we put there."""
    inside = (element + "/", element + "@", element + "[")
    return all(
        known in applied.claims
        for known in texts
        if (known == element or known.startswith(inside)) and says_something(known, texts)
    )


def says_something(address: Address, texts: Texts) -> bool:
    """Whether it has a value, or is an element that is nothing but there (`features/acpi`)."""
    return bool(texts[address]) or not any(known.startswith((address + "/", address + "@")) for known in texts)


def parts(removal: Diff, texts: Texts) -> list[Diff]:
    """The removal of an element as that of everything right in it."""
    element = removal.address
    found: dict[Address, None] = {}
    for address in texts:
        if address.startswith(f"{element}@"):
            found[address] = None
        elif address.startswith(f"{element}/"):
            child = address[len(element) + 1 :].partition("/")[0].partition("@")[0]
            found[f"{element}/{child}"] = None
    return [Diff(address, texts.get(address, PRESENT), None) for address in found]


def is_dropped(diff: Diff) -> bool:
    """Whether an entry of a list has not become one, right after it was asked for; devices are another matter."""
    missing = diff.before is None and diff.after is not None and diff.address.endswith("]")
    device = diff.address.startswith("devices/") and diff.address.count("/") == 1
    return missing and not device


def settle(kind: Kind, spec: Spec, texts: Texts) -> dict[Address, tuple[str, str]]:
    """What libvirt spells its own way, right after it was asked: address -> (asked, got).

    Only values count, never elements that are missing or too many: those are differences.
    """
    return {
        diff.address: (diff.after, diff.before or "")
        for diff in compare(kind, spec, texts, Applied())
        if diff.after is not None and not diff.address.startswith("!") and not diff.address.endswith("]")
    }


def pending(
    kind: Kind, spec: Spec, config: Texts, live: Texts, applied: Applied, locate: Locate = nowhere
) -> tuple[Address, ...]:
    """The managed addresses where the running object still differs from its persistent definition."""
    managed = dict.fromkeys((*spec.claims, *applied.claims, *applied.leaving))
    found = [
        address
        for address in managed
        if not address.startswith(("!", "metadata"))
        and not _agree(kind, address, config.get(address), live.get(address))
        and (address in config or _is_leaving(kind, address, spec, live, applied))
    ]
    for at in spec.lists:
        there, here = entry_keys(live, at), entry_keys(config, at)
        found.extend(f"{at}[{key}]" for key in (*there, *here) if (key in there) != (key in here))
    covered: list[Address] = []
    left = left_to_others(kind, spec)
    for address in sorted(dict.fromkeys(found)):
        if not left(address) and not is_inside(address, covered) and not kind.moot(address, config, live, locate):
            covered.append(address)
    return tuple(covered)


def _is_leaving(kind: Kind, address: Address, spec: Spec, live: Texts, applied: Applied) -> bool:
    """Whether the running object has this because we asked for it, until now. All else is libvirt's own affair."""
    asked = applied.claims.get(address)
    if address in applied.leaving:
        return True
    return address not in spec.claims and asked is not None and _is_ours(kind, address, asked, live, applied)


def _is_ours(kind: Kind, address: Address, asked: str, live: Texts, applied: Applied) -> bool:
    has = live.get(address, "")
    return has in (asked, *applied.settled.get(address, ())) or kind.equal(address, asked, has)


def leaving(kind: Kind, spec: Spec, config: Texts, live: Texts, before: Applied) -> tuple[Address, ...]:
    """What is out of the document, and which the running object has still; its definition has none or libvirt's own."""
    waiting = pending(kind, spec, config, live, before)
    return tuple(at for at in waiting if at not in spec.claims and _is_leaving(kind, at, spec, live, before))


def _agree(kind: Kind, address: Address, config: str | None, live: str | None) -> bool:
    if config == live or address.endswith("@unit"):
        return True
    if config is None or live is None:
        return entries.implied(kind.table, address) in (config or "", live or "")
    return kind.equal(address, config, live)
