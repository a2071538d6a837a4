"""What each difference costs in a running guest: what QEMU and libvirt change at once, and what waits for a restart.

Tried on libvirt 9.0 with QEMU 7.2. Other hypervisors' guests take memory, vCPUs and metadata live; all else waits.
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.kind import Decision, Rule, Situation
from reconciler.kinds.domain import hotplug, sources, xml
from reconciler.kinds.domain.slots import LISTS, SINGLE
from reconciler.kinds.domain.tunables import IOTHREAD_OF, LIFECYCLE, SCHEDULER, can_be_unset, threads, touched
from reconciler.model.addresses import entry_keys, pattern_of
from reconciler.model.plans import Diff, Disruption

KEEPS = "running guest keeps the old value until then"
SAVED = "saved guest keeps the old value until it has been started and shut down"
Judge = Callable[[Diff, Situation], Decision]


def restart(diff: Diff, situation: Situation) -> Decision:
    """Stored now, and used by the guest that starts next."""
    return _waits(situation, KEEPS)


def _waits(situation: Situation, why: str) -> Decision:
    if situation.active:
        return Decision(Disruption.RESTART, why=why)
    return Decision(Disruption.RESTART, why=SAVED) if powered(situation) else Decision(Disruption.NONE)


def powered(situation: Situation) -> bool:
    """Whether a guest lives in this definition, running or saved to disk."""
    return situation.active or situation.observed.facts.get("!managedsave") == "yes"


def at_once(way: str) -> Judge:
    """Live in a running QEMU guest, by the steps of this way."""

    def judge(diff: Diff, situation: Situation) -> Decision:
        return Decision(Disruption.NONE, way) if is_qemu(situation) else restart(diff, situation)

    return judge


def is_qemu(situation: Situation) -> bool:
    return situation.active and situation.live.get("@type") in hotplug.QEMU


def unless(obstacle: Callable[[Diff, Situation], str], way: str) -> Judge:
    """Live by this way, where nothing stands against it: `obstacle` says what does."""

    def judge(diff: Diff, situation: Situation) -> Decision:
        if not is_qemu(situation):
            return restart(diff, situation)
        why = obstacle(diff, situation)
        return _waits(situation, why) if why else Decision(Disruption.NONE, way)

    return judge


def _comes_or_goes(diff: Diff, situation: Situation) -> str:
    if diff.after is None:
        return hotplug.cannot_go(diff.address, situation)
    return hotplug.cannot_come(diff.address, situation) if diff.before is None else KEEPS


def _single(diff: Diff, situation: Situation) -> str:
    """A device of which there is one: its fields differ one by one, and it comes or goes as a whole."""
    element = next(element for element in SINGLE if diff.address.startswith(element))
    if element in situation.live and element in situation.spec.claims:
        return KEEPS
    return _comes_or_goes(Diff(element, diff.before, diff.after), situation)


def _medium(diff: Diff, situation: Situation) -> Decision:
    """The medium of a drive changes while it runs; the data behind a disk does not, but it may be called otherwise."""
    disk = f"{diff.address.partition(']')[0]}]"
    if is_qemu(situation) and sources.is_source(diff.address) and sources.runs_on(disk, situation):
        return Decision(Disruption.NONE)
    removable = is_qemu(situation) and situation.live.get(f"{disk}@device") in ("cdrom", "floppy")
    return Decision(Disruption.NONE, "update") if removable else restart(diff, situation)


def _connection(diff: Diff, situation: Situation) -> str:
    """A tap device moves between bridges, whether they are named or those of a network."""
    at = f"{diff.address.partition(']')[0]}]@type"
    kinds = {situation.live.get(at), situation.spec.claims.get(at) or situation.texts.get(at)}
    return "" if kinds <= {"network", "bridge"} else KEEPS


def _password(diff: Diff, situation: Situation) -> str:
    """QEMU was told at start whether there is one; only another can be set."""
    live = situation.live.get(diff.address)
    return "" if live is not None and diff.after is not None else KEEPS


def _requested(diff: Diff, situation: Situation) -> str:
    model = situation.live.get(f"{diff.address.partition(']')[0]}]@model")
    return "" if model == "virtio-mem" else KEEPS


def _unset(diff: Diff, situation: Situation) -> str:
    """Some limits cannot be taken back to what they were before anybody set them."""
    stuck = diff.after is None and not all(map(can_be_unset, touched(diff, situation)))
    return "libvirt has no call that takes it back" if stuck else ""


def _hard_limit(diff: Diff, situation: Situation) -> str:
    """A limit below what the guest has would have the kernel kill it at once; libvirt does not look."""
    has = int(situation.live.get("memory", "0"))
    if diff.after is not None and diff.address == "memtune/hard_limit" and number(diff.after) < has:
        return "less than the guest's memory: the host would kill it at once"
    capped = "memtune/hard_limit" in {**situation.texts, **situation.spec.claims}
    if diff.after is not None and diff.address == "memtune/swap_hard_limit" and not capped:
        return "libvirt sets it live only beside a hard limit"
    return ""


def _nodeset(diff: Diff, situation: Situation) -> str:
    """The kernel moves a guest's memory where the mode is strict."""
    modes = {situation.live.get("numatune/memory@mode", "strict"), situation.texts.get("numatune/memory@mode")}
    strict = modes <= {"strict", "restrictive"} and len(modes) == 1
    return "" if strict and diff.after and "numatune/memory@nodeset" in situation.live else KEEPS


def _iothreads(diff: Diff, situation: Situation) -> str:
    """Threads come at once; they go where no disk of the running guest uses them."""
    wanted = number(diff.after)
    used = {text for address, text in situation.live.items() if IOTHREAD_OF.fullmatch(pattern_of(address))}
    going = {str(thread) for thread in threads(situation.live) if thread > wanted}
    return f"a disk of the running guest uses thread {min(going & used)}" if going & used else ""


