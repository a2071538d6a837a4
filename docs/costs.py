"""The page that says what a change of each field costs, found out by asking the kinds' rules as a plan does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from tables import table

from reconciler.entries import Entry
from reconciler.fields import Field
from reconciler.kind import Kind, Rule, Situation
from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Address, Observed, Spec
from reconciler.model.plans import Diff, Disruption
from reconciler.model.refs import Ref

# A running guest that can grow: some costs depend on what it was booted with.
GUEST = """
<domain type='kvm'>
  <memory unit='KiB'>67108864</memory>
  <maxMemory slots='8' unit='KiB'>134217728</maxMemory>
  <vcpu current='32'>64</vcpu>
  <vcpus>{vcpus}</vcpus>
  <memoryBacking><access mode='shared'/></memoryBacking>
  <numatune><memory mode='strict' nodeset='0-1'/></numatune>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <devices>
    <controller type='pci' index='0' model='pcie-root'/>
    {ports}
    <controller type='virtio-serial' index='0'/>
  </devices>
</domain>
""".format(
    vcpus="".join(f"<vcpu id='{one}' enabled='yes' hotpluggable='yes'/>" for one in range(32)),
    ports="".join(f"<controller type='pci' index='{one}' model='pcie-root-port'/>" for one in range(1, 9)),
)
COSTS = {
    Disruption.NONE: "live",
    Disruption.NEXT_BOOT: "next boot",
    Disruption.RESTART: "restart",
    Disruption.REPLACE: "replace",
    Disruption.REFUSED: "refused",
}


def disruption(kinds: Iterable[Kind]) -> Iterator[str]:
    yield "# What a change costs"
    yield ""
    yield "This page is written by asking each kind's rules, as a plan does."
    yield ""
    yield "* **live**: at once, nobody notices."
    yield "* **next boot**: stored at once, used when the machine is next switched on."
    yield "* **restart**: a running object keeps the old value until it restarts; that happens only with"
    yield "  `--allow restart` or `restartPolicy: whenRequired`, else `RestartPending` is shown."
    yield "* **replace**: a new object; data is lost. Only with `--allow replace`."
    yield "* **refused**: libvirt or the kind cannot do it; the plan says what to do instead."
    for kind in kinds:
        rows = list(costs(kind))
        if rows:
            yield from ("", f"## {kind.name}", "")
            yield from table(("While it runs", "While it is stopped", "Why", "Fields"), _by_cost(rows))


# What a field costs while the object runs, while it is stopped, and the rule's own words.
Cost = tuple[str, str, str]
Answer = TypeVar("Answer")


def _by_cost(rows: Iterable[tuple[str, Cost]]) -> Iterator[Sequence[str]]:
    """A row for each cost with all fields that have it, in the order of the first."""
    together: dict[Cost, list[str]] = {}
    for name, cost in rows:
        together.setdefault(cost, []).append(name)
    return ((*cost, ", ".join(names)) for cost, names in together.items())


def costs(kind: Kind) -> Iterator[tuple[str, Cost]]:
    """Each field with its cost, or a whole group where all of it costs the same."""
    return grouped(dict(asked_of(kind)))


def grouped(asked: Mapping[str, Answer]) -> Iterator[tuple[str, Answer]]:
    """Each field with its answer, or a whole group where all of it has the same."""
    done: set[str] = set()
    for path, answer in asked.items():
        if path in done:
            continue
        whole = next((above for above in _above(path) if _alike(asked, above)), path)
        done |= _inside(asked, whole) if _alike(asked, whole) else {path}
        yield f"`{whole}`", answer


def _above(path: str) -> Iterator[str]:
    """The groups that a field is in, widest first."""
    names = path.split(".")
    yield from (".".join(names[:count]).removesuffix("[]") for count in range(1, len(names)))


def _inside(asked: Iterable[str], whole: str) -> set[str]:
    return {path for path in asked if path == whole or path.startswith((f"{whole}.", f"{whole}[]"))}


def _alike(asked: Mapping[str, object], whole: str) -> bool:
    return len({asked[path] for path in _inside(asked, whole)}) == 1


def asked_of(kind: Kind) -> Iterator[tuple[str, Cost]]:
    """Each field that a rule judges, with its cost."""
    for pattern, entry in kind.table.items():
        rule = next((rule for rule in kind.rules if rule.matches(pattern)), None)
        if rule is None or pattern.endswith("@unit") or _for_the_kind_alone(pattern, entry, rule):
            continue
        diffs = list(_diffs(pattern.replace("[]", "[name]"), entry.field))
        yield entry.path, (_asked(kind, diffs, active=True), _asked(kind, diffs, active=False), rule.doc)


def _for_the_kind_alone(pattern: Address, entry: Entry, rule: Rule) -> bool:
    """Whether no host has the field: a policy or a size to start from. No rule but the last speaks of those."""
    return (entry.field is not None and entry.field.noted) or (pattern.startswith("!") and rule.pattern == "*")


def _diffs(address: Address, field: Field | None) -> Iterator[tuple[str, Diff]]:
    """The ways in which a field can differ."""
    value = field.codec.lower(field.example) or "" if field else ""
    if field is None or (not value and address.endswith("]")):
        yield "coming", Diff(address, None, "")
        yield "going", Diff(address, "", None)
        return
    if value.isdecimal() and int(value):
        yield "more", Diff(address, value, str(int(value) * 2))
        yield "less", Diff(address, value, str(int(value) // 2))
    else:
        yield "change", Diff(address, value, _other(field, value))
    if not field.keep:
        yield "removal", Diff(address, value, None)


def _other(field: Field, value: str) -> str:
    """Another value of the same form."""
    words = field.codec.schema.get("enum")
    if isinstance(words, list):
        return next((lowered for word in words if (lowered := field.codec.lower(word)) not in (value, None)), value)
    if field.codec.schema.get("type") == "boolean":
        return field.codec.lower(field.example is not True) or ""
    return f"{value}2"


def _asked(kind: Kind, diffs: Sequence[tuple[str, Diff]], *, active: bool) -> str:
    """One word where all answers are the same."""
    words = COSTS if active else {**COSTS, Disruption.NONE: "at once"}
    answers = {way: words[kind.judge(diff, _situation(kind, diff, active)).disruption] for way, diff in diffs}
    if len(set(answers.values())) == 1:
        return next(iter(answers.values()))
    if "more" in answers and answers["more"] == answers["less"]:
        answers = {"change": answers["more"], **{way: answers[way] for way in answers if way not in ("more", "less")}}
    return ", ".join(f"{way}: {answer}" for way, answer in answers.items())


def _situation(kind: Kind, diff: Diff, active: bool) -> Situation:
    ref = Ref(kind.name, "example")
    xml = GUEST if kind.root == "domain" else f"<{kind.root or 'none'}/>"
    has = {} if diff.before is None else {diff.address: diff.before}
    wants = {} if diff.after is None else {diff.address: diff.after}
    # A whole device that comes or goes is one of the simplest of its sort; a field is changed in one that is there.
    example = {f"{diff.address}{leaf}": text for leaf, text in _SIMPLEST.get(pattern_of(diff.address), {}).items()}
    around = {**dict.fromkeys(_around(diff.address), ""), **_BESIDE.get(diff.address, {})}
    guest = kind.read(GUEST) if kind.root == "domain" else {}
    return Situation(
        spec=Spec(ref=ref, host="host", claims={**around, **wants, **(example if wants else {})}),
        observed=Observed(ref=ref, uuid="", xml=xml, live=xml if active else None),
        texts=has,
        live={**guest, **around, **has, **(example if has else {})} if active else {},
    )


def _around(address: Address) -> Iterator[Address]:
    """The elements that a leaf is in, innermost first."""
    element = address.rpartition("@")[0] if "@" in address else address.rpartition("/")[0]
    while element:
        yield element
        element = element.rpartition("/")[0]


# What a field means something beside.
_BESIDE: Mapping[Address, Mapping[Address, str]] = {
    "devices/memory[name]/target/requested": {"devices/memory[name]@model": "virtio-mem"},
}
_SIMPLEST: Mapping[str, Mapping[str, str]] = {
    "devices/disk[]": {"/target@bus": "virtio"},
    "devices/interface[]": {"/model@type": "virtio"},
    "devices/filesystem[]": {"/driver@type": "virtiofs"},
    "devices/input[]": {"@bus": "usb"},
    "devices/memory[]": {"@model": "dimm"},
}
