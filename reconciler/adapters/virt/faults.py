"""libvirt's errors in the words of the catalogue: one table, from (code, domain, text) to a number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import libvirt

from reconciler.errors import ReconcilerError, trouble
from reconciler.model.refs import Ref

RPC = libvirt.VIR_FROM_RPC


@dataclass(frozen=True, slots=True)
class Row:
    """Errors with this code get this number. None for `domain` and "" for `text` match all; `text` is searched for.

    `name` is libvirt's (virterror.h) without `VIR_ERR_`; a code that the installed libvirt-python lacks never comes.
    """

    name: str
    number: str
    domain: int | None = None
    text: str = ""

    def matches(self, code: int, domain: int, message: str) -> bool:
        return (
            getattr(libvirt, f"VIR_ERR_{self.name}", None) == code
            and self.domain in (None, domain)
            and (not self.text or re.search(self.text, message, re.IGNORECASE) is not None)
        )


def _rows(number: str, names: str) -> tuple[Row, ...]:
    return tuple(Row(name, number) for name in names.split())


# Texts that name a lost connection; libvirt gives them code 1 or 38 (rpc/virnetclient.c, remote_driver.c, 9.0 to 12).
_LOST = r"client socket is closed|connection reset|broken pipe|keepalive|end of file while reading|input/output error"
_FORBIDDEN = r"permission denied|access denied|authentication|host key verification failed"
_LOCKED = r"cannot acquire state change lock|another .*job .*(active|running)|already .*active block job"

# First match wins.
TABLE: tuple[Row, ...] = (
    Row("SYSTEM_ERROR", "R603", RPC, _FORBIDDEN),
    Row("SYSTEM_ERROR", "R602", RPC, _LOST),
    Row("SYSTEM_ERROR", "R601", RPC),
    Row("SYSTEM_ERROR", "R601", libvirt.VIR_FROM_REMOTE),
    Row("INTERNAL_ERROR", "R602", RPC),
    Row("INTERNAL_ERROR", "R602", None, _LOST),
    Row("OPERATION_INVALID", "R605", None, _LOCKED),
    Row("OPERATION_FAILED", "R605", None, _LOCKED),
    *_rows("R601", "NO_CONNECT UNKNOWN_HOST GNUTLS_ERROR RPC SSH LIBSSH NO_XENSTORE"),
    *_rows("R602", "INVALID_CONN"),
    *_rows("R603", "OPERATION_DENIED AUTH_FAILED AUTH_CANCELLED AUTH_UNAVAILABLE ACCESS_DENIED"),
    *_rows("R605", "OPERATION_TIMEOUT RESOURCE_BUSY BLOCK_COPY_ACTIVE"),
    *_rows(
        "R608", "NO_DOMAIN NO_NETWORK NO_STORAGE_POOL NO_STORAGE_VOL NO_SECRET NO_NWFILTER NO_INTERFACE NO_NODE_DEVICE"
    ),
    *_rows("R608", "NO_DOMAIN_SNAPSHOT NO_DOMAIN_CHECKPOINT NO_DOMAIN_BACKUP NO_NWFILTER_BINDING NO_NETWORK_PORT"),
    *_rows(
        "R604",
        "OK INTERNAL_ERROR NO_MEMORY NO_SUPPORT INVALID_DOMAIN INVALID_ARG OPERATION_FAILED GET_FAILED POST_FAILED",
    ),
    *_rows(
        "R604", "HTTP_ERROR SEXPR_SERIAL NO_XEN XEN_CALL OS_TYPE NO_KERNEL NO_ROOT NO_SOURCE NO_TARGET NO_NAME NO_OS"
    ),
    *_rows(
        "R604", "NO_DEVICE DRIVER_FULL CALL_FAILED XML_ERROR DOM_EXIST OPEN_FAILED READ_FAILED PARSE_FAILED CONF_SYNTAX"
    ),
    *_rows("R604", "WRITE_FAILED XML_DETAIL INVALID_NETWORK NETWORK_EXIST SYSTEM_ERROR NO_SECURITY_MODEL INVALID_MAC"),
    *_rows("R604", "NO_DOMAIN_METADATA INVALID_STORAGE_POOL INVALID_STORAGE_VOL INVALID_NODE_DEVICE OPERATION_INVALID"),
    *_rows(
        "R604",
        "INVALID_INTERFACE MULTIPLE_INTERFACES INVALID_NWFILTER BUILD_FIREWALL INVALID_SECRET CONFIG_UNSUPPORTED",
    ),
    *_rows(
        "R604", "MIGRATE_PERSIST_FAILED HOOK_SCRIPT_FAILED INVALID_DOMAIN_SNAPSHOT INVALID_STREAM ARGUMENT_UNSUPPORTED"
    ),
    *_rows(
        "R604",
        "STORAGE_PROBE_FAILED STORAGE_POOL_BUILT SNAPSHOT_REVERT_RISKY OPERATION_ABORTED MIGRATE_UNSAFE OVERFLOW",
    ),
    *_rows(
        "R604",
        "OPERATION_UNSUPPORTED AGENT_UNRESPONSIVE DBUS_SERVICE STORAGE_VOL_EXIST CPU_INCOMPATIBLE DEVICE_MISSING",
    ),
    *_rows("R604", "XML_INVALID_SCHEMA MIGRATE_FINISH_OK NO_SERVER NO_CLIENT AGENT_UNSYNCED INVALID_NWFILTER_BINDING"),
    *_rows(
        "R604", "INVALID_DOMAIN_CHECKPOINT INVALID_NETWORK_PORT NETWORK_PORT_EXIST NO_HOSTNAME CHECKPOINT_INCONSISTENT"
    ),
    *_rows("R604", "MULTIPLE_DOMAINS AGENT_COMMAND_TIMEOUT AGENT_COMMAND_FAILED"),
)


def number_of(code: int, domain: int, message: str) -> str:
    """The catalogue's number for a libvirt error; R604 for a code that the table does not know."""
    return next((row.number for row in TABLE if row.matches(code, domain, message)), "R604")


def translate(error: libvirt.libvirtError, host: str, ref: Ref | None = None) -> ReconcilerError:
    """The error in our words, with libvirt's own text."""
    said = error.get_error_message() or str(error)
    number = number_of(error.get_error_code() or 0, error.get_error_domain() or 0, said)
    where = f"{ref} on {host}" if ref else host
    return trouble(number, f"libvirt says: {said}", where)


@contextmanager
def translating(host: str, ref: Ref | None = None) -> Iterator[None]:
    """Inside, an error of libvirt leaves as ours, chained; every other exception passes untouched."""
    try:
        yield
    except libvirt.libvirtError as error:
        raise translate(error, host, ref) from error


def silence() -> None:
    """Keep libvirt from printing its errors to standard error: they are all raised."""
    libvirt.registerErrorHandler(_say_nothing, None)


def _say_nothing(context: object, error: object) -> None:
    return None
