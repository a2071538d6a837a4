"""A policy as a value, and what is wrong with a written one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from reconciler.model.quantities import parse_size
from reconciler.policy.matching import like
from reconciler.policy.words import BY_NAME, GUARDED, LIMITS, OPEN, PRESETS, WORDS

Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A word on values at places of a kind that no other word has: `address` is a pattern without keys.

    With `allow`, a value like one of them is permitted whatever else the policy says, and any other is refused. With
    `deny`, a value like one of them is refused, and any other is judged on.
    """

    kind: str
    address: str
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Exemption:
    """What some resources may have on top: `resources` are patterns such as Domain/db-*."""

    resources: tuple[str, ...]
    lists: Mapping[str, tuple[str, ...]]
    limits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What manifests may ask for. A word that is not in `lists` restricts nothing.

    `origin` says whose policy it is. `limits` count bytes, vCPUs and devices; `names` are patterns by kind.
    """

    origin: str
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    digest: str = ""

    def for_resource(self, ref: str) -> Policy:
        """The policy for one resource, `Domain/db-1`, with all that it is exempt from."""
        found = tuple(each for each in self.exemptions if any(like(ref, pattern) for pattern in each.resources))
        return _widened(self, found) if found else self


def _widened(policy: Policy, exemptions: tuple[Exemption, ...]) -> Policy:
    lists, limits = dict(policy.lists), dict(policy.limits)
    for each in exemptions:
        lists |= {name: (*lists[name], *more) for name, more in each.lists.items() if name in lists}
        limits |= {name: max(limits[name], most) for name, most in each.limits.items() if name in limits}
    return replace(policy, lists=lists, limits=limits, exemptions=())


def parse(value: object, origin: str) -> Policy:
    """The policy that a mapping writes down. Raises ValueError where `complaints` has something to say."""
    for _, complaint in complaints(value):
        raise ValueError(complaint)
    return _parsed(json.dumps(value, sort_keys=True), origin)


@lru_cache(maxsize=64)
def _parsed(text: str, origin: str) -> Policy:
    written = json.loads(text)
    preset = written.get("preset", OPEN)
    usual = {word.name: word.guarded for word in WORDS if preset == GUARDED and word.guarded is not None}
    return Policy(
        origin=origin,
        lists={**usual, **_lists(written)},
        limits=_limits(written),
        names={kind: tuple(patterns) for kind, patterns in written.get("names", {}).items()},
        rules=tuple(_rule(each) for each in written.get("rules", ())),
        exemptions=tuple(_exemption(each) for each in written.get("exceptions", ())),
        digest=hashlib.sha256(f"{origin}\0{text}".encode()).hexdigest(),
    )


def _lists(written: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in written.items() if name in BY_NAME}


def _limits(written: Mapping[str, Mapping[str, object]]) -> dict[str, int]:
    return {name: _amount(name, value) for name, value in written.get("limits", {}).items()}


def _amount(name: str, value: object) -> int:
    """A limit in bytes, or a count. Raises ValueError."""
    if name in ("memory", "volume"):
        return parse_size(str(value))
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("wants a whole number")
    return value


def _rule(written: Mapping[str, list[str]]) -> Rule:
    allow = written.get("allow")
    return Rule(
        kind=str(written["kind"]),
        address=str(written["address"]),
        allow=None if allow is None else tuple(allow),
        deny=tuple(written.get("deny", ())),
    )


def _exemption(written: Mapping[str, list[str]]) -> Exemption:
    limits = _limits({"limits": written.get("limits", {})})  # type: ignore[dict-item]
    return Exemption(resources=tuple(written["resources"]), lists=_lists(written), limits=limits)


def complaints(value: object) -> Iterator[tuple[Path, str]]:
    """What is wrong with a written policy, and where in it."""
    if not isinstance(value, dict):
        yield (), "wants a mapping"
        return
    for name, inner in value.items():
        if name == "preset":
            if inner not in PRESETS:
                yield (name,), f"preset is one of {', '.join(PRESETS)}"
        elif name == "names":
            yield from _name_complaints(inner)
        elif name == "rules":
            yield from _each(name, inner, _rule_complaints)
        elif name == "exceptions":
            yield from _each(name, inner, _exception_complaints)
        else:
            yield from _word_complaints(str(name), inner)


def _word_complaints(name: str, value: object) -> Iterator[tuple[Path, str]]:
    if name == "limits":
        yield from _limit_complaints(value)
    elif name not in BY_NAME:
        yield (name,), f"there is no word {name!r}" + _nearest(name)
    elif not _texts(value):
        yield (name,), f"{name} wants a list of texts"
    elif BY_NAME[name].roots:
        for place, each in enumerate(value):  # type: ignore[arg-type, var-annotated]
            if not str(each).startswith("/") or ".." in str(each).split("/"):
                yield (name, place), f"{name} wants absolute paths without .."


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, (*BY_NAME, "limits", "names", "preset", "rules", "exceptions"), 1)
    return f"; did you mean {near[0]}?" if near else ""


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and each for each in value)


def _limit_complaints(value: object) -> Iterator[tuple[Path, str]]:
    if not isinstance(value, dict):
        yield ("limits",), "limits wants a mapping"
        return
    for name, amount in value.items():
        if name not in LIMITS:
            yield ("limits", name), f"there is no limit {name!r}; there are {', '.join(LIMITS)}"
            continue
        try:
            _amount(name, amount)
        except ValueError as error:
            yield ("limits", name), f"{name}: {error}"


def _name_complaints(value: object) -> Iterator[tuple[Path, str]]:
    if not isinstance(value, dict):
        yield ("names",), "names wants a mapping of kinds to lists of patterns"
        return
    yield from ((("names", kind), f"{kind} wants a list of texts") for kind, each in value.items() if not _texts(each))


def _each(name: str, value: object, inner: object) -> Iterator[tuple[Path, str]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        yield (name,), f"{name} wants a list of mappings"
        return
    for place, each in enumerate(value):
        yield from (((name, place, *path), text) for path, text in inner(each))  # type: ignore[operator]


def _rule_complaints(rule: Mapping[str, object]) -> Iterator[tuple[Path, str]]:
    for name, value in rule.items():
        if name in ("kind", "address"):
            if not isinstance(value, str):
                yield (name,), f"{name} wants text"
        elif name not in ("allow", "deny"):
            yield (name,), f"a rule has kind, address and allow or deny, no {name}"
        elif not _texts(value):
            yield (name,), f"{name} wants a list of texts"
    if "kind" not in rule or "address" not in rule or ("allow" in rule) == ("deny" in rule):
        yield (), "a rule has kind, address and one of allow and deny"


def _exception_complaints(written: Mapping[str, object]) -> Iterator[tuple[Path, str]]:
    if not _texts(written.get("resources")):
        yield ("resources",), "an exception wants resources, a list such as [Domain/db-*]"
    for name, value in written.items():
        if name != "resources":
            yield from _word_complaints(name, value)
