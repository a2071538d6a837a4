"""The fields of the hypervisor's features and of what a guest may take of its host."""

from __future__ import annotations

from reconciler.codecs import CPUSET, MEMORY, ON_OFF, PATH, PRESENT, TEXT, Codec, choice, integer, text
from reconciler.fields import Field, Group, Items, Node


def _switch(name: str, at: str, doc: str) -> Field:
    """A feature that is on or off; taking it out of the document removes its element."""
    return Field(name=name, at=f"features/{at}@state", codec=ON_OFF, doc=doc, example=True, whole=True)


def _present(name: str, doc: str, *, keep: bool = False) -> Field:
    """A feature that is on by being there."""
    return Field(name=name, at=f"features/{name}", codec=PRESENT, doc=doc, example=True, keep=keep)


def _word(name: str, at: str, codec: Codec, doc: str, example: object) -> Field:
    return Field(name=name, at=f"features/{at}", codec=codec, doc=doc, example=example, whole=True)


HYPERV = Group(
    name="hyperv",
    doc="What Windows guests know of Hyper-V.",
    fields=(
        Field(
            name="mode",
            at="features/hyperv@mode",
            codec=choice("custom", "passthrough"),
            doc="The ones written here, or all that the host has.",
            example="custom",
        ),
        _switch("relaxed", "hyperv/relaxed", "Relaxed timing."),
        _switch("vapic", "hyperv/vapic", "A virtual APIC."),
        _word(
            "spinlocks",
            "hyperv/spinlocks@retries",
            integer(4095),
            "Spin locks that give way after so many tries.",
            8191,
        ),
        _switch("vpindex", "hyperv/vpindex", "An index for each virtual processor."),
        _switch("runtime", "hyperv/runtime", "How long a processor has run."),
        _switch("synic", "hyperv/synic", "A synthetic interrupt controller."),
        _switch("stimer", "hyperv/stimer", "Synthetic timers."),
        _switch("reset", "hyperv/reset", "A reset through the hypervisor."),
        _switch("frequencies", "hyperv/frequencies", "The frequency registers."),
        _switch("reenlightenment", "hyperv/reenlightenment", "A word after migration."),
        _switch("tlbflush", "hyperv/tlbflush", "Flushing of remote address caches."),
        _switch("ipi", "hyperv/ipi", "Interrupts between processors."),
        _switch("evmcs", "hyperv/evmcs", "Enlightened control structures."),
        _switch("avic", "hyperv/avic", "Hardware APIC virtualisation."),
        _word("vendorId", "hyperv/vendor_id@value", text(pattern=".{1,12}"), "The hypervisor's name.", "KVM Hv"),
    ),
)

FEATURES = Group(
    name="features",
    doc="What the hypervisor offers the guest.",
    fields=(
        _present("acpi", "Power management; a new x86 machine has it.", keep=True),
        Group(
            name="apic",
            doc="Programmable interrupts; a new x86 machine has them.",
            short=("enabled",),
            fields=(
                Field(
                    name="enabled",
                    at="features/apic",
                    codec=PRESENT,
                    doc="Whether it has them.",
                    example=True,
                    keep=True,
                ),
                Field(name="eoi", at="features/apic@eoi", codec=ON_OFF, doc="A fast end of interrupt.", example=True),
            ),
        ),
        _present("pae", "Physical addresses beyond 4 GiB on 32 bits."),
        _switch("hap", "hap", "Paging by the hardware."),
        _present("viridian", "Hyper-V features on Xen."),
        _present("privnet", "A private network name space for containers."),
        HYPERV,
        Group(
            name="kvm",
            doc="What guests know of KVM.",
            fields=(
                _switch("hidden", "kvm/hidden", "Hide KVM from the guest."),
                _switch("hintDedicated", "kvm/hint-dedicated", "Say that its processors are its own."),
                _switch("pollControl", "kvm/poll-control", "Let the guest poll instead of the host."),
                _switch("pvIpi", "kvm/pv-ipi", "Interrupts between processors by hypercall."),
            ),
        ),
        _switch("pmu", "pmu", "Performance counters."),
        _switch("vmport", "vmport", "VMware's port."),
        _switch("smm", "smm", "System management mode; secure boot needs it."),
        _word("gic", "gic@version", choice("2", "3", "host"), "The ARM interrupt controller.", "3"),
        _word("ioapic", "ioapic@driver", choice("kvm", "qemu"), "Who makes the I/O APIC.", "qemu"),
        _switch("pvspinlock", "pvspinlock", "Paravirtual spin locks."),
        _word(
            "hpt",
            "hpt@resizing",
            choice("enabled", "disabled", "required"),
            "Resizing of POWER's page table.",
            "enabled",
        ),
        _switch("htm", "htm", "POWER's transactional memory."),
        _switch("nestedHv", "nested-hv", "POWER's nested virtualisation."),
        _switch("ccfAssist", "ccf-assist", "POWER's count cache flush."),
        _word("msrs", "msrs@unknown", choice("ignore", "fault"), "What unknown registers do.", "ignore"),
    ),
)


def _pins(name: str, at: str, key: str, first: int, doc: str) -> Items:
    """A list of threads with the host's CPUs each may use."""
    return Items(
        name=name,
        at=f"cputune/{at}",
        doc=doc,
        key=key,
        fields=(
            Field(name=key, at=f"@{key}", codec=integer(first), doc="Its number.", example=first, must=True),
            Field(name="cpuset", at="@cpuset", codec=CPUSET, doc="The host's CPUs.", example="2-3", must=True),
        ),
    )


