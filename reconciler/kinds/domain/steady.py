"""A running definition without what moves in it by itself, so that looking twice gives the same twice."""

from __future__ import annotations

import re
from collections.abc import Callable

from reconciler.kinds.domain.modules import dimms_in
from reconciler.kinds.domain.xml import numbers

_CONNECTED = re.compile(r" state='(?:dis)?connected'")
_PORT = re.compile(r"(<source network='[^']*'[^>]*?) portid='[^']*'(?: bridge='[^']*')?")
_BALLOON = re.compile(r"(<currentMemory[^>]*>)(\d+)(?=<)")
_MEMORY = re.compile(r"<memory unit='KiB'>(\d+)<")
_PIN = re.compile(r"\s*<(?:vcpupin|emulatorpin|iothreadpin)\b[^>]*\bcpuset='([^']*)'/>")


def steady(live: str, config: str, cpus: Callable[[], int]) -> str:
    """The running definition but for whether the agent is connected, which port of its network an interface has, where
    the balloon is, and pins that are none. `cpus` asks how many the host has."""
    still = _at_rest(_PORT.sub(r"\1", _CONNECTED.sub("", live)), config)
    pinned = any(pin[0].strip() not in config for pin in _PIN.finditer(still))
    return _unpinned(still, config, cpus()) if pinned else still


def _at_rest(live: str, config: str) -> str:
    """The balloon where the definition wants it, as long as the guest was booted with that much.

    It follows in its own time, and not at all where the guest has no driver for it (QEMU 7.2).
    """
    found, booted = _BALLOON.search(config), _MEMORY.search(live)
    if found is None or booted is None:
        return live
    # Modules may be plugged into one and not into the other.
    wanted = int(found[2]) - dimms_in(config) + dimms_in(live)
    return live if wanted > int(booted[1]) else _BALLOON.sub(lambda found: f"{found[1]}{wanted}", live, count=1)


def _unpinned(live: str, config: str, cpus: int) -> str:
    """The definition without threads that may run on every CPU of the host.

    That is all that is left of a pin that was taken away: libvirt 9.0 has no call to forget it.
    """
    everywhere = set(range(cpus))

    def kept(found: re.Match[str]) -> str:
        return "" if found[0].strip() not in config and numbers(found[1]) >= everywhere else found[0]

    return _PIN.sub(kept, live)
