"""The settings: each one's name, what it does, and what it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.app.grants import read_grants
from reconciler.app.image_settings import read_images
from reconciler.model.documents import Mode
from reconciler.model.quantities import parse_duration

NAME = "reconciler.yaml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One setting: how it is written, what it does, and the check that gives its value or raises ValueError.

    `inner` finds what is wrong inside a value that has parts: each complaint with its path in the value.
    """

    name: str
    doc: str
    example: str
    default: str
    check: Callable[[object], object]
    inner: Callable[[object], Iterator[tuple[tuple[str | int, ...], str]]] | None = None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("wants text")
    return value


def _path(value: object) -> str:
    try:
        return str(Path(_text(value)).expanduser())
    except RuntimeError as error:
        raise ValueError("names a user who has no home directory") from error


def _paths(value: object) -> object:
    """One path or a list of them; they count from the desired state's own directory, wherever it lies."""
    for each in value if isinstance(value, list) else [value]:
        if _text(each).startswith("/"):
            raise ValueError("wants a path from this directory, or a list of them")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise ValueError("wants a whole number from 1 to 1000")
    return value


def _mode(value: object) -> str:
    words = [mode.value for mode in Mode if mode is not Mode.IGNORE]
    if value not in words:
        raise ValueError(f"wants {', '.join(words[:-1])} or {words[-1]}")
    return str(value)


def _duration(value: object) -> int:
    if value == 0:
        return 0
    if not isinstance(value, str):
        raise ValueError("wants a duration such as 30s or 5m")
    return parse_duration(value)


def _policy(value: object) -> object:
    return value


def _policy_complaints(value: object) -> Iterator[tuple[tuple[str | int, ...], str]]:
    from reconciler.policy.policies import complaints  # Most runs have no policy.

    return complaints(value)


KEYS: tuple[Key, ...] = (
    Key(
        name="source",
        doc="Directory with the manifests, from the settings file's own directory. `-C` wins over it.",
        example="desired-state",
        default="the directory of the settings file",
        check=_path,
    ),
    Key(
        name="base",
        doc="Directories of the same repository whose documents and values this one takes over, the lowest first. "
        f"Only in the {NAME} of the desired state's own directory.",
        example="../../base",
        default="none",
        check=_paths,
    ),
    Key(
        name="values",
        doc="Values files for ${values.…}, the nearest last; values.yaml in the directory comes before them. "
        f"`--values` wins over them. Only in the {NAME} of the desired state's own directory.",
        example="values-prod.yaml",
        default="values.yaml, if it is there",
        check=_paths,
    ),
    Key(
        name="connect",
        doc="Host where no Host document says otherwise: a libvirt URI, or `embedded`. "
        "`--connect` and LIBVIRT_DEFAULT_URI win over it.",
        example="qemu:///system",
        default="libvirt's own default, as virsh picks it",
        check=_text,
    ),
    Key(
        name="stateDir",
        doc="Directory of the ledger, the embedded host and the locks. `--state-dir` wins over it.",
        example="/srv/reconciler",
        default="/var/lib/reconciler as root, else $XDG_STATE_HOME/reconciler",
        check=_path,
    ),
    Key(
        name="owner",
        doc="Name that marks the objects of this repository; two repositories on one host need different ones.",
        example="web-team",
        default="taken from the repository",
        check=_text,
    ),
    Key(
        name="parallelism",
        doc="Changes at once over all hosts. `--parallelism` wins over it.",
        example="20",
        default="10",
        check=_count,
    ),
    Key(
        name="lockTimeout",
        doc="How long to wait for another writer on a host. `--lock-timeout` wins over it.",
        example="30s",
        default="0s: fail at once and say who holds the lock",
        check=_duration,
    ),
    Key(
        name="mode",
        doc="The most that any document may bind: `observe` shows what differs and changes nothing, whatever documents "
        "say; `createOnly` makes what is missing and changes or deletes nothing.",
        example="observe",
        default="enforce: each document as it says",
        check=_mode,
    ),
    Key(
        name="secrets",
        doc="What manifests may name as the place of a secret value: `commands` (a program, or a list that a command "
        "line has to begin with), `files` (directories), `env` (names, with wildcards); and `ageKeyFile`, the keys "
        "that open SOPS and age files. Counts only in a settings file outside the desired state's tree (its git work "
        "tree), or in one that `--config` names: those who commit manifests cannot grant themselves anything.",
        example="{commands: [[pass, show]], files: [/run/keys], env: [RECONCILER_*], ageKeyFile: /etc/reconciler/age}",
        default="nothing may be named but encrypted files of the repository",
        check=read_grants,
    ),
    Key(
        name="images",
        doc="How images are fetched ([how](../how-to/images.md)): `ca`, the file of a private certificate authority; "
        "`credentials` by host name, a `token` or a `user` and `password`, whose values are a file, a variable or a "
        "command's output; `cacheSize`, what the fetched files may take; `maxSize`, what one may hold. Where it stands "
        "is as for `secrets`.",
        example="{credentials: {images.example.com: {token: {env: IMAGES_TOKEN}}}, cacheSize: 50GiB}",
        default="the system's authorities, no credentials, 20GiB kept, 100GiB for one",
        check=read_images,
    ),
    Key(
        name="policy",
        doc="What manifests may not ask for ([how](../how-to/policy.md)). It binds where it stands in "
        "/etc/reconciler/config.yaml, which is read for it whatever other file there is, or in the file that "
        "`--config` names. In a file of the repository it only narrows that further.",
        example="{preset: guarded, paths: [/srv/guests]}",
        default="manifests may ask for anything",
        check=_policy,
        inner=_policy_complaints,
    ),
)