def _processor(diff: Diff, situation: Situation) -> Decision:
    """Taking away what the guest was never started with costs it nothing; libvirt's default stands there then."""
    started = all(situation.texts.get(at) == situation.live.get(at) for at in ("cpu@mode", "cpu/model"))
    if situation.active and diff.after is None and not started:
        return Decision(Disruption.NONE)
    return restart(diff, situation)


def number(text: str | None) -> int:
    """The number in a text; 0 for what is none, which libvirt's schema refuses before it gets to the host."""
    return int(text) if text is not None and text.isdecimal() else 0


def balloon(diff: Diff, situation: Situation) -> Decision:
    """The balloon moves at once below what the guest was booted with, unless that is to change too."""
    maximum = situation.spec.claims.get("memory", situation.texts.get("memory"))
    if maximum and number(diff.after) > number(maximum):
        return Decision(Disruption.REFUSED, why="more than the domain's memory.max; raise that too")
    live = number(situation.live.get("memory"))
    if situation.active and maximum == situation.texts.get("memory") and 0 < number(diff.after) <= live:
        return Decision(Disruption.NONE, "memory")
    return restart(diff, situation)


def plug_vcpus(diff: Diff, situation: Situation) -> Decision:
    """vCPUs are plugged at once up to what the guest was booted with, and those that were plugged are taken away."""
    maximum = situation.spec.claims.get("vcpu", situation.texts.get("vcpu"))
    if maximum and number(diff.after) > number(maximum):
        return Decision(Disruption.REFUSED, why="more than the domain's vcpus.max; raise that too")
    live = xml.weigh(situation.observed.live or "")
    if situation.active and live.vcpus <= number(diff.after) <= live.vcpus_max:
        return Decision(Disruption.NONE, "vcpus")
    if situation.active and 0 < number(diff.after) < live.vcpus:
        why = _cannot_unplug(situation, live.vcpus - number(diff.after))
        return _waits(situation, why) if why else Decision(Disruption.NONE, "vcpus")
    return restart(diff, situation)


def _cannot_unplug(situation: Situation, count: int) -> str:
    """QEMU's emulation never finishes an unplug (7.2); libvirt marks the vCPUs of the start as not pluggable."""
    if situation.live.get("@type") != "kvm":
        return "only KVM takes vCPUs away from a running guest"
    pluggable = [
        key
        for key in entry_keys(situation.live, "vcpus/vcpu")
        if situation.live.get(f"vcpus/vcpu[{key}]@enabled") == "yes"
        and situation.live.get(f"vcpus/vcpu[{key}]@hotpluggable") == "yes"
    ]
    return "" if len(pluggable) >= count else "the guest was booted with them, and only plugged ones can be taken away"


_DEVICES = "Plugged in and out live where the machine has room and the bus allows it; else at a restart."
STORED = "Stored at once; a running guest keeps the old value until it restarts."
_LIMITS = "Changed live; some, once set, are only taken away by a restart."

# All of it is about running QEMU guests; a stopped machine's definition is simply stored. The first match decides.
RULES: tuple[Rule, ...] = (
    Rule(
        "currentMemory*", balloon, "Live up to what the guest was booted with, else a restart; never above memory.max."
    ),
    Rule(
        "vcpu@current",
        plug_vcpus,
        "Added live up to what the guest was booted with, never above vcpus.max; on KVM also taken away again.",
    ),
    Rule("cpu", _processor, STORED),
    Rule("cpu[/@]*", _processor, STORED),
    Rule("iothreads", unless(_iothreads, "iothreads"), "Added live, and taken away where no disk uses them."),
    Rule("cputune", unless(_unset, "tune"), _LIMITS),
    Rule("cputune/*pin*", at_once("tune"), "Threads are moved to other CPUs live."),
    *(Rule(address, unless(_unset, "tune"), _LIMITS) for address in SCHEDULER),
    Rule(
        "memtune*",
        unless(_hard_limit, "tune"),
        "Changed live; a hard limit below the guest's memory waits for a restart.",
    ),
    Rule(
        "numatune/memory@nodeset",
        unless(_nodeset, "tune"),
        "Moved live in mode strict or restrictive, else at a restart.",
    ),
    Rule("blkiotune*", unless(_unset, "tune"), _LIMITS),
    *(Rule(address, at_once("tune"), "Changed live.") for address in LIFECYCLE),
    Rule("devices/memballoon/stats*", at_once("tune"), "Changed live."),
    Rule("devices/disk[]/iotune*", unless(_unset, "tune"), _LIMITS),
    *(Rule(pattern, unless(_comes_or_goes, "plug"), _DEVICES) for pattern in LISTS),
    *(Rule(f"{element}*", unless(_single, "plug"), _DEVICES) for element in SINGLE),
    *(
        Rule(
            f"devices/disk[]{leaf}",
            _medium,
            "The medium of a CD-ROM or floppy drive changes live; a disk's stays.",
        )
        for leaf in ("@type", "/source*", "/driver@type")
    ),
    *(
        Rule(f"devices/interface[]{leaf}", unless(_connection, "update"), "Moved live between networks and bridges.")
        for leaf in ("@type", "/source*")
    ),
    *(
        Rule(f"devices/interface[]/{leaf}*", at_once("update"), "Changed live.")
        for leaf in ("link", "bandwidth", "filterref", "port", "coalesce")
    ),
    Rule(
        "devices/graphics[]@passwd*",
        unless(_password, "update"),
        "Another password or another end of it is set live; having one at all is decided at the start.",
    ),
    Rule("devices/memory[]/target/requested", unless(_requested, "update"), "The guest is asked for it at once."),
)
