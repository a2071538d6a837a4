"""What is done to a running guest, as steps: devices out, changed and in, then its limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import unquote

from reconciler import definitions, markup
from reconciler.kind import Judged, Situation
from reconciler.kinds.domain import tunables as names
from reconciler.kinds.domain import xml
from reconciler.kinds.domain.modules import dimms
from reconciler.kinds.domain.slots import SINGLE
from reconciler.matching import align, rename
from reconciler.model.addresses import entry_keys, keys_of, pattern_of
from reconciler.model.documents import Address, Texts
from reconciler.model.plans import Diff, KindStep, Mark, Step

_SCSI = "devices/controller[scsi]"
# Ways whose steps need to know what the definition will be.
_ABOUT_TARGET = ("plug", "update", "tune", "iothreads")


def live_steps(situation: Situation, judged: Sequence[Judged], target: str) -> Iterator[Step]:
    """The steps that give the running guest what `target`, its definition from now on, holds of these differences.

    What goes comes before what is new, which may take its place; what a new disk needs comes before it.
    """
    yield from about(judged)
    if any(item.decision.way == "reconnect" for item in judged):
        yield KindStep("reconnect")
    if any(item.decision.way in _ABOUT_TARGET for item in judged):
        yield from _Live(situation, judged, target).steps()
    for item in judged:
        if item.decision.way == "vcpus" and item.diff.after:
            yield KindStep("vcpus", {"current": item.diff.after})


def balloon(situation: Situation, judged: Sequence[Judged]) -> Iterator[Step]:
    """The step that moves the balloon. It comes before the definition: where a balloon should be shows nowhere else."""
    for item in judged:
        if item.decision.way == "memory" and item.diff.after and item.diff.address == "currentMemory":
            yield KindStep("memory", {"current": str(int(item.diff.after) + dimms(situation.live))})


def about(judged: Sequence[Judged]) -> Iterator[Step]:
    """What people and programs say of the machine."""
    about = {item.diff.address: item.diff.after or "" for item in judged if item.decision.way == "metadata"}
    if about:
        yield KindStep("metadata", about)
    for item in judged:
        if item.decision.way == "mark" and item.diff.after:
            yield Mark(xml.owner(f"<domain><metadata>{item.diff.after}</metadata></domain>"))


class _Live:
    """The running definition beside the one to come, under the document's names."""

    def __init__(self, situation: Situation, judged: Sequence[Judged], target: str) -> None:
        self.situation = situation
        self.judged = judged
        root = markup.parse(target)
        texts = xml.read(target)
        renamed = align(situation.spec, texts, xml.IDENTITIES)
        self.final: Texts = rename(texts, renamed)
        places = dict(markup.walk(root, xml.IDENTITIES))
        self.places = {**places, **{ours: places[theirs] for ours, theirs in renamed.items() if theirs in places}}

    def steps(self) -> Iterator[Step]:
        yield from self._detach()
        yield from self._iothreads()
        yield from self._update()
        yield from self._attach()
        yield from self._tune()

    def _diffs(self, way: str) -> list[Diff]:
        return [item.diff for item in self.judged if item.decision.way == way]

    def _plugged(self) -> list[Address]:
        """The devices that come or go."""
        addresses = (diff.address for diff in self._diffs("plug"))
        single = (next((each for each in SINGLE if address.startswith(each)), address) for address in addresses)
        return list(dict.fromkeys(single))

    def _detach(self) -> Iterator[Step]:
        """All at once, so that they are waited for together."""
        going = [at for at in self._plugged() if at not in self.final and at in self.situation.live]
        aliases = {at: self.situation.live.get(f"{at}/alias@name", "") for at in going}
        if aliases:
            yield KindStep("detach", aliases)

    def _attach(self) -> Iterator[Step]:
        coming = [at for at in self._plugged() if at in self.final and at not in self.situation.live]
        # libvirt takes a device with a place in the boot order only where nothing else says what is booted.
        unordered = {"without": "boot"} if entry_keys(self.situation.live, "os/boot") else {}
        for at in (*self._controllers(coming), *coming):
            yield KindStep("attach", {"at": at, "xml": markup.canonical(self.places[at]), **unordered})

    def _controllers(self, coming: Iterable[Address]) -> Iterator[Address]:
        """A SCSI controller of our choice: libvirt's own would be one that few guests have a driver for."""
        scsi = any(self.final.get(f"{at}/target@bus") == "scsi" for at in coming)
        if scsi and _SCSI in self.places and not any(at.startswith(_SCSI[:-1]) for at in self.situation.live):
            yield _SCSI

    def _update(self) -> Iterator[Step]:
        """One step for each device with all that changes in it, written into what the guest has."""
        diffs = self._diffs("update")
        elements = dict.fromkeys(_device(diff.address) for diff in diffs)
        if not elements:
            return
        root = markup.parse(self.situation.observed.live or "")
        written = list(definitions.written(self.situation.spec, diffs, {}))
        markup.graft(root, written, xml.IDENTITIES, self.situation.live_renamed)
        places = dict(markup.walk(root, xml.IDENTITIES))
        for at in elements:
            found = places.get(self.situation.live_renamed.get(at, at))
            if found is not None:
                yield KindStep("update", {"at": at, "xml": markup.canonical(found)})

    def _iothreads(self) -> Iterator[Step]:
        if not self._diffs("iothreads"):
            return
        wanted = int(self.final.get("iothreads", "0"))
        have = names.threads(self.situation.live)
        changes = {str(one): "add" for one in range(1, wanted + 1) if one not in have}
        changes |= {str(one): "delete" for one in sorted(have, reverse=True) if one > wanted}
        if changes:
            yield KindStep("iothreads", changes)

    def _tune(self) -> Iterator[Step]:
        leaves = [at for diff in self._diffs("tune") for at in names.touched(diff, self.situation)]
        for name, arguments in _settings(dict.fromkeys(leaves), self.final):
            if arguments:
                yield KindStep(name, arguments)
        disks = dict.fromkeys(_device(at) for at in leaves if pattern_of(at).startswith("devices/disk[]/iotune"))
        for disk in disks:
            yield KindStep("iotune", self._iotune(disk))

    def _iotune(self, disk: Address) -> Mapping[str, str]:
        """All limits of one disk: QEMU takes them together or not at all."""
        group = self.final.get(f"{disk}/iotune/{names.IOTUNE_GROUP}")
        return {
            "disk": self.situation.live.get(f"{disk}/target@dev", ""),
            **{name: self.final.get(f"{disk}/iotune/{name}", "0") for name in names.IOTUNE},
            **({names.IOTUNE_GROUP: group} if group else {}),
        }


