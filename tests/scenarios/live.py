"""A machine whose guest the tests of a module share, and a change to it between two looks.

A guest takes ten seconds and more to boot without KVM. So a test leaves the machine as it found it; where it does
not, because it fails or because that is its point, the next test gets a new one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import libvirt
from lxml import etree

from tests.scenarios.conftest import Lab, sweep
from tests.scenarios.inside import Inside
from tests.scenarios.twins import disagreements, spelt

MIB = 1 << 20
KIB_PER_MIB = 1 << 10
CMDLINE = "console=ttyS0 quiet cryptomgr.notests memhp_default_state=online_movable"
CONFIG, LIVE = libvirt.VIR_DOMAIN_AFFECT_CONFIG, libvirt.VIR_DOMAIN_AFFECT_LIVE


def document(name: str, kind: str = "Domain", **spec: object) -> str:
    """A manifest; JSON is YAML too."""
    return json.dumps({"apiVersion": "reconciler/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})


def guest_spec(guest: Path, **more: object) -> dict[str, object]:
    """A machine that boots the guest, with its agent and nothing to spare."""
    return {
        "type": "qemu",
        "machine": "q35",
        "memory": "192MiB",
        "vcpus": 1,
        "power": "running",
        "kernel": f"{guest}/vmlinuz",
        "initrd": f"{guest}/initrd.img",
        "cmdline": CMDLINE,
        "guestAgent": True,
        **more,
    }


@dataclass
class Machine:
    """One machine and its directory. `spec` is what its document says in every test, beside what the test asks for.

    `beside` are the documents that stand by it in every test: file name -> text.
    """

    lab: Lab
    name: str
    spec: Mapping[str, object]
    beside: Mapping[str, str] = field(default_factory=dict)
    answers: bool = True
    lives: int = 0
    born: object = None

    def __post_init__(self) -> None:
        self.inside = Inside(self.lab.uri, self.name)

    @property
    def ref(self) -> str:
        return f"Domain/{self.name}"

    @property
    def domain(self) -> libvirt.virDomain:
        return self.inside.domain

    # The document and the plan

    def write(self, **asked: object) -> None:
        """The document says `spec`, and these fields instead of its own; None leaves a field out."""
        spec = {key: value for key, value in {**self.spec, **asked}.items() if value is not None}
        self.lab.write(document(self.name, **spec), f"{self.name}.yaml")

    def plan(self, *arguments: str, **asked: object) -> dict:
        """What is planned for this machine when its document says this; {} where nothing is."""
        self.write(**asked)
        return self.of(self.lab.plan(*arguments))

    def of(self, answer: Mapping) -> dict:
        """This machine's change in a plan or an apply."""
        return next((change for change in answer["changes"] if change["ref"] == self.ref), {})

    def waiting(self) -> list[str]:
        """The fields that wait for a restart."""
        said = [each for each in self.lab.plan()["conditions"] if each["ref"] == self.ref]
        return sorted(path for each in said if each["type"] == "RestartPending" for path in each["fields"])

    # Its life

    def fresh(self) -> Machine:
        """The machine as `spec` says, and its guest answers. What an earlier test left is taken away, if need be with
        the machine."""
        for path in self.lab.directory.iterdir():
            path.unlink()
        for name, text in self.beside.items():
            self.lab.write(text, name)
        self.write()
        if self.born is None or self.seen() != self.born:
            self.bear()
        return self

    def bear(self) -> None:
        """Take everything off the host, and boot."""
        self.inside.close()
        sweep(self.lab.uri)
        self.lives += 1
        self.lab.state = self.lab.directory.parent / f"state-{self.lives}"
        self.lab.apply()
        assert not self.answers or self.inside.boots(), "the guest does not come up"
        self.born = self.seen()

    def seen(self) -> object:
        """Both definitions and the life they belong to; None where it is off or gone."""
        try:
            domain = self.inside.domain
            return domain.isActive() and (domain.ID(), *(spelt(domain.XMLDesc(flags)) for flags in (0, 2)))
        except libvirt.libvirtError:
            return None

    def life(self) -> object:
        return self.inside.life() if self.answers else self.domain.ID()

    # A change

    def change(self, *arguments: str, **asked: object) -> dict:
        """Change the document, and hold that it costs the guest nothing: said before, done, and seen after.

        Answers with the planned change.
        """
        life = self.life()
        planned = self.plan(**asked)
        assert planned, "nothing is planned"
        assert costs(planned) == {"none"} and planned["disruption"] == "none" and planned["blocked"] is None, told(
            planned
        )
        applied = self.of(self.lab.apply(*arguments))
        assert applied["outcome"] == "done", told(applied)
        self.settled()
        assert self.life() == life
        return planned

    def settled(self, but: str = "") -> None:
        """Hold that nothing is left to do or to wait for, and that both definitions say one thing.

        `but` elements of this name in the definition alone: libvirt leaves a controller when its only device goes.
        """
        plan = self.lab.plan()
        assert (plan["changes"], plan["conditions"]) == ([], []), told(plan)
        found = disagreements(self.domain.XMLDesc(0), self.domain.XMLDesc(2))
        lines = [line for line in found if not but or not line.startswith(f"only config: <{but} ")]
        assert not lines, "\n".join(lines)

    def holds_back(self, field: str, reason: str = "", **asked: object) -> None:
        """Hold that a change waits for a restart and says why, that the guest does not notice, and that it can be
        taken back without a trace.
        """
        life = self.life()
        planned = self.plan(**asked)
        assert planned["disruption"] == "restart" and planned["blocked"] is None, told(planned)
        wait = [each for each in planned["fields"] if each["path"].startswith(field)]
        assert wait and all(each["disruption"] == "restart" and reason in each["why"] for each in wait), wait
        assert self.of(self.lab.apply())["outcome"] == "done"
        waiting = self.waiting()
        assert waiting and all(path.startswith(field) for path in waiting), waiting
        self.write()
        self.lab.apply()
        self.settled(but="controller")
        assert self.life() == life

    def xml(self, live: bool = True) -> etree._Element:
        return self.lab.xml(self.name, live=live)


