"""What a policy has against a document: judged by what is claimed, whoever wrote it and in whatever form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.entries import Entry, entry_of, path_of
from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Address, Claims, Spec
from reconciler.model.probes import HttpProbe, TcpProbe
from reconciler.model.quantities import format_size
from reconciler.policy import devices
from reconciler.policy.matching import below, climbs, like, like_any, like_url, plain
from reconciler.policy.parts import namespace_of, unknown_part
from reconciler.policy.places import FREE, Place, place_of, shape_of
from reconciler.policy.policies import Policy, Rule
from reconciler.policy.words import BY_NAME

KIB = 1024


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that a policy does not permit: the word that says so, where it is claimed, and a sentence.

    `address` is "" for what concerns the whole document.
    """

    word: str
    address: Address
    value: str
    message: str

    @property
    def mark(self) -> tuple[str, str, str]:
        """What makes two violations the same, whatever the devices around them are called."""
        return self.word, pattern_of(self.address), self.value


@dataclass(frozen=True, slots=True)
class _Found:
    """Something that a word judges."""

    word: str
    address: Address
    value: str


def violations(policies: Sequence[Policy], spec: Spec, table: Mapping[str, Entry]) -> tuple[Violation, ...]:
    """All that at least one of the policies does not permit, in the order of the claims."""
    claims = {**spec.hints, **spec.claims}
    listed = (*_judged(spec.ref.kind, claims), *_probed(spec))
    found: dict[tuple[str, Address, str], Violation] = {}
    for policy in policies:
        mine = policy.for_resource(str(spec.ref))
        for each in _refused(mine, spec, claims, listed):
            message = _message(mine, spec, each, table)
            found.setdefault(
                (each.word, each.address, each.value), Violation(each.word, each.address, each.value, message)
            )
    return tuple(found.values())


def _judged(kind: str, claims: Claims) -> Iterator[_Found]:
    """Everything in the claims that a word could say something about."""
    for address, text in claims.items():
        if text is None:
            continue
        shape = shape_of(address)
        place = place_of(kind, shape)
        if place is not None and place.word == FREE:
            continue
        namespace = namespace_of(shape)
        if namespace:
            yield _Found("namespaces", address, namespace)
            continue
        part = unknown_part(kind, shape)
        if part:
            yield _Found("elements", address, part)
        if text:
            yield from _by_place(place, claims, address, text) if place else _by_value(address, text)
    yield from (_Found("hostDevices", address, name) for name, address in devices.named(kind, claims))


def _probed(spec: Spec) -> Iterator[_Found]:
    """Where reconciler itself connects to see whether a guest is healthy, as far as that is not the guest."""
    for probe in spec.policy.health.probes:
        if isinstance(probe, TcpProbe) and probe.host:
            yield _Found("hosts", _HEALTH, probe.host)
        elif isinstance(probe, HttpProbe) and not _OF_THE_GUEST.match(probe.url):
            yield _Found("urls", _HEALTH, probe.url)


_HEALTH: Address = "!health/probe"
_OF_THE_GUEST = re.compile(r"https?://\{address\}(:\d+)?([/?#]|$)")


def _by_place(place: Place, claims: Claims, address: Address, text: str) -> Iterator[_Found]:
    word = place.choose(claims, address, text) if place.choose else place.word
    match word:
        case "":
            return
        case "securityLabels":
            leaf = address.replace("@", "/").rpartition("/")[2]
            yield _Found(word, address, f"{leaf}={text}")
        case "hostDevices":
            yield _Found(word, address, "smartcard:host" if "smartcard" in place.shape else "raw-io")
        case "pools":
            yield _Found(word, address, text.partition("/")[0] if "/" in text else text)
        case _:
            yield _Found(word, address, place.prefix + text)


def _by_value(address: Address, text: str) -> Iterator[_Found]:
    """What no row of the table is for: a path or a URL shows by its spelling."""
    stripped = text.strip()
    if "\n" in stripped:
        return
    if stripped.startswith("/"):
        yield _Found("sources" if address.startswith("!") else "paths", address, text)
    elif "://" in stripped and stripped.partition("://")[0].replace("+", "").replace(".", "").isalnum():
        yield _Found("urls", address, text)


def _refused(policy: Policy, spec: Spec, claims: Claims, listed: Sequence[_Found]) -> Iterator[_Found]:
    yield from _misnamed(policy, spec)
    ruled = tuple(rule for rule in policy.rules if rule.kind in ("*", spec.ref.kind))
    settled: set[Address] = set()
    for address, text in claims.items() if ruled else ():
        verdict = _ruled(ruled, address, text)
        if verdict is not None:
            settled.add(address)
            if not verdict:
                yield _Found("rules", address, text or "")
    for each in listed:
        if each.address not in settled and not permitted(policy, each.word, each.value):
            yield each
    yield from _too_large(policy, spec.ref.kind, claims)
    yield from _unfiltered(policy, spec.ref.kind, claims)


def _misnamed(policy: Policy, spec: Spec) -> Iterator[_Found]:
    kind, name = spec.ref.kind, spec.ref.name
    if not permitted(policy, "kinds", kind):
        yield _Found("kinds", "", kind)
    patterns = policy.names.get(kind)
    for each in dict.fromkeys((name, spec.moved_from or name)):
        if patterns is not None and not like_any(each, patterns):
            yield _Found("names", "", each)
    if kind == "Volume" and not permitted(policy, "pools", name.partition("/")[0]):
        yield _Found("pools", "", name.partition("/")[0])


