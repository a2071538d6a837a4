"""The program with a witness at libvirt's door: it writes down every call, and may kill somebody after one of them.

    python witness.py LOG VICTIM AFTER ARGUMENT…

Each call becomes a line of JSON in LOG: class, name of the object, method, arguments. After the call number AFTER that
changes something (0: never) VICTIM gets SIGKILL: "self", or the process id of a libvirtd.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The methods that change something, by how their names begin.
CHANGING = re.compile(
    r"(add|attach|blockResize|build|create|define|del|destroy|detach|managedSave|pin|reboot|rename|reset|resize|resume"
    r"|set(?!KeepAlive|CloseCallback)|shutdown|suspend|undefine|update|upload|wipe)"
)
CLASSES = ("virConnect", "virDomain", "virNetwork", "virStoragePool", "virStorageVol")


@dataclass(frozen=True)
class Call:
    """One call as it was written down."""

    owner: str
    name: str
    method: str
    arguments: tuple[Any, ...]

    @property
    def changes(self) -> bool:
        return bool(CHANGING.match(self.method))


def calls(log: Path) -> list[Call]:
    """What the witness wrote down, in order."""
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [Call(owner, name, method, tuple(arguments)) for owner, name, method, arguments in rows]


def command(log: Path, arguments: Iterable[str], victim: str = "self", after: int = 0) -> list[str]:
    """The command line of the program (`python -m reconciler …`) with a witness."""
    python, _, _, *rest = arguments
    return [python, __file__, str(log), victim, str(after), *rest]


class _Witness:
    def __init__(self, log: str, victim: str, after: int) -> None:
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.victim = os.getpid() if victim == "self" else int(victim)
        self.after = after
        self.count = 0
        self.lock = threading.Lock()

    def stand_at(self, owner: type) -> None:
        """Take the place of every public method of a class."""
        name_of = getattr(owner, "name", None)
        for method, function in list(vars(owner).items()):
            if method.startswith("_") or not callable(function) or method in ("name", "connect", "c_pointer"):
                continue
            setattr(owner, method, self.around(owner.__name__, method, function, name_of))

    def around(self, owner: str, method: str, function: Callable[..., Any], name_of: Callable[..., str] | None) -> Any:
        def called(subject: Any, *arguments: Any, **named: Any) -> Any:
            result = function(subject, *arguments, **named)
            said = [argument if isinstance(argument, str | int) else repr(argument) for argument in arguments]
            name = name_of(subject) if name_of else ""
            os.write(self.log, (json.dumps([owner, name, method, said]) + "\n").encode())
            if CHANGING.match(method):
                self.strike()
            return result

        return called

    def strike(self) -> None:
        with self.lock:
            self.count += 1
            if self.count == self.after:
                os.kill(self.victim, signal.SIGKILL)


def main() -> None:
    import libvirt

    log, victim, after, *arguments = sys.argv[1:]
    witness = _Witness(log, victim, int(after))
    for name in CLASSES:
        witness.stand_at(getattr(libvirt, name))
    sys.argv[1:] = arguments
    from reconciler.__main__ import main as program

    program()


if __name__ == "__main__":
    main()
