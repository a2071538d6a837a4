"""The shape of a kind: how one class of resource is read, judged, built and driven.

`kinds/<name>/__init__.py` fills a `Kind`; the engine knows nothing else of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from reconciler import markup
from reconciler.codecs import Json
from reconciler.entries import Entry
from reconciler.errors import Problem
from reconciler.fields import Node
from reconciler.markup import Identities
from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Address, Document, Observed, Policy, RestartPolicy, Spec, Texts
from reconciler.model.plans import Allow, Diff, Disruption, FieldChange, KindStep, Step
from reconciler.model.probes import AddressSource
from reconciler.model.refs import Ref
from reconciler.ports import Clock, Content, Handle


@dataclass(frozen=True, slots=True)
class Context:
    """What a document is read for: its host, and who owns what it describes ("": nobody, and nothing is marked)."""

    host: str
    owner: str = ""


def may_restart(policy: Policy, allow: frozenset[Allow]) -> bool:
    """Whether a running guest may be restarted: the document or the operator says so."""
    return policy.restart is RestartPolicy.WHEN_REQUIRED or Allow.RESTART in allow


# From the name of a volume, `pool/name`, to its path; None where the host shows no such volume.
Locate = Callable[[str], str | None]


def nowhere(volume: str) -> str | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Situation:
    """One object and what is asked of it. `texts` is the persistent definition and the facts by address, with the
    names of the document (see `matching.align`); `renamed` leads from those names to the host's own. `live` and
    `live_renamed` are the same of the running definition; empty where nothing runs. `locate` knows the volumes.
    """

    spec: Spec
    observed: Observed
    texts: Texts
    renamed: Mapping[Address, Address] = field(default_factory=dict)
    live: Texts = field(default_factory=dict)
    live_renamed: Mapping[Address, Address] = field(default_factory=dict)
    locate: Locate = nowhere
    allow: frozenset[Allow] = frozenset()

    @property
    def active(self) -> bool:
        return self.observed.active


@dataclass(frozen=True, slots=True)
class Decision:
    """What one difference costs and how it is carried out.

    `way` is a word of the kind's own for its `update`: "define" (write the persistent definition) is common to all.
    `needs` is the permission that is lacking: the change is shown and not carried out.
    """

    disruption: Disruption
    way: str = "define"
    why: str = ""
    needs: Allow | None = None


# The way of a difference that is left as it is, and said: what a machine was made with is not changed under it.
KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Rule:
    """Decides for addresses that match `pattern`: shell wildcards over `pattern_of`, `[]` literal. The first wins."""

    pattern: str
    judge: Callable[[Diff, Situation], Decision]
    doc: str = ""

    def matches(self, address: Address) -> bool:
        return fnmatchcase(pattern_of(address).replace("[]", "()"), self.pattern.replace("[]", "()"))


@dataclass(frozen=True, slots=True)
class Judged:
    """A difference with its decision."""

    diff: Diff
    decision: Decision


def restarts(situation: Situation, judged: Iterable[Judged]) -> bool:
    """Whether a running object needs a restart for one of these differences, and may have one."""
    needed = any(item.decision.disruption is Disruption.RESTART for item in judged)
    return situation.active and needed and may_restart(situation.spec.policy, situation.allow)


@dataclass(frozen=True, slots=True)
class Weight:
    """What a machine takes of its host: vCPUs and bytes of memory, now and at most."""

    vcpus: int = 0
    vcpus_max: int = 0
    memory: int = 0
    memory_max: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """What one emulator of a host can do with one machine type (virConnectGetDomainCapabilities).

    `name` is what people call it. `lists` are the values that it has, `devices/disk:bus` -> {virtio, sata}; `supported`
    says of whole parts whether it has them, `devices/tpm` -> False. What stands in neither is not known.
    """

    name: str
    vcpus: int = 0
    lists: Mapping[str, frozenset[str]] = field(default_factory=dict)
    supported: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that a host has not got: what is wanted and what there is, and the address that asks for it."""

    message: str
    address: Address = ""


@dataclass(frozen=True, slots=True)
class Unfit(Problem):
    """A problem that one claim makes; `address` leads to where it is written."""

    address: Address = ""


