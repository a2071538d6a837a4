"""Documents, specs and hosts for the tests of the Domain kind."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

from reconciler.engine import compare
from reconciler.engine.judge import situation_of
from reconciler.fields import Field, Group
from reconciler.kind import Context, Judged
from reconciler.kinds.domain import KIND
from reconciler.model.documents import Document, Observed, Place
from reconciler.model.inventory import NOTHING_APPLIED
from reconciler.model.refs import Ref
from tests.kinds.private import embedding

EMBED = Path(__file__).parent / "devices" / "embed.py"
HINTS = {"@type": "qemu", "os/type@arch": "x86_64"}


def document(body=None, xml=None, name="web"):
    places = {(): Place("web.yaml")}
    return Document(ref=Ref("Domain", name), host=None, labels={}, body=body or {}, xml=xml, places=places)


def parsed(body=None, xml=None, name="web", owner="", hints=HINTS):
    """A spec as the program gives it to the engine: with what the host's hypervisor is."""
    spec = KIND.parse(document(body, xml, name), Context("hv1", owner))
    return replace(spec, hints={**spec.hints, **hints})


def observed(xml, *, running=False, live=None, uuid="u", **facts):
    texts = {"!power": "running" if running else "stopped", "!autostart": "no"}
    texts.update({f"!{name}": value for name, value in facts.items()})
    live = live if live is not None or not running else xml
    return Observed(ref=Ref("Domain", "web"), uuid=uuid, xml=xml, live=live, facts=texts)


def situation(spec, seen, allow=frozenset()):
    return situation_of(KIND, spec, seen, allow)


def differences(spec, seen, applied=NOTHING_APPLIED):
    here = situation(spec, seen)
    return compare.compare(KIND, spec, here.texts, compare.as_named(applied, here.renamed))


def judged(spec, seen, allow=frozenset(), applied=NOTHING_APPLIED):
    here = situation(spec, seen, allow)
    found = compare.compare(KIND, spec, here.texts, compare.as_named(applied, here.renamed))
    return here, [Judged(diff, KIND.judge(diff, here)) for diff in found]


def updated(spec, seen, allow=frozenset(), applied=NOTHING_APPLIED):
    """The steps that an update takes."""
    return KIND.update(*judged(spec, seen, allow, applied))


def rendered(body, **more):
    return KIND.render(parsed(body, **more), None, ())


def examples(nodes, path=()):
    """The smallest body for each field, by its path."""
    for node in nodes:
        here = (*path, node.name)
        if isinstance(node, Field):
            yield here, node.example
        elif isinstance(node, Group):
            yield from examples(node.fields, here)
        else:
            yield here, [sample(node.fields)]


def sample(nodes):
    """An entry with every field of its own; nested lists have one entry."""
    return {
        node.name: node.example
        if isinstance(node, Field)
        else sample(node.fields)
        if isinstance(node, Group)
        else [sample(node.fields)]
        for node in nodes
    }


def nested(path, value):
    for name in reversed(path):
        value = {name: value}
    return value


def merged(below, above):
    """Two bodies as a profile and a document are merged."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{name: merged(below.get(name), value) for name, value in above.items()}}


class Oracle:
    """Real libvirt with QEMU's driver: says what it would store for a definition."""

    def __init__(self, directory):
        self._child = subprocess.Popen(
            embedding(EMBED, directory), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()

    def stored(self, xml):
        answer = self._ask(xml)
        assert "error" not in answer, f"{answer['error']}\n{xml}"
        return answer["xml"]

    def refusal(self, xml):
        return self._ask(xml).get("error", "")

    def _ask(self, xml):
        self._child.stdin.write(json.dumps(xml) + "\n")
        self._child.stdin.flush()
        return self._answer()

    def _answer(self):
        return json.loads(self._child.stdout.readline())

    def close(self):
        self._child.stdin.close()
        self._child.wait(timeout=20)
        self._child.stdout.close()