# What libvirt means by no period and no quota (cgroups of Linux).
_UNSAID = {"period": "100000", "quota": "-1"}


def _share(name: str, at: str, low: int, unit: str, doc: str, example: int) -> Field:
    unsaid = _UNSAID.get(at.rpartition("_")[2])
    return Field(name=name, at=f"cputune/{at}", codec=integer(low, unit=unit), doc=doc, example=example, implied=unsaid)


CPUTUNE = Group(
    name="cputune",
    doc="Processor time and pinning.",
    fields=(
        _share("shares", "shares", 2, "", "Its weight against other guests.", 2048),
        _share("period", "period", 1000, "microseconds", "The period of each vCPU's quota.", 100000),
        _share("quota", "quota", -1, "microseconds", "What each vCPU may run of a period.", 50000),
        _share("globalPeriod", "global_period", 1000, "microseconds", "The period of the whole guest's quota.", 100000),
        _share("globalQuota", "global_quota", -1, "microseconds", "What the whole guest may run of it.", 50000),
        _share(
            "emulatorPeriod", "emulator_period", 1000, "microseconds", "The period of the emulator's quota.", 100000
        ),
        _share("emulatorQuota", "emulator_quota", -1, "microseconds", "What the emulator may run of it.", 50000),
        _share(
            "iothreadPeriod", "iothread_period", 1000, "microseconds", "The period of each I/O thread's quota.", 100000
        ),
        _share("iothreadQuota", "iothread_quota", -1, "microseconds", "What each I/O thread may run of it.", 50000),
        _pins("vcpuPins", "vcpupin", "vcpu", 0, "Where each vCPU runs."),
        Field(
            name="emulatorPin",
            at="cputune/emulatorpin@cpuset",
            codec=CPUSET,
            doc="Where the emulator runs.",
            example="0-1",
            whole=True,
        ),
        _pins("iothreadPins", "iothreadpin", "iothread", 1, "Where each I/O thread runs."),
    ),
)


def _limit(name: str, at: str, doc: str, example: str) -> Field:
    return Field(name=name, at=f"memtune/{at}", codec=MEMORY, doc=doc, example=example)


MEMTUNE = Group(
    name="memtune",
    doc="Limits on the memory that the whole process takes.",
    fields=(
        _limit("hardLimit", "hard_limit", "More is never given; too little kills the guest.", "10GiB"),
        _limit("softLimit", "soft_limit", "What it is held to when memory is short.", "8GiB"),
        _limit("swapHardLimit", "swap_hard_limit", "Memory and swap together.", "12GiB"),
    ),
)

_MEMORY_MODE = choice("strict", "preferred", "interleave", "restrictive")

NUMATUNE = Group(
    name="numatune",
    doc="The host's NUMA nodes that its memory comes from.",
    fields=(
        Field(name="mode", at="numatune/memory@mode", codec=_MEMORY_MODE, doc="How strictly.", example="strict"),
        Field(
            name="nodeset",
            at="numatune/memory@nodeset",
            codec=CPUSET,
            doc="The host's nodes.",
            example="0",
            whole=True,
        ),
        Field(
            name="placement",
            at="numatune/memory@placement",
            codec=choice("static", "auto"),
            doc="Who chooses: auto asks numad.",
            example="static",
            implied="static",
        ),
        Items(
            name="cells",
            at="numatune/memnode",
            doc="The host's nodes for single cells of the guest.",
            key="cell",
            fields=(
                Field(name="cell", at="@cellid", codec=integer(), doc="The guest's cell.", example=0, must=True),
                Field(name="mode", at="@mode", codec=_MEMORY_MODE, doc="How strictly.", example="strict", must=True),
                Field(name="nodeset", at="@nodeset", codec=CPUSET, doc="The host's nodes.", example="0", must=True),
            ),
        ),
    ),
)

BLKIOTUNE = Group(
    name="blkiotune",
    doc="Its share of the host's disks.",
    fields=(
        Field(name="weight", at="blkiotune/weight", codec=integer(10, 1000), doc="Its weight.", example=500),
        Items(
            name="devices",
            at="blkiotune/device",
            doc="Limits on single disks of the host.",
            key="path",
            fields=(
                Field(name="path", at="path", codec=PATH, doc="The host's disk.", example="/dev/sda", must=True),
                Field(name="weight", at="weight", codec=integer(10, 1000), doc="Its weight.", example=500),
                Field(name="readOps", at="read_iops_sec", codec=integer(), doc="Reads a second.", example=2000),
                Field(name="writeOps", at="write_iops_sec", codec=integer(), doc="Writes a second.", example=1000),
                Field(
                    name="readBytes",
                    at="read_bytes_sec",
                    codec=integer(unit="bytes"),
                    doc="Bytes read a second.",
                    example=104857600,
                ),
                Field(
                    name="writeBytes",
                    at="write_bytes_sec",
                    codec=integer(unit="bytes"),
                    doc="Bytes written a second.",
                    example=52428800,
                ),
            ),
        ),
    ),
)

RESOURCES: tuple[Node, ...] = (
    Field(name="iothreads", at="iothreads", codec=integer(), doc="Threads that serve disks.", example=2),
    CPUTUNE,
    MEMTUNE,
    NUMATUNE,
    BLKIOTUNE,
    Field(
        name="partition",
        at="resource/partition",
        codec=TEXT,
        doc="The control group that it belongs to.",
        example="/machine/production",
    ),
)
