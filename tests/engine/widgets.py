"""A small kind with an in-memory host, for tests of everything that must not know real kinds."""

import hashlib
from dataclasses import replace

from reconciler import codecs, definitions, entries, fields, markup
from reconciler.codecs import MEMORY, ON_OFF, TEXT, integer
from reconciler.fields import Field, Group, Items
from reconciler.kind import Decision, Kind, Rule
from reconciler.model.documents import Observed, Policy, Spec
from reconciler.model.plans import Autostart, Define, Disruption, KindStep, Mark, Start, Stop, Undefine
from reconciler.model.refs import Ref

FIELDS = (
    Field(name="title", at="title", codec=TEXT, doc="Title.", example="A"),
    Field(name="size", at="size", codec=MEMORY, doc="Size.", example="2MiB", keep=True),
    Field(name="form", at="form", codec=TEXT, doc="Cannot change.", example="round"),
    Field(name="core", at="core", codec=TEXT, doc="Needs a new one.", example="iron"),
    Field(name="glow", at="glow@state", codec=ON_OFF, doc="Glows.", example=True, implied="off"),
    Group(
        name="limits",
        doc="Limits.",
        fields=(Field(name="heat", at="limits/heat", codec=integer(), doc="Heat.", example=3),),
    ),
    Items(
        name="parts",
        at="parts/part",
        doc="Parts.",
        key="name",
        alias=True,
        fields=(
            Field(name="slot", at="slot@dev", codec=TEXT, doc="Slot.", example="a"),
            Field(name="paint", at="paint", codec=TEXT, doc="Paint.", example="red"),
        ),
    ),
    Field(name="autostart", at="!autostart", codec=codecs.YES_NO, doc="Starts with the host.", example=True),
)
IDENTITIES = {"parts/part": ("alias", "slot@dev")}


def read(xml):
    return markup.flatten(markup.parse(xml), IDENTITIES, unit=1024, default_unit=1024)


PERMISSIVE = Policy()


def spec(name="one", host="h", policy=PERMISSIVE, owner="me", **body):
    lowered = fields.lower(FIELDS, body)
    claims = {**lowered.claims, "metadata/reconciler:owner": definitions.owner_mark(owner)}
    text = repr(sorted(claims.items(), key=str)) + repr(policy)
    return Spec(
        ref=Ref("Widget", name),
        host=host,
        claims=claims,
        lists=frozenset(lowered.lists),
        hints=lowered.hints,
        policy=policy,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def render(wanted, situation, diffs):
    if situation is None:
        return definitions.build(f"<widget><name>{wanted.ref.name}</name></widget>", wanted, IDENTITIES, {})
    return definitions.revise(situation, diffs, IDENTITIES, {})


def create(wanted):
    steps = [Define(render(wanted, None, ()))]
    if wanted.claims.get("!autostart") == "yes":
        steps.append(Autostart(True))
    return tuple(steps)


def update(situation, judged):
    steps = []
    definition = [item.diff for item in judged if not item.diff.address.startswith("!")]
    if definition:
        steps.append(Define(render(situation.spec, situation, definition)))
    for item in judged:
        if item.diff.address == "!autostart":
            steps.append(Autostart(item.diff.after == "yes"))
    return tuple(steps)


RULES = (
    Rule("form", lambda diff, situation: Decision(Disruption.REFUSED, why="the form is for life")),
    Rule("core", lambda diff, situation: Decision(Disruption.REPLACE, why="a new core loses the old one's heat")),
    Rule("!*", lambda diff, situation: Decision(Disruption.NONE)),
    Rule("*", lambda d, s: Decision(Disruption.RESTART if s.active else Disruption.NONE)),
)


def observed(ref, xml, live=None, autostart="no"):
    facts = {"!autostart": autostart}
    digest = hashlib.sha256(f"{xml}|{live}|{facts}".encode()).hexdigest()
    return Observed(ref=ref, uuid="", xml=xml, live=live, facts=facts, digest=digest)


class Host:
    """What libvirt would be: definitions by Ref."""

    def __init__(self):
        self.objects = {}

    def perform(self, ref, step):
        match step:
            case Define(xml):
                old = self.objects.get(ref)
                self.objects[ref] = observed(ref, xml, old and old.live, old.facts["!autostart"] if old else "no")
            case Autostart(on):
                old = self.objects[ref]
                self.objects[ref] = observed(ref, old.xml, old.live, "yes" if on else "no")
            case Mark(owner):
                root = markup.parse(self.objects[ref].xml)
                markup.graft(root, [("metadata/reconciler:owner", definitions.owner_mark(owner))], IDENTITIES)
                old = self.objects[ref]
                self.objects[ref] = observed(ref, markup.serialise(root), old.live, old.facts["!autostart"])
            case Undefine():
                del self.objects[ref]
            case Start() | Stop() | KindStep():
                raise AssertionError(step)


KIND = Kind(
    name="Widget",
    folder="widgets",
    root="widget",
    rank=1,
    fields=FIELDS,
    table=entries.index(FIELDS),
    identities=IDENTITIES,
    parse=lambda document, context: spec(document.ref.name, context.host, owner=context.owner, **document.body),
    read=read,
    dump=lambda texts: fields.lift(FIELDS, texts),
    rules=RULES,
    create=create,
    update=update,
    delete=lambda found, data, force: (*((Stop(0, force=True),) if force else ()), Undefine(data)),
    render=render,
    observe=lambda handle: tuple(handle.objects.values()),
    look=lambda handle, ref: handle.objects.get(ref),
    perform=lambda handle, ref, step, clock: handle.perform(ref, step),
    owner=lambda xml: definitions.read_owner(markup.parse(xml)),
    marked=True,
)
RETAINED = replace(KIND, name="Widget", retained=True)
