"""Documents and Specs as text for the cache: one line that is read at once, then lines that are read when needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from json import dumps, loads
from typing import Any, assert_never

from reconciler.model.documents import (
    Deferred,
    Deletion,
    Document,
    Mode,
    Need,
    Place,
    Policy,
    RestartPolicy,
    Spec,
)
from reconciler.model.probes import (
    AddressProbe,
    AddressSource,
    AgentProbe,
    Health,
    HttpProbe,
    OnFailure,
    Probe,
    TcpProbe,
)
from reconciler.model.refs import Ref
from reconciler.model.windows import Window


def _line(value: object) -> str:
    return dumps(value, separators=(",", ":"))


def _later(line: str) -> Deferred[Any]:
    return Deferred(loads, line)


def write_documents(documents: Iterable[Document]) -> str:
    """The row of one file."""
    listed = tuple(documents)
    heads = [_head(document) for document in listed]
    bodies = (_line(document.xml if document.xml is not None else document.body) for document in listed)
    return "\n".join((_line(heads), *bodies))


def _head(document: Document) -> list[object]:
    place = document.places[()]
    return [
        document.ref.kind,
        document.ref.name,
        document.host,
        dict(document.labels),
        document.moved_from,
        document.profiles,
        document.digest,
        place.line,
        place.column,
        document.xml is not None,
        document.template,
    ]


def read_documents(row: str, file: str) -> tuple[Document, ...]:
    """The documents of one file; only the place of each root is known."""
    first, *bodies = row.split("\n")
    return tuple(_document(head, body, file) for head, body in zip(loads(first), bodies, strict=True))


def _document(head: list[Any], body: str, file: str) -> Document:
    kind, name, host, labels, moved_from, profiles, digest, line, column, xml, template = head
    return Document(
        ref=Ref(kind, name),
        host=host,
        labels=labels,
        moved_from=moved_from,
        body={} if xml else _later(body),
        xml=loads(body) if xml else None,
        profiles=tuple(profiles),
        template=template,
        places={(): Place(file, line, column)},
        digest=digest,
    )


def write_specs(specs: Iterable[Spec]) -> str:
    """The row of all that one document asks for."""
    listed = tuple(specs)
    lines = (_line(dict(values)) for spec in listed for values in (spec.claims, spec.hints))
    return "\n".join((_line([_spec_head(spec) for spec in listed]), *lines))


def _spec_head(spec: Spec) -> list[object]:
    return [
        spec.ref.kind,
        spec.ref.name,
        sorted(spec.lists),
        [(need.ref.kind, need.ref.name, need.external, need.path) for need in spec.needs],
        policy_values(spec.policy),
        dict(spec.labels),
        spec.moved_from,
        spec.digest,
    ]


def policy_values(policy: Policy) -> list[object]:
    """A policy as JSON values; what few documents say is left out where they do not."""
    windows = [[window.schedule, window.seconds, window.zone] for window in policy.windows]
    return [
        policy.mode.value,
        list(policy.ignored),
        policy.protect,
        policy.deletion.value,
        policy.restart.value,
        policy.shutdown_seconds,
        policy.force_off,
        windows,
        policy.agent_seconds,
        _health_values(policy.health),
    ]


def _health_values(health: Health) -> list[object] | None:
    if health == _DEFAULT_HEALTH:
        return None
    return [[_probe_values(probe) for probe in health.probes], health.timeout, health.on_failure.value]


def _probe_values(probe: Probe) -> list[object]:
    match probe:
        case AgentProbe():
            return ["agent"]
        case AddressProbe(source):
            return ["address", source.value]
        case TcpProbe(port, host):
            return ["tcp", port, host]
        case HttpProbe(url, status):
            return ["http", url, status]
        case _:
            assert_never(probe)


def read_specs(row: str, host: str, where: str) -> tuple[Spec, ...]:
    """The Specs of one document; claims and hints are read when somebody looks inside."""
    first, *lines = row.split("\n")
    heads = loads(first)
    return tuple(
        _spec(head, host, where, claims, hints)
        for head, claims, hints in zip(heads, lines[::2], lines[1::2], strict=True)
    )


def _spec(head: list[Any], host: str, where: str, claims: str, hints: str) -> Spec:
    kind, name, lists, needs, policy, labels, moved_from, digest = head
    return Spec(
        ref=Ref(kind, name),
        host=host,
        claims=_later(claims),
        lists=frozenset(lists),
        hints=_later(hints) if hints != "{}" else _NO_HINTS,
        needs=tuple(_need(*need) for need in needs),
        policy=_policy(tuple(policy)),
        labels=labels,
        moved_from=moved_from,
        where=where,
        digest=digest,
    )


_NO_HINTS: Mapping[str, str] = {}
_DEFAULT_HEALTH = Health()
_DEFAULT_POLICY = Policy()
_DEFAULT_VALUES = tuple(policy_values(_DEFAULT_POLICY))


def _need(kind: str, name: str, external: bool, path: list[str | int]) -> Need:
    return Need(Ref(kind, name), external, tuple(path))


def _policy(values: tuple[Any, ...]) -> Policy:
    if values == _DEFAULT_VALUES:
        return _DEFAULT_POLICY
    mode, ignored, protect, deletion, restart, seconds, force, windows, agent_seconds, health = values
    return Policy(
        mode=Mode(mode),
        ignored=tuple(ignored),
        protect=protect,
        deletion=Deletion(deletion),
        restart=RestartPolicy(restart),
        shutdown_seconds=seconds,
        force_off=force,
        windows=tuple(Window(schedule=schedule, seconds=length, zone=zone) for schedule, length, zone in windows),
        agent_seconds=agent_seconds,
        health=_health(*health) if health else _DEFAULT_HEALTH,
    )


def _health(probes: list[Any], timeout: int, on_failure: str) -> Health:
    made = tuple(_PROBES[word](*values) for word, *values in probes)
    return Health(probes=made, timeout=timeout, on_failure=OnFailure(on_failure))


_PROBES: Mapping[str, Callable[..., Probe]] = {
    "agent": AgentProbe,
    "address": lambda source: AddressProbe(AddressSource(source)),
    "tcp": TcpProbe,
    "http": HttpProbe,
}
