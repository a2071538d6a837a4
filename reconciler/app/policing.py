"""Holding every document against the policies: those of the settings, and what its Host document adds to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from reconciler.app.settings import Settings
from reconciler.errors import Problem
from reconciler.kind import Kind
from reconciler.manifest.link import Key
from reconciler.model.documents import Document, Spec
from reconciler.policy.connections import refusal
from reconciler.policy.judge import Violation, violations
from reconciler.policy.policies import Policy, parse
from reconciler.ports import Cache

# The cache's table of what is permitted as it is.
PERMITTED = "permitted"
NUMBER = "R209"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing in a document that a policy does not permit, and where it is written."""

    violation: Violation
    where: str

    @property
    def problem(self) -> Problem:
        return Problem(NUMBER, self.violation.message, self.where)


def policies_of(settings: Settings, hosts: Mapping[str, Document], host: str) -> tuple[Policy, ...]:
    """The policies for what is on a host. That of its Host document only narrows, for all of them have to be met."""
    document = hosts.get(host)
    body = document.body.get("policy") if document else None
    written = body.get("manifests") if isinstance(body, Mapping) else None
    if written is None:
        return settings.policies
    return (*settings.policies, parse(written, f"policy.manifests of Host/{host}"))


def host_problems(settings: Settings, hosts: Mapping[str, Document]) -> Iterator[Problem]:
    """Host documents that lead where the settings' policies do not permit it: nobody may even connect."""
    for host in hosts.values():
        for policy in settings.policies:
            message = refusal(policy, f"{host.ref}: uri", str(host.body.get("uri", "")))
            if message:
                yield Problem(NUMBER, message, host.place("spec", "uri"))


def judged(
    settings: Settings,
    specs: Mapping[Key, Spec],
    hosts: Mapping[str, Document],
    kinds: Mapping[str, Kind],
    cache: Cache,
) -> dict[Key, tuple[Violation, ...]]:
    """What the policies have against each Spec; those without a violation are left out."""
    names = dict.fromkeys(host for host, _ in specs)
    policies = {host: policies_of(settings, hosts, host) for host in names}
    # A Host document narrows what is on the host; the document itself is the settings' business.
    bound = {key: spec for key, spec in specs.items() if policies[key[0]] and spec.ref.kind != "Host"}
    if not bound:
        return {}
    rows = _rows(policies, bound)
    whole = sha256("\0".join(rows.values()).encode()).hexdigest()
    if cache.get(PERMITTED, (whole,)):
        return {}
    known = cache.get(PERMITTED, rows.values())
    unsure = {key: spec for key, spec in bound.items() if rows[key] not in known}
    found = {key: violations(policies[key[0]], spec, kinds[spec.ref.kind].table) for key, spec in unsure.items()}
    refused = {key: each for key, each in found.items() if each}
    fine = {rows[key]: "" for key, each in found.items() if not each}
    cache.put(PERMITTED, fine if refused else {**fine, whole: ""})
    return refused


def _rows(policies: Mapping[str, Sequence[Policy]], specs: Mapping[Key, Spec]) -> dict[Key, str]:
    """The digest of all that a verdict depends on, by Spec."""
    from reconciler import __version__

    heads = {host: "|".join((__version__, *(policy.digest for policy in each))) for host, each in policies.items()}
    return {
        key: sha256(f"{heads[key[0]]}\0{spec.ref}\0{spec.moved_from}\0{spec.digest}".encode()).hexdigest()
        for key, spec in specs.items()
    }


def problems(refused: Iterable[tuple[Refusal, ...]]) -> list[Problem]:
    """Everything that is refused, as problems of the manifests."""
    return [each.problem for found in refused for each in found]
