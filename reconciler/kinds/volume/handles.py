"""What volumes use of libvirt's own objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

Opaque = TypeVar("Opaque")


class Stream(Protocol):
    """What we use of virStream."""

    def send(self, data: bytes) -> int: ...
    def sendHole(self, length: int, flags: int = 0) -> int: ...  # noqa: N802
    def recvAll(self, handler: Callable[[Stream, bytes, Opaque], None], opaque: Opaque) -> None: ...  # noqa: N802
    def finish(self) -> int: ...
    def abort(self) -> int: ...


class Volume(Protocol):
    """What we use of virStorageVol. Name and key are known without asking the host."""

    def name(self) -> str: ...
    def key(self) -> str: ...
    def path(self) -> str: ...
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def info(self) -> list[int]: ...
    def resize(self, capacity: int, flags: int) -> int: ...
    def upload(self, stream: Stream, offset: int, length: int, flags: int) -> int: ...
    def download(self, stream: Stream, offset: int, length: int, flags: int) -> int: ...
    def delete(self, flags: int) -> int: ...


class Pool(Protocol):
    """What we use of virStoragePool."""

    def name(self) -> str: ...
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def refresh(self, flags: int) -> int: ...
    def listAllVolumes(self, flags: int) -> list[Volume]: ...  # noqa: N802
    def storageVolLookupByName(self, name: str) -> Volume: ...  # noqa: N802
    def createXML(self, xml: str, flags: int) -> Volume: ...  # noqa: N802
    def createXMLFrom(self, xml: str, clonevol: Volume, flags: int) -> Volume: ...  # noqa: N802


class Domain(Protocol):
    """What we use of virDomain."""

    def name(self) -> str: ...
    def isActive(self) -> int: ...  # noqa: N802
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def managedSaveGetXMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def blockInfo(self, path: str) -> list[int]: ...  # noqa: N802
    def blockResize(self, disk: str, size: int, flags: int) -> int: ...  # noqa: N802


class Connection(Protocol):
    """What we use of virConnect."""

    def listAllStoragePools(self, flags: int) -> list[Pool]: ...  # noqa: N802
    def storagePoolLookupByName(self, name: str) -> Pool: ...  # noqa: N802
    def listAllDomains(self, flags: int) -> list[Domain]: ...  # noqa: N802
    def newStream(self, flags: int) -> Stream: ...  # noqa: N802