def _device(address: Address) -> Address:
    return address[: address.index("]") + 1]


def _settings(leaves: Iterable[Address], final: Texts) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The name of a step and what it sets: of these leaves, the values that the definition will have."""
    touched = list(leaves)

    def of(table: Mapping[Address, str]) -> dict[str, str]:
        return {table[at]: final.get(at, names.unset(at)) for at in touched if at in table}

    yield "scheduler", of(names.SCHEDULER)
    yield "memory limits", of(names.MEMORY)
    yield "lifecycle", {at: final[at] for at in touched if at in names.LIFECYCLE and at in final}
    yield "pin", dict(_pins(touched, final))
    yield "memory nodes", {at: final[at] for at in touched if at == "numatune/memory@nodeset" and at in final}
    yield "block weights", dict(_weights(touched, final))
    if any(at.startswith("devices/memballoon/stats") for at in touched):
        yield "balloon statistics", {"period": final.get("devices/memballoon/stats@period", "0")}


def _pins(touched: Iterable[Address], final: Texts) -> Iterator[tuple[str, str]]:
    """`vcpu 0` and the CPUs for it; "" is all of them."""
    for at in touched:
        pin = names.PIN.fullmatch(at)
        if pin is not None:
            element = at.partition("@")[0]
            yield f"{pin[1]} {pin[2] or ''}".strip(), final.get(f"{element}@cpuset", "")


def _weights(touched: Iterable[Address], final: Texts) -> Iterator[tuple[str, str]]:
    """The weight of all, or a limit on one disk of the host: libvirt wants `PATH,NUMBER` for those."""
    for at in touched:
        if at == names.WEIGHT and at in final:
            yield "weight", final[at]
        device, _, leaf = at.rpartition("/")
        if leaf in names.BLKIO_DEVICE and device.startswith("blkiotune/device["):
            path = unquote(keys_of(device)[0])
            yield f"{names.BLKIO_DEVICE[leaf]} {path}", final.get(at, "0")
