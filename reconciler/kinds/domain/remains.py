"""What lies beside a machine's definition, and becomes of it when the machine goes: told before that is permitted."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.kinds.domain import seed, xml
from reconciler.kinds.domain.devices import TPM_AT
from reconciler.model.documents import Observed
from reconciler.model.plans import Disruption, FieldChange

_POLICY = "deletionPolicy is {}"


def remains(observed: Observed, data: bool) -> tuple[FieldChange, ...]:
    """Its firmware settings, the state of its TPM and its seeds. `data` is what the last apply said of its data."""
    return tuple(_remains(observed, data))


def _remains(observed: Observed, data: bool) -> Iterator[FieldChange]:
    texts = {**xml.read(observed.xml), **(xml.read(observed.live) if observed.live else {})}
    fate, why = (None, _POLICY.format("delete")) if data else ("stays", _POLICY.format("retain"))
    settings = texts.get("os/nvram", "" if texts.get("os@firmware") != "efi" else "present")
    if settings:
        yield FieldChange("firmware.nvram", settings, fate, Disruption.NONE, why)
    if texts.get(f"{TPM_AT}/backend@type") == "emulator":
        yield FieldChange("tpm.state", "present", fate, Disruption.NONE, why)
    for leaf, (_, path) in seed.SHOWN.items():
        if seed.is_seed(texts.get(leaf, "")):
            yield FieldChange(
                path, texts[leaf].rpartition("/")[2], None, Disruption.NONE, "it was made for this machine"
            )
