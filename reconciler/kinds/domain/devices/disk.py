"""Disks, CD-ROM drives and floppies."""

from __future__ import annotations

from reconciler.fields import MEMORY, NAME, ON_OFF, PRESENT, SIZE, YES_NO, Field, Group, Items, Node, choice, integer, text
from reconciler.kinds.domain.devices import source
from reconciler.kinds.domain.devices.codecs import boot_order, name_of, virtio_options
from reconciler.kinds.domain.devices.iotune import LIMITS
from reconciler.model.documents import Address