def _ruled(rules: Sequence[Rule], address: Address, text: str | None) -> bool | None:
    """What the first rule for an address says of its text; None where none says anything."""
    if text is None:
        return None
    for rule in rules:
        if not like(shape_of(address), rule.address):
            continue
        if rule.allow is not None:
            return like_any(text, rule.allow)
        if like_any(text, rule.deny):
            return False
    return None


def permitted(policy: Policy, word: str, value: str) -> bool:
    """Whether a policy permits a value for one of its words."""
    allowed = policy.lists.get(word)
    if allowed is None:
        return True
    if word == "bootFiles":
        return _below(value, (*allowed, *policy.lists.get("paths", ())))
    if BY_NAME[word].roots:
        return _below(value, allowed)
    if word == "urls":
        return any(like_url(value, pattern) for pattern in allowed)
    if word == "hostDevices":
        return like_any(value.lower(), (pattern.lower() for pattern in allowed))
    return like_any(value, allowed)


def _below(path: str, roots: Sequence[str]) -> bool:
    return not climbs(path) and any(below(plain(path), root) for root in roots)


def _too_large(policy: Policy, kind: str, claims: Claims) -> Iterator[_Found]:
    if kind == "Domain":
        yield from _above(policy, "vcpus", "vcpu", claims.get("vcpu"))
        yield from _above(policy, "memory", *_memory(claims))
        if "devices" in policy.limits:
            count = len({at.partition("]")[0] for at in claims if at.startswith("devices/") and "[" in at})
            yield from _above(policy, "devices", "", str(count))
    elif kind == "Volume":
        for address in ("capacity", "allocation"):
            yield from _above(policy, "volume", address, claims.get(address))


def _memory(claims: Claims) -> tuple[Address, str | None]:
    """The most memory a guest can get, in bytes: cells of NUMA make the total where there are some (libvirt 9.0)."""
    asked = {at: claims.get(at) for at in ("memory", "maxMemory", "currentMemory") if claims.get(at)}
    cells = [text for at, text in claims.items() if text and shape_of(at) == "cpu/numa/cell@memory"]
    if cells:
        whole = all(text.isdecimal() for text in cells)
        asked["cpu/numa"] = str(sum(map(int, cells))) if whole else "?"
    amounts = {at: int(text) * KIB for at, text in asked.items() if text and text.isdecimal()}
    odd = next((at for at in asked if at not in amounts), None)
    if odd is not None:
        return odd, "?"
    most = max(amounts, key=lambda at: amounts[at], default="memory")
    return most, str(amounts[most]) if amounts else None


def _above(policy: Policy, name: str, address: Address, text: str | None) -> Iterator[_Found]:
    most = policy.limits.get(name)
    if most is not None and text and (not text.isdecimal() or int(text) > most):
        yield _Found(f"limits.{name}", address, text)


def _unfiltered(policy: Policy, kind: str, claims: Claims) -> Iterator[_Found]:
    """Interfaces without one of the filters that the policy wants on each."""
    wanted = policy.lists.get("filters")
    if wanted is None or kind != "Domain":
        return
    for address, text in claims.items():
        if text is None or not address.startswith("devices/interface[") or not address.endswith("]"):
            continue
        if address.count("/") == 1:
            name = claims.get(f"{address}/filterref@filter") or ""
            if not name or not like_any(name, wanted):
                yield _Found("filters", f"{address}/filterref@filter" if name else address, name)


def _message(policy: Policy, spec: Spec, found: _Found, table: Mapping[str, Entry]) -> str:
    """`Domain/web: disks[root].file is /etc/shadow, which FILE does not permit (paths: /srv)`."""
    path = path_of(table, found.address) if found.address else ""
    entry = entry_of(table, found.address)
    if entry is not None and entry.field is not None and entry.field.secret:
        found = _Found(found.word, found.address, "(hidden)")
    head = f"{spec.ref}: " + _said(found, path)
    return f"{head}; {policy.origin} does not permit it ({_permits(policy, spec.ref.kind, found)})"


_WHOLE = {"kinds": "is a {}", "names": "is called {}", "pools": "is in pool {}", "limits.devices": "has {} devices"}


def _said(found: _Found, path: str) -> str:
    if not found.address and found.word in _WHOLE:
        return _WHOLE[found.word].format(_shown(found))
    if found.word in ("namespaces", "elements"):
        return f"has {_shown(found)}"
    if not found.value:
        return f"{path} has no filter" if found.word == "filters" else f"has {path}"
    return f"{path} is {_shown(found)}"


def _shown(found: _Found) -> str:
    if found.word in ("limits.memory", "limits.volume") and found.value.isdecimal():
        return format_size(int(found.value))
    return found.value if len(found.value) <= 200 else found.value[:200] + "…"


def _permits(policy: Policy, kind: str, found: _Found) -> str:
    """What the word permits, in the policy's own terms."""
    if found.word.startswith("limits."):
        name = found.word.partition(".")[2]
        most = policy.limits[name]
        return f"{found.word}: {format_size(most) if name in ('memory', 'volume') else most}"
    if found.word == "rules":
        return "rules"
    if found.word == "names":
        return f"names: {', '.join(policy.names.get(kind, ())) or 'none'}"
    allowed = policy.lists.get(found.word, ())
    if BY_NAME[found.word].roots and climbs(found.value):
        return "a path with .. is never permitted"
    return f"{found.word}: {', '.join(allowed) or 'none'}"
