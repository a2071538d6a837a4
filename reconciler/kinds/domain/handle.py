"""libvirt's connection and domain as far as they are used here, and libvirt's numbers.

The handle is libvirt's own connection. Numbers are those of libvirt-domain.h and virterror.h, with their names without
the prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

CONNECT_LIST_DOMAINS_TRANSIENT = 8
CONNECT_LIST_DOMAINS_MANAGEDSAVE = 256
CONNECT_LIST_DOMAINS_AUTOSTART = 1024
DOMAIN_XML_SECURE = 1
DOMAIN_XML_INACTIVE = 2
DOMAIN_AFFECT_LIVE = 1
DOMAIN_AFFECT_CONFIG = 2
DOMAIN_METADATA_DESCRIPTION = 0
DOMAIN_METADATA_TITLE = 1
DOMAIN_METADATA_ELEMENT = 2
DOMAIN_DESTROY_GRACEFUL = 1
DOMAIN_UNDEFINE_MANAGED_SAVE = 1
DOMAIN_UNDEFINE_SNAPSHOTS_METADATA = 2
DOMAIN_UNDEFINE_NVRAM = 4
DOMAIN_UNDEFINE_KEEP_NVRAM = 8
DOMAIN_UNDEFINE_CHECKPOINTS_METADATA = 16
DOMAIN_UNDEFINE_TPM = 32
DOMAIN_UNDEFINE_KEEP_TPM = 64
EVENT_DEVICE_REMOVED = 15
EVENT_DEVICE_REMOVAL_FAILED = 22
ERR_INTERNAL = 1
DOMAIN_SHUTDOWN_ACPI_POWER_BTN = 1
DOMAIN_SHUTDOWN_GUEST_AGENT = 2
DOMAIN_STATS_STATE = 1
ERR_NO_SUPPORT = 3
ERR_INVALID_ARG = 8
ERR_OPERATION_FAILED = 9
ERR_XML = 27
ERR_NO_DOMAIN = 42
ERR_OPERATION_INVALID = 55
ERR_CONFIG_UNSUPPORTED = 67
ERR_OPERATION_TIMEOUT = 68


class Domain(Protocol):
    """What is used of libvirt.virDomain."""

    def name(self) -> str: ...
    def UUIDString(self) -> str: ...  # noqa: N802 (libvirt's name)
    def ID(self) -> int: ...  # noqa: N802
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def isActive(self) -> int: ...  # noqa: N802
    def isPersistent(self) -> int: ...  # noqa: N802
    def hasManagedSaveImage(self) -> int: ...  # noqa: N802
    def autostart(self) -> int: ...
    def state(self) -> list[int]: ...
    def create(self) -> int: ...
    def rename(self, dname: str, flags: int) -> int: ...
    def resume(self) -> int: ...
    def jobStats(self) -> Mapping[str, int | str]: ...  # noqa: N802
    def pMWakeup(self, flags: int) -> int: ...  # noqa: N802
    def shutdown(self) -> int: ...
    def shutdownFlags(self, flags: int) -> int: ...  # noqa: N802
    def destroy(self) -> int: ...
    def destroyFlags(self, flags: int) -> int: ...  # noqa: N802
    def undefineFlags(self, flags: int) -> int: ...  # noqa: N802
    def setAutostart(self, autostart: int) -> int: ...  # noqa: N802
    def setMetadata(self, type: int, metadata: str | None, key: str | None, uri: str | None, flags: int) -> int: ...  # noqa: N802
    def setMemoryFlags(self, memory: int, flags: int) -> int: ...  # noqa: N802
    def setVcpusFlags(self, nvcpus: int, flags: int) -> int: ...  # noqa: N802
    def attachDeviceFlags(self, xml: str, flags: int) -> int: ...  # noqa: N802
    def updateDeviceFlags(self, xml: str, flags: int) -> int: ...  # noqa: N802
    def detachDeviceFlags(self, xml: str, flags: int) -> int: ...  # noqa: N802
    def detachDeviceAlias(self, alias: str, flags: int) -> int: ...  # noqa: N802
    def setSchedulerParametersFlags(self, params: Mapping[str, int], flags: int) -> int: ...  # noqa: N802
    def setMemoryParameters(self, params: Mapping[str, int], flags: int) -> int: ...  # noqa: N802
    def setNumaParameters(self, params: Mapping[str, str], flags: int) -> int: ...  # noqa: N802
    def setBlkioParameters(self, params: Mapping[str, int | str], flags: int) -> int: ...  # noqa: N802
    def setBlockIoTune(self, disk: str, params: Mapping[str, int | str], flags: int) -> int: ...  # noqa: N802
    def addIOThread(self, iothread_id: int, flags: int) -> int: ...  # noqa: N802
    def delIOThread(self, iothread_id: int, flags: int) -> int: ...  # noqa: N802
    def setMemoryStatsPeriod(self, period: int, flags: int) -> int: ...  # noqa: N802
    def pinVcpuFlags(self, vcpu: int, cpumap: tuple[bool, ...], flags: int) -> int: ...  # noqa: N802
    def pinEmulator(self, cpumap: tuple[bool, ...], flags: int) -> int: ...  # noqa: N802
    def pinIOThread(self, iothread_id: int, cpumap: tuple[bool, ...], flags: int) -> int: ...  # noqa: N802
    def setLifecycleAction(self, type: int, action: int, flags: int) -> int: ...  # noqa: N802
    def connect(self) -> Connection: ...


class Connection(Protocol):
    """What is used of libvirt.virConnect."""

    def listAllDomains(self, flags: int = 0) -> list[Domain]: ...  # noqa: N802
    def getAllDomainStats(self, stats: int, flags: int) -> list[tuple[Domain, Mapping[str, int]]]: ...  # noqa: N802
    def lookupByName(self, name: str) -> Domain: ...  # noqa: N802
    def lookupByUUIDString(self, uuidstr: str) -> Domain: ...  # noqa: N802
    def defineXML(self, xml: str) -> Domain: ...  # noqa: N802
    def getInfo(self) -> list[int]: ...  # noqa: N802
    def domainEventRegisterAny(  # noqa: N802
        self,
        dom: Domain | None,
        eventID: int,  # noqa: N803
        cb: DeviceEvent,
        opaque: object,
    ) -> int: ...
    def domainEventDeregisterAny(self, callbackID: int) -> int: ...  # noqa: N802, N803


# Called with the connection, the domain, the device's alias and what was given at registration.
DeviceEvent = Callable[[object, object, str, object], None]
