"""`Kind/name`: how a resource is called everywhere."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import trouble


@dataclass(frozen=True, order=True, slots=True)
class Ref:
    """One resource: `Domain/web-1`, `Volume/default/web-1-data` (pool and volume make a volume's name)."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @staticmethod
    def parse(text: str) -> Ref:
        """The Ref a user wrote; raises R801 where it is not `Kind/name`."""
        kind, slash, name = text.partition("/")
        if not (kind and slash and name):
            raise trouble("R801", f"{text!r} is not a resource; write Kind/name, for example Domain/web-1")
        return Ref(kind, name)
