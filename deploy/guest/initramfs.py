"""A file tree as Linux boots from: cpio's `newc` format (kernel source, Documentation/driver-api/early-userspace)."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Node:
    """One entry: mode with its type, content (a link's is its target), and a device's numbers."""

    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Tree:
    """Paths without a leading "/" and what is there."""

    nodes: dict[str, Node] = field(default_factory=dict)

    def directory(self, path: str) -> None:
        """The directory and all above it."""
        self._parents(path)
        self.nodes.setdefault(path, Node(stat.S_IFDIR | 0o755))

    def file(self, path: str, content: bytes, mode: int = 0o755) -> None:
        self._parents(path)
        self.nodes[path] = Node(stat.S_IFREG | mode, content)

    def link(self, path: str, target: str) -> None:
        self._parents(path)
        self.nodes.setdefault(path, Node(stat.S_IFLNK | 0o777, target.encode()))

    def _parents(self, path: str) -> None:
        for parent in list(PurePosixPath(path).parents)[:-1]:
            self.nodes.setdefault(str(parent), Node(stat.S_IFDIR | 0o755))

    def archive(self) -> bytes:
        """The whole tree, directories before what they hold. The kernel opens /dev/console before init can make it."""
        entries = sorted(self.nodes.items(), key=lambda entry: (entry[0].count("/"), entry[0]))
        entries.append(("dev/console", Node(stat.S_IFCHR | 0o600, device=(5, 1))))
        entries.append(("TRAILER!!!", Node(0)))
        return b"".join(_entry(number, name, node) for number, (name, node) in enumerate(entries, 1))


def _entry(number: int, name: str, node: Node) -> bytes:
    uid = gid = modified = check = major = minor = 0
    links = 1
    numbers = (
        *(number, node.mode, uid, gid, links, modified, len(node.content), major, minor),
        *(*node.device, len(name) + 1, check),
    )
    header = b"070701" + b"".join(b"%08X" % value for value in numbers)
    return _padded(header + name.encode() + b"\0") + _padded(node.content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
