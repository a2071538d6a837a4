"""Content from outside for the steps that need it, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeGuard

from reconciler.errors import trouble
from reconciler.model.plans import FETCH, FILL, KindStep, Step
from reconciler.model.refs import Ref
from reconciler.ports import Content, ContentSource, Images, Watch


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done for a resource on a host, and how many bytes of how many (0: not known) are done."""

    ref: Ref
    host: str
    what: str
    done: int
    total: int


def source_of(arguments: Mapping[str, str]) -> ContentSource:
    """The source that the arguments of a FETCH or FILL step describe."""
    return ContentSource(
        url=arguments.get("url", ""),
        path=arguments.get("path", ""),
        digest=arguments.get("digest", ""),
        content_digest=arguments.get("contentDigest", ""),
        compression=arguments.get("compression", ""),
        format=arguments.get("format", ""),
        limit=int(arguments.get("limit", "0")),
    )


def asks(step: Step) -> TypeGuard[KindStep]:
    """Whether a step needs content from outside."""
    return isinstance(step, KindStep) and step.name in (FETCH, FILL)


def watching(ref: Ref, host: str, report: Callable[[Progress], None], stopping: Callable[[], bool]) -> Watch:
    """Tells about the progress of one resource; raises R509 once somebody has asked to stop."""

    def watch(what: str, done: int, total: int) -> None:
        if stopping():
            raise trouble("R509", f"stopped while {what} for {ref}; what has come is kept")
        report(Progress(ref, host, what, done, total))

    return watch


@contextmanager
def opened(images: Images, step: KindStep, watch: Watch) -> Iterator[Content]:
    """The content of a step, watched while it is read."""
    with images.opened(source_of(step.arguments), watch) as content:
        yield _Watched(content, watch)


class _Watched:
    """Content that tells how much of it was read."""

    def __init__(self, content: Content, watch: Watch) -> None:
        self._content, self._watch, self._done = content, watch, 0

    @property
    def length(self) -> int:
        return self._content.length

    def read(self, count: int, /) -> bytes:
        data = self._content.read(count)
        self._done += len(data)
        self._watch("storing", self._done, self.length)
        return data