def told(answer: Mapping) -> str:
    """All of an answer, for a test that fails."""
    return json.dumps(answer, indent=1)


def costs(change: Mapping) -> set[str]:
    """How much the fields of a planned change hurt."""
    return {each["disruption"] for each in change["fields"]}


def costs_of(change: Mapping) -> dict[str, str]:
    """Path -> how much it hurts."""
    return {each["path"]: each["disruption"] for each in change["fields"]}


def aliases(elements: Iterable[etree._Element]) -> list[str]:
    """The names that documents gave to devices."""
    found = (element.find("alias") for element in elements)
    given = (alias.get("name", "") for alias in found if alias is not None)
    return sorted(name.removeprefix("ua-") for name in given if name.startswith("ua-"))


# What is plugged


def image(path: Path, mebibytes: int = 4) -> str:
    """A raw image, sparse."""
    with path.open("wb") as file:
        file.truncate(mebibytes * MIB)
    return str(path)


def disc(path: Path, label: str) -> str:
    """An ISO 9660 image with nothing but its label (ECMA-119: the volume descriptor is in sector 16)."""
    data = bytearray(40 * 2048)
    data[0x8000:0x8008] = b"\1CD001\1\0"
    data[0x8028:0x8048] = label.encode().ljust(32)
    path.write_bytes(data)
    return str(path)


def laboratory(hosted, directory: Path) -> Lab:
    """A lab that a whole module uses, on a host of its own."""
    desired = directory / "desired"
    desired.mkdir()
    return Lab(desired, directory / "state-0", hosted.uri)


def bench(hosted, directory: Path, name: str, spec: Mapping[str, object], **more: object) -> Iterator[Machine]:
    """A machine for a module's fixture; at the end its host is empty."""
    machine = Machine(laboratory(hosted, directory), name, spec, **more)
    yield machine
    machine.inside.close()
    sweep(hosted.uri)