def unknown_abilities(type_: str | None, arch: str | None, machine: str | None) -> Abilities | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a host has, gathered once per plan for the changes that need it. None: could not be asked, so not checked.

    `networks`, `pools`: name -> active. `volumes`: "pool/name" -> path. `machines`: alias or name -> canonical name.
    `secrets`: what each is for (`ceph/client.libvirt`), and `uuid/` with its UUID.
    `exists` looks for a path on the host (None: cannot tell). `declared` are the Refs this plan makes itself.
    `abilities` gives those of the emulator for a domain type, architecture and machine, each None for the host's own
    choice; None where the host cannot say.
    """

    cpus: int = 0
    memory: int = 0
    free_memory: int = 0
    swap: int = 0
    domain_types: frozenset[str] | None = None
    machines: Mapping[str, str] | None = None
    networks: Mapping[str, bool] | None = None
    pools: Mapping[str, bool] | None = None
    volumes: Mapping[str, str] | None = None
    nwfilters: frozenset[str] | None = None
    secrets: frozenset[str] | None = None
    interfaces: frozenset[str] | None = None
    ports: Mapping[int, Ref] = field(default_factory=dict)
    exists: Callable[[str], bool | None] = lambda path: None
    abilities: Callable[[str | None, str | None, str | None], Abilities | None] = unknown_abilities
    declared: frozenset[Ref] = frozenset()


@dataclass(frozen=True, slots=True)
class Questions:
    """What probes can ask of a running object. The last two raise what libvirt raises.

    touches     whether steps reach into the running guest, so that it may be well or not afterwards
    answer      returns if the guest agent answers
    addresses   the guest's IP addresses, as one source knows them
    """

    touches: Callable[[Sequence[Step]], bool]
    answer: Callable[[Handle, Ref], None]
    addresses: Callable[[Handle, Ref, AddressSource], Sequence[str]]


def no_problems(spec: Spec, observed: Observed | None, facts: Facts) -> tuple[Problem, ...]:
    return ()


def never_same(address: Address, want: str, have: str) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One class of resource.

    name, folder      `Domain`, and its folder in the ledger, `domains`
    root              the root element of its libvirt XML ("" where it has none)
    rank              what is made first: lower ranks; removal goes the other way
    fields, table     the field table and its index (`fields.index`)
    identities        what identifies repeated elements
    parse             Document -> Spec: claims in libvirt's words, references, policy; a kind whose objects can carry an
                      owner mark claims `metadata/reconciler:owner` for the context's owner. Raises ManifestError
    read              the text of a definition -> its texts, completed and normalised so that equal means equal
    dump              texts -> the `spec` of a document that claims them (import); what libvirt filled in is left out
    same              whether two different texts mean one thing at an address (q35 and pc-q35-7.2)
    rules             what each difference costs; every managed address is matched by one
    create, update   the steps, in order
    delete            the steps, in order; told whether its data goes along, and whether a guest may be cut off
    render            the definition that `update` or `create` would store
    preflight         what would fail later on this host, said now
    observe           every object of this kind on a host
    look              one object of this kind, None if the host has none; must agree with `observe`
    mends             what is put right in a running object at once though neither of its definitions tells
    stands            what an object is seen to stand on among those of its kind, so that it is removed before that
    remains           what a deletion takes along or leaves behind beside it; told whether its data goes along
    unseen            how the names begin of objects that cannot be looked at now (volumes of inactive pools)
    perform           carry out one step; look at `Clock` for waiting. Raises what libvirt raises
    fill              carry out a FILL step with the content of the new object; kinds without content have none
    weigh             vCPUs and memory in a definition, without parsing all of it
    owner             the owner mark in a definition, "" if there is none
    rename            the steps that give an object the name of its document; None where libvirt cannot (see RENAME)
    moot              whether a difference between the persistent and the running definition is none: libvirt writes
                      what an object really got into the latter, and no restart makes it equal
    ports             the host's TCP ports that a definition takes for itself
    given             whether libvirt itself made an object, so that it is nobody's until a document names it
    ownable           whether objects come and go by documents at all; a host is simply there
    offers            what a new object takes from its host where the document is silent: address -> name of the offer
    serial            whether a host takes changes of this kind one at a time only (pools with running jobs refuse)
    marked            whether objects of this kind can carry an owner mark
    questions         what probes can ask of its running objects; None where there is no guest inside
    proven            whether `dump` has made sure that what it gives can be read and says what the texts say
    dumped            what `dump` gives for a definition and facts, where the kind knows a shorter way than to read it
    retained          whether a vanished document leaves the object (data) unless it said deletionPolicy: delete
    """

    name: str
    folder: str
    root: str
    rank: int
    fields: tuple[Node, ...]
    table: Mapping[str, Entry]
    identities: Identities
    parse: Callable[[Document, Context], Spec]
    read: Callable[[str], dict[Address, str]]
    dump: Callable[[Texts], dict[str, Json]]
    rules: tuple[Rule, ...]
    create: Callable[[Spec], tuple[Step, ...]]
    update: Callable[[Situation, Sequence[Judged]], tuple[Step, ...]]
    delete: Callable[[Observed, bool, bool], tuple[Step, ...]]
    render: Callable[[Spec, Situation | None, Sequence[Diff]], str]
    observe: Callable[[Handle], Iterable[Observed]]
    perform: Callable[[Handle, Ref, Step, Clock], None]
    same: Callable[[Address, str, str], bool] = never_same
    preflight: Callable[[Spec, Observed | None, Facts], tuple[Problem, ...]] = no_problems
    weigh: Callable[[str], Weight] = lambda xml: Weight()
    owner: Callable[[str], str] = lambda xml: ""
    fill: Callable[[Handle, Ref, KindStep, Content], None] | None = None
    rename: Callable[[Spec, Observed, frozenset[Allow]], tuple[Step, ...]] | None = None
    moot: Callable[[Address, Texts, Texts, Locate], bool] = lambda address, config, live, locate: False
    ports: Callable[[str], frozenset[int]] = lambda xml: frozenset()
    look: Callable[[Handle, Ref], Observed | None] = lambda handle, ref: None
    mends: Callable[[Situation], tuple[Diff, ...]] = lambda situation: ()
    stands: Callable[[Observed], tuple[Ref, ...]] = lambda observed: ()
    remains: Callable[[Observed, bool], tuple[FieldChange, ...]] = lambda observed, data: ()
    unseen: Callable[[Handle], frozenset[str]] = lambda handle: frozenset()
    given: Callable[[Observed], bool] = lambda observed: False
    dumped: Callable[[str, Texts], dict[str, Json]] | None = None
    offers: Mapping[Address, str] = field(default_factory=dict)
    questions: Questions | None = None
    serial: bool = False
    ownable: bool = True
    marked: bool = False
    proven: bool = False
    retained: bool = False

    def equal(self, address: Address, want: str, have: str) -> bool:
        """Whether two texts mean one thing at an address, for this kind or since they are two spellings of one XML."""
        return self.same(address, want, have) or markup.same(address, want, have)

    def judge(self, diff: Diff, situation: Situation) -> Decision:
        """The decision of the first rule that matches; a kind's last rule matches everything."""
        return next(rule for rule in self.rules if rule.matches(diff.address)).judge(diff, situation)
