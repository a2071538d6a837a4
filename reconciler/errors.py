"""A problem that a user meets, raised as `ReconcilerError` or as the subclass of its family."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.catalogue import CATALOGUE, Entry, Family


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: its number, a sentence in the user's own names, and where it was found.

    `where` is `file:line:column`, a host name or a resource, as far as it is known; "" otherwise.
    """

    number: str
    message: str
    where: str = ""

    @property
    def entry(self) -> Entry:
        return CATALOGUE[self.number]

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message} [{self.number}]"


class ReconcilerError(Exception):
    """One or more problems that stop what was asked for."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @property
    def family(self) -> Family:
        return self.problems[0].entry.family


class ManifestError(ReconcilerError):
    """The documents are wrong: mend them."""


class UnreachableError(ReconcilerError):
    """The host cannot be asked: nothing is known about it, so nothing is changed on it."""


class RefusedError(ReconcilerError):
    """A guard, a missing permission or another owner says no."""


class BusyError(ReconcilerError):
    """Somebody else is at work, or the world has moved since the plan: try again."""


class DeniedError(ReconcilerError):
    """libvirt or the system does not allow it."""


class HostError(ReconcilerError):
    """libvirt said no to one call; the text is libvirt's own."""


FAMILIES: dict[Family, type[ReconcilerError]] = {
    Family.FAILED: HostError,
    Family.USAGE: ReconcilerError,
    Family.MANIFEST: ManifestError,
    Family.UNREACHABLE: UnreachableError,
    Family.REFUSED: RefusedError,
    Family.BUSY: BusyError,
    Family.DENIED: DeniedError,
}


def trouble(number: str, message: str, where: str = "") -> ReconcilerError:
    """The exception for one problem, of the class of its family."""
    problem = Problem(number, message, where)
    return FAMILIES[problem.entry.family]((problem,))
