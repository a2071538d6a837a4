"""The Trusted Platform Module."""

from __future__ import annotations

from reconciler.codecs import PATH, PRESENT, UUID, YES_NO, choice
from reconciler.fields import Field, Group, Node
from reconciler.model.documents import Address

_BANKS = ("sha1", "sha256", "sha384", "sha512")

_FIELDS: tuple[Node, ...] = (
    Field(
        name="model",
        at="@model",
        codec=choice("tpm-crb", "tpm-tis", "tpm-spapr", "spapr-tpm-proxy"),
        doc="The device that the guest sees; tpm-crb needs version 2.0.",
        example="tpm-crb",
        keep=True,
    ),
    Field(
        name="backend",
        at="backend@type",
        codec=choice("emulator", "passthrough", "external"),
        doc="What stands behind it: swtpm run by libvirt, the host's own TPM, or a socket of somebody else's swtpm.",
        example="emulator",
        keep=True,
    ),
    Field(
        name="version",
        when=(("backend", ("emulator",)),),
        at="backend@version",
        codec=choice("2.0", "1.2"),
        doc="The version of the specification that the emulator follows.",
        example="2.0",
        keep=True,
    ),
    Field(
        name="device",
        when=(("backend", ("passthrough",)),),
        at="backend/device@path",
        codec=PATH,
        doc="The host's TPM to pass through.",
        example="/dev/tpm0",
        keep=True,
    ),
    Field(
        name="socket",
        when=(("backend", ("external",)),),
        at="backend/source@path",
        codec=PATH,
        doc="The socket of an external TPM.",
        example="/run/swtpm.sock",
    ),
    Field(
        name="secret",
        when=(("backend", ("emulator",)),),
        at="backend/encryption@secret",
        codec=UUID,
        doc="The libvirt secret that encrypts the emulator's state, by its UUID.",
        example="6dd3e4a5-1d76-44ce-961f-f119f5aad935",
    ),
    Field(
        name="persistentState",
        when=(("backend", ("emulator",)),),
        at="backend@persistent_state",
        codec=YES_NO,
        doc="Whether the state of a transient domain's emulator is kept.",
        example=True,
        implied="no",
    ),
    Group(
        name="pcrBanks",
        when=(("backend", ("emulator",)),),
        doc="Which banks of platform configuration registers the emulator has active.",
        fields=tuple(
            Field(
                name=bank,
                at=f"backend/active_pcr_banks/{bank}",
                codec=PRESENT,
                doc=f"Whether the {bank} bank is active.",
                example=True,
            )
            for bank in _BANKS
        ),
        example={"sha256": True},
    ),
)


def _derive(claims: dict[Address, str | None]) -> None:
    """The backend that the other values speak of, and what libvirt's parser insists on."""
    external, device = "backend/source@path" in claims, "backend/device@path" in claims
    claims.setdefault("backend@type", "external" if external else "passthrough" if device else "emulator")
    if external:
        claims |= {"backend/source@type": "unix", "backend/source@mode": "connect"}
    if claims["backend@type"] == "emulator" and claims.get("@model") == "tpm-crb":
        claims.setdefault("backend@version", "2.0")


TPM = Group(
    name="tpm",
    at="devices/tpm",
    doc="The Trusted Platform Module; by default an emulated one.",
    fields=_FIELDS,
    short=("model",),
    derive=_derive,
    derived={"backend/source@type": "socket", "backend/source@mode": "socket"},
    example={"model": "tpm-crb", "version": "2.0"},
)
