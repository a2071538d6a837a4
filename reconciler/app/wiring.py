"""Which adapter stands behind which port. Imports happen where they are needed, so that `--help` stays fast."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.app.image_settings import ImageSettings
    from reconciler.app.settings import Selection, Settings
    from reconciler.app.sources import Gathered
    from reconciler.kind import Kind
    from reconciler.model.secrets import Seal
    from reconciler.ports import Cache, Clock, Handle, Images, Ledger, Reach, Source, Vault


def kinds() -> Mapping[str, Kind]:
    """Every kind by name."""
    from reconciler.kinds import KINDS

    return KINDS


def source(settings: Settings, selection: Selection) -> Source:
    """The desired state: the directory as it is, or a git revision of it."""
    from reconciler.adapters.files import DirectorySource
    from reconciler.adapters.git import GitSource, WorkTree

    if selection.revision:
        return GitSource(settings.directory, selection.revision)
    return DirectorySource(settings.directory, WorkTree(settings.directory), settings.apart)


def gathered(settings: Settings, selection: Selection) -> Gathered:
    """The desired state with what it is based on and its values, read."""
    from reconciler.adapters.files import read_file
    from reconciler.app.sources import Gathered

    return Gathered(source(settings, selection), [read_file(path) for path in settings.values])


def cache(settings: Settings) -> Cache:
    """The cache of parsed documents and verdicts."""
    from reconciler.adapters.cache import SqliteCache

    return SqliteCache(settings.cache_dir)


def images(settings: Settings, cache: Cache) -> Images:
    """Files and web pages as content of volumes."""
    from reconciler.adapters.image_download import Web
    from reconciler.adapters.images import USUAL_LIMIT, USUAL_ROOM, LocalImages

    given = settings.images
    return LocalImages(
        settings.cache_dir / "images",
        settings.directory,
        cache,
        Web(ca=given.ca, authorization=lambda host: _authorization(given, host)),
        limit=given.limit or USUAL_LIMIT,
        room=given.room or USUAL_ROOM,
    )


def _authorization(given: ImageSettings, host: str) -> str:
    """The header that authorises at a host, "" where the operator has said nothing. Raises R615."""
    from base64 import b64encode

    from reconciler.adapters.vault import OutsideVault, Tree

    login = given.logins.get(host)
    if login is None:
        return ""
    nothing = Tree(content=lambda path: b"", parsed=lambda content, file: ())
    secret = OutsideVault(given.grants, nothing, os.environ).value(login.secret).reveal()
    return f"Basic {b64encode(f'{login.user}:{secret}'.encode()).decode()}" if login.user else f"Bearer {secret}"


def clock() -> Clock:
    """The machine's clock."""
    from reconciler.adapters.clock import SystemClock

    return SystemClock()


def vault(settings: Settings, tree: Source) -> Vault:
    """Where secret values are kept, as far as the settings grant it; encrypted files are those of the desired state."""
    from reconciler.adapters.vault import OutsideVault, Tree
    from reconciler.app.sources import parsed

    return OutsideVault(settings.grants, Tree(content=tree.content, parsed=parsed), os.environ)


def seal(settings: Settings) -> Seal:
    """What stands for secret values in everything that is kept, shown or compared."""
    from reconciler.adapters.seal_key import SealKey
    from reconciler.model.secrets import Seal

    return Seal(SealKey(settings.state_dir / "secret.key"))


def reach() -> Reach:
    """The network around this machine."""
    from reconciler.adapters.reach import NetworkReach

    return NetworkReach()


def ledger(settings: Settings, host: str) -> Ledger:
    """The history of one host."""
    from reconciler.adapters.ledger import GitLedger

    folders = {kind.name: kind.folder for kind in kinds().values()}
    return GitLedger(settings.state_dir / "ledger.git", host, folders=folders, author=who(), clock=clock())


@contextmanager
def lock(settings: Settings, host: str, uri: str | None, operation: str) -> Iterator[None]:
    """The right to write to one host. Raises BusyError where another writer has it.

    It is held twice: in the state directory, and for the whole machine, since two state directories may know one host
    (an embedded host belongs to one state directory anyway).
    """
    from reconciler.adapters.lock import HostLock, machine_wide

    shared = None if (uri or "").startswith(("embedded", "test:")) else machine_wide()
    with ExitStack() as stack:
        stack.enter_context(HostLock(settings.state_dir, host, operation, clock(), timeout=settings.lock_timeout))
        if shared is not None:
            name = host_name(uri)
            stack.enter_context(HostLock(shared, name, operation, clock(), timeout=settings.lock_timeout))
        yield


@contextmanager
def connection(settings: Settings, uri: str | None) -> Iterator[Handle]:
    """One host's libvirt. Raises UnreachableError or DeniedError."""
    from reconciler.adapters.virt.connection import connect

    with connect(uri, settings.state_dir) as handle:
        yield handle


def host_name(uri: str | None) -> str:
    """What the host behind a URI is called where no Host document names it."""
    from reconciler.adapters.virt.connection import host_name as name

    return name(uri, os.uname().nodename)


def who() -> str:
    """The person at work as git names authors: `root <root@hv1>`."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return f"{user} <{user}@{os.uname().nodename}>"
