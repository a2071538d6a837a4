"""A domain's devices: their fields, what identifies them, what new ones are born with, what they stand on."""

from __future__ import annotations

from reconciler.fields import Node
from reconciler.kinds.domain.devices.born import TPM_AT, born, born_for
from reconciler.kinds.domain.devices.channel import AGENT_AT, AGENT_BORN, CHANNELS, GUEST_AGENT, REDIRECTIONS
from reconciler.kinds.domain.devices.disk import DISKS
from reconciler.kinds.domain.devices.filesystem import FILESYSTEMS
from reconciler.kinds.domain.devices.graphics import GRAPHICS
from reconciler.kinds.domain.devices.hostdev import HOSTDEVS
from reconciler.kinds.domain.devices.identities import IDENTITIES
from reconciler.kinds.domain.devices.interface import INTERFACES
from reconciler.kinds.domain.devices.needs import needs
from reconciler.kinds.domain.devices.noise import is_noise
from reconciler.kinds.domain.devices.peripheral import INPUTS, PANICS, SHARED_MEMORIES, SMARTCARD, SOUNDS
from reconciler.kinds.domain.devices.places import displaced
from reconciler.kinds.domain.devices.platform import IOMMU, MEMORY_BALLOON, VSOCK, WATCHDOG
from reconciler.kinds.domain.devices.refusals import refusals
from reconciler.kinds.domain.devices.rng import RNGS
from reconciler.kinds.domain.devices.serial import CONSOLES, PARALLELS, SERIALS
from reconciler.kinds.domain.devices.spellings import normalise, same
from reconciler.kinds.domain.devices.tpm import TPM
from reconciler.kinds.domain.devices.video import VIDEOS

# The order of the reference and of a new definition.
DEVICES: tuple[Node, ...] = (
    DISKS,
    INTERFACES,
    FILESYSTEMS,
    HOSTDEVS,
    GRAPHICS,
    VIDEOS,
    SOUNDS,
    INPUTS,
    SERIALS,
    PARALLELS,
    CONSOLES,
    GUEST_AGENT,
    CHANNELS,
    REDIRECTIONS,
    RNGS,
    TPM,
    WATCHDOG,
    VSOCK,
    MEMORY_BALLOON,
    IOMMU,
    PANICS,
    SHARED_MEMORIES,
    SMARTCARD,
)

__all__ = [
    "AGENT_AT",
    "AGENT_BORN",
    "DEVICES",
    "IDENTITIES",
    "TPM_AT",
    "born",
    "born_for",
    "displaced",
    "is_noise",
    "needs",
    "normalise",
    "refusals",
    "same",
]
